"""Text that was decoded with the wrong table, put right.

Four mistakes are common in a shop's exports: UTF-8 read as Latin-1 or Windows-1252 (è´¨é‡ …), UTF-8 read as GBK (璐ㄩ噺
…), GBK read as Latin-1 (ÖÊÁ¿ …) and surrogate pairs left apart. `ftfy` knows the first; the two with GBK are ours: a
text is mended only when the way back gives common Chinese characters, so that French, German and rare characters stay.

All guards are cheap: an ordinary text costs one scan.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

# Lead bytes of UTF-8 in Latin-1; × (size 10×20) is left out on purpose.
_LATIN_SUSPECT = re.compile(r"[\xc2-\xd6\xd8-\xf4]|[\ud800-\udfff]")
_LATIN = re.compile(r"[\x80-\xff]")
_HIGH_RUN = re.compile(r"[\xa1-\xfe]{4,}")  # two characters of Chinese and more
_UPPER, _LOWER, _SYMBOL = (
    re.compile("[\xc0-\xd6\xd8-\xde]"),
    re.compile("[\xdf-\xf6\xf8-\xfe]"),
    re.compile("[\xa1-\xbf]"),
)
_LOST = re.compile("\ufffd+")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def _gbk_suspects() -> str:
    """What the first two bytes of a Chinese character in UTF-8 (E4-E9, then 80-BF) look like when read as GBK."""
    found = []
    for lead in range(0xE4, 0xEA):
        for trail in range(0x80, 0xC0):
            found.append(bytes([lead, trail]).decode("gb18030"))
    return "".join(found)


GBK_SUSPECTS = _gbk_suspects() + "锛銆"
"""Characters that wrong decoding by GBK leaves, and Chinese hardly uses."""
_GBK_SUSPECT = re.compile(f"[{GBK_SUSPECTS}]")
_SUSPECT = re.compile(rf"[\xc2-\xd6\xd8-\xf4\ud800-\udfff{GBK_SUSPECTS}]")
"""Either sign: ordinary texts are seen once."""

_LETTER = re.compile(r"[^\W_]")
_LEAD = "[\xc2-\xd6\xd8-\xf4]"
_TRAIL = "[\x80-\xbf\u0152-\u02dc\u2013-\u2122]"
_STOP = "[\u2013\u2014\u2018\u2019\u201c\u201d\u2022\u2026\xab\xbb\xb0\xb7]"
_WRECK = re.compile(
    r"[\ufffd\ue000-\uf8ff\x80-\x9f]+|(?:锟斤拷?|斤拷)+|烫烫烫+|屯屯屯+"
    # Bytes of UTF-8. × (10×…) leads none, and a lone é before a stop (café…) is the end of a word.
    rf"|(?!{_LEAD}{_STOP}+(?!{_LEAD}|{_TRAIL}))(?:{_LEAD}{_TRAIL}{{1,3}})+"
)
_WRECK_SIGN = re.compile(f"[\ufffd\ue000-\uf8ff\x80-\xff锟烫屯{GBK_SUSPECTS}]")


def mend(text: str) -> str:
    """The text as it was meant; the same text when nothing is wrong or there is no sure way back."""
    if not _SUSPECT.search(text):
        return text
    if _LATIN_SUSPECT.search(text):
        text = _from_latin_gbk(text)
        if _LATIN_SUSPECT.search(text):
            text = _without_lone_surrogates(_by_ftfy(text))
    if _GBK_SUSPECT.search(text):
        text = _from_gbk_utf8(text)
    return text


def _by_ftfy(text: str) -> str:
    import ftfy

    return ftfy.fix_text(text, _ftfy_config())


@cache
def _ftfy_config() -> Any:
    """Only what is about wrong decoding: the defaults would turn Chinese punctuation into ASCII."""
    import ftfy

    return ftfy.TextFixerConfig(
        unescape_html=False,
        remove_terminal_escapes=False,
        fix_latin_ligatures=False,
        fix_character_width=False,
        uncurl_quotes=False,
        fix_line_breaks=False,
        remove_control_chars=False,
        normalization=None,
    )


def _without_lone_surrogates(text: str) -> str:
    """Halves of a pair are put together; a half alone is no character and becomes U+FFFD."""
    if not _SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _from_latin_gbk(text: str) -> str:
    """GBK that was read as Latin-1: runs of high characters which, taken as GBK, are common Chinese."""
    if len(_LATIN.findall(text)) < 4 or not any(_is_no_list(run) for run in _HIGH_RUN.findall(text)):
        return text

    def back(found: re.Match[str]) -> str:
        raw = found.group().encode("latin-1")
        if _is_utf8(raw):
            return found.group()
        try:
            meant = raw.decode("gb18030")
        except UnicodeDecodeError:
            return found.group()
        return meant if common_share(meant) >= 0.8 else found.group()

    return _HIGH_RUN.sub(back, text)


def _is_no_list(run: str) -> bool:
    """Whether a run is more than signs in a row (····) or letters of one case (ÀÉÈÙ): to GBK those are Chinese too."""
    kinds = [bool(kind.search(run)) for kind in (_SYMBOL, _UPPER, _LOWER)]
    return len(run) >= 4 and len(set(run)) >= 3 and sum(kinds) >= 2


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _from_gbk_utf8(text: str) -> str:
    """UTF-8 that was read as GBK or GB 18030, also with some bytes lost (a text of odd length loses one)."""
    if len(_GBK_SUSPECT.findall(text)) * 5 < _wide(text):
        return text
    raw = b"\xff".join(part.encode("gb18030", "replace") for part in text.split("\ufffd"))
    meant = _LOST.sub("\ufffd", raw.decode("utf-8", "replace"))
    lost = meant.count("\ufffd")
    readable = sum(map(_common().__contains__, meant))
    # Three bytes make one character: less than that is no way back. A loss is borne up to a third of the characters.
    return meant if readable and readable >= 2 * lost and common_share(meant.replace("\ufffd", "")) >= 0.8 else text


def wreck_share(text: str) -> float:
    """Share of a text, spaces aside, that is wreckage of a wrong decoding even after `mend`."""
    if not _WRECK_SIGN.search(text) and "????" not in text:
        return 0.0
    wreck = sum(len(found) for found in _WRECK.findall(text))
    foreign = len(_GBK_SUSPECT.findall(text))
    # A rare character alone is no wreck, nor are two in their own words (瑕不掩瑜): what was UTF-8 still shows it.
    if foreign >= 2 and 4 * _common_in_utf8(text) >= foreign:
        wreck += 2 * foreign
    if _LETTER.search(text) is None:
        wreck += text.count("?")  # an encoder that knows no Chinese writes ????
    solid = len("".join(text.split()))
    return min(1.0, wreck / solid) if solid else 0.0


def _common_in_utf8(text: str) -> int:
    """How many common Chinese characters the bytes of a text in GB 18030 hold when they are read as UTF-8."""
    return sum(map(_common().__contains__, text.encode("gb18030", "replace").decode("utf-8", "ignore")))


def common_share(text: str) -> float:
    """Share of a text's characters beyond ASCII that are everyday Chinese (GB 2312 level 1) or Chinese punctuation."""
    wide = _wide(text)
    return sum(map(_common().__contains__, text)) / wide if wide else 0.0


def _wide(text: str) -> int:
    """How many characters are beyond ASCII."""
    return sum(map("\x7f".__lt__, text))


@cache
def _common() -> frozenset[str]:
    """Chinese punctuation, and what GB 2312 has in its rows B0 to D7."""
    pairs = (
        bytes([lead, trail]).decode("gb2312", "ignore") for lead in range(0xB0, 0xD8) for trail in range(0xA1, 0xFF)
    )
    return frozenset("，。！？、；：“”‘’（）《》【】…—～·￥").union(pairs) - {""}
