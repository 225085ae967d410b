"""Numbers as people write them: 1,299.00, 1.5万, 三千五, 二〇二四, twelve."""

from __future__ import annotations

from decimal import Decimal

_DIGITS = {
    **{sign: value for value, sign in enumerate("零一二三四五六七八九")},
    **{sign: value for value, sign in enumerate("零壹贰叁肆伍陆柒捌玖")},
    "〇": 0,
    "两": 2,
}
_TENS = {"十": 10, "百": 100, "千": 1000, "拾": 10, "佰": 100, "仟": 1000}
_LARGE = {"万": 10_000, "亿": 100_000_000}
SCALES = {**_LARGE, "千": 1000, "百": 100, "k": 1000, "w": 10_000}
"""What may stand behind digits: 1.5万, 3k."""
CHINESE = "".join([*_DIGITS, *_TENS, *_LARGE])
"""Signs of Chinese numerals."""
WORDS = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11,
    "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50,
    "sixty": 60, "ninety": 90, "hundred": 100,
}  # fmt: skip
"""English words that are numbers when a unit follows ("one" is an article more often than a number)."""


def plain(text: str) -> Decimal:
    """Digits with separators of thousands: `1,299.00` -> 1299."""
    return simple(Decimal(text.replace(",", "")))


def chinese(text: str) -> Decimal | None:
    """A Chinese numeral; None when the signs make no number (万万).

    Without a power of ten the digits are read one by one (二〇二四 is 2024); 三千五 and 一百二 are 3500 and 120.
    """
    whole, dot, part = text.partition("点")
    if dot:
        above = chinese(whole)
        if above is None or not part or any(sign not in _DIGITS for sign in part):
            return None
        return simple(above + Decimal("0." + "".join(str(_DIGITS[sign]) for sign in part)))
    if all(sign in _DIGITS for sign in text):
        return Decimal("".join(str(_DIGITS[sign]) for sign in text)) if text else None
    total, section, digit, last = 0, 0, 0, 1
    for at, sign in enumerate(text):
        if sign in _DIGITS:
            digit = _DIGITS[sign]
            ends = at == len(text) - 1
            if ends and last >= 100 and text[at - 1] not in "零〇":
                digit *= last // 10
        elif sign in _TENS:
            section += (digit or (1 if at == 0 or not section else 0)) * _TENS[sign]
            digit, last = 0, _TENS[sign]
        else:
            section += digit
            if not section and not total:
                return None
            total = (total + section) * _LARGE[sign] if sign == "亿" else total + section * _LARGE[sign]
            section, digit, last = 0, 0, _LARGE[sign]
    return Decimal(total + section + digit)


def simple(number: Decimal) -> Decimal:
    """The same number in one spelling: 1299.00 and 1299 are equal as text, too."""
    return Decimal(f"{number.normalize():f}")
