"""Another spelling of the same digits and signs, character by character, so that positions stay."""

from __future__ import annotations

import unicodedata

_SAME = {
    **dict.fromkeys("‐‑‒–—―−－﹣", "-"),
    **dict.fromkeys("·・•．｡", "."),
    **dict.fromkeys("\u00a0\u3000\u2002\u2003\u2009\u202f", " "),
    "＋": "+",
}


class _FoldTable(dict[int, int]):
    """Full width -> half width, circled and mathematical digits -> digits; filled as characters are met."""

    def __missing__(self, code: int) -> int:
        character = chr(code)
        folded = _SAME.get(character, "")
        if not folded and code > 0x7F:
            digit = unicodedata.digit(character, None)
            simple = unicodedata.normalize("NFKC", character)
            if digit is not None:
                folded = str(digit)
            elif len(simple) == 1 and simple.isascii():
                folded = simple
        value = ord(folded) if folded else code
        self[code] = value
        return value


_TABLE = _FoldTable()
_SPELLED = str.maketrans("零〇一二三四五六七八九幺壹贰叁肆伍陆柒捌玖", "001234567891123456789")


def fold(text: str) -> str:
    """Same length as `text`: digits, letters and dashes of any width as ASCII, Chinese commas too."""
    return text if text.isascii() else text.translate(_TABLE)


def spelled(text: str) -> str:
    """Same length as `text`: Chinese numerals as digits (一三八… -> 138…)."""
    return text.translate(_SPELLED)
