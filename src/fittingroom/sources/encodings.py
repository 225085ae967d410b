"""Which encoding the first bytes of a file are in, told by what people write. Pure: bytes in, a name out."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Callable

BIG5 = "big5hkscs"
"""Big5 as it is written in Taiwan and Hong Kong."""
_LOOKED_AT = 1 << 16
_PUNCTUATION = frozenset("，。！？、：；“”（）「」『』…《》～·【】—\u3000")
_READABLE = re.compile(r"[\t\n\r -~\u00a0-\u024f\u2000-\u206f\u3000-\u30ff\u3400-\u9fff\uff00-\uffef]")


def wide(head: bytes) -> str:
    """The UTF-16 of a file without a byte order mark, by its zero bytes; "" for a file that merely holds some.

    Every letter of ASCII has one, always on the same side. A stray zero byte in UTF-8 or GBK is no sign of it.
    """
    head = head[: min(len(head), _LOOKED_AT) & ~1]
    even, odd = head[0::2].count(0), head[1::2].count(0)
    name, most, least = ("utf-16-le", odd, even) if odd > even else ("utf-16-be", even, odd)
    half = max(1, len(head) // 2)
    if most >= 0.5 * half and least <= 0.1 * most:
        return name
    # Chinese in UTF-16 has zeros in commas, digits and line ends (and 一, on the other side); as UTF-8 it is broken.
    if most < 0.02 * half or _broken(head, "utf-8") < 0.02 * len(head):
        return ""
    texts = {name: head.decode(name, "replace") for name in ("utf-16-le", "utf-16-be")}
    name = max(texts, key=lambda one: len(_READABLE.findall(texts[one])))
    return name if len(_READABLE.findall(texts[name])) >= 0.9 * len(texts[name]) else ""


def is_big5(head: bytes) -> bool:
    """Whether bytes that could be Big5 or GB 18030 are Big5.

    Nearly all Big5 is GB 18030 as well, of other characters. Both standards put the characters that people write first
    (level 1: 5,401 of Big5 by frequency, 3,755 of GB 2312), so what is read rightly is made of these: on reviews in
    Chinese at least four characters of five, against one of five read wrongly.
    """
    as_big5 = _frequent(head, BIG5, lambda code: 0xA4 <= code[0] <= 0xC6)
    as_gb = _frequent(head, "gb18030", lambda code: 0xB0 <= code[0] <= 0xD7 and code[1] >= 0xA1)
    return as_big5 >= 0.5 and as_big5 >= as_gb + 0.3


def _frequent(head: bytes, encoding: str, is_level_1: Callable[[bytes], bool]) -> float:
    """Share of the characters beyond ASCII that are frequent ones; 0 where the bytes are no text in the encoding."""
    text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(head)
    counts = Counter(character for character in text if character > "\x7f")
    total = counts.total()
    if total < 2 or counts["\ufffd"] > 0.05 * total:
        return 0.0
    good = 0
    for character, count in counts.items():
        code = character.encode(encoding, "ignore")
        good += count * (character in _PUNCTUATION or (len(code) == 2 and is_level_1(code)))
    return good / total


def is_western(head: bytes) -> bool:
    """Whether the bytes beyond ASCII are single accents and curly quotes between Latin letters, as in Windows-1252.

    GB 18030 always has them in pairs, and `it’s` of Windows would turn into it抯.
    """
    runs = re.findall(rb"[\x80-\xff]+", head)
    single = sum(1 for run in runs if len(run) == 1)
    between = len(re.findall(rb"[A-Za-z ,.][\x80-\xff][A-Za-z ,.]", head))
    return bool(runs) and single >= 0.9 * len(runs) and between >= 0.5 * len(runs)


def _broken(head: bytes, encoding: str) -> int:
    text = codecs.getincrementaldecoder(encoding)(errors="surrogateescape").decode(head)
    return sum(1 for character in text if "\udc80" <= character <= "\udcff")
