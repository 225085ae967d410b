"""What an answer claims that can be checked: numbers with units, prices, offers, sizes, colours, times, dates, codes.

Rules, no model: a claim is a piece of text that must stand in the facts as well, whatever its width, its unit (3 kg and
3000克 are equal) or its numerals (三天 and 3 days). Digits that redaction took out (`[数字x]`) claim nothing that could
be checked; "one of them", 第一 and the numbers of a list are no claims.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from fittingroom.statistics.generation.measures import COLOURS, PRICE, SIGNS, UNITS
from fittingroom.statistics.generation.numerals import CHINESE, SCALES, WORDS, chinese, plain, simple
from fittingroom.statistics.generation.offers import HALF, offers
from fittingroom.statistics.generation.tokens import normal


class Claim(NamedTuple):
    """One thing that an answer says. Equal claims are equal in both fields."""

    kind: str
    """number, price, offer, size, colour, time, date, code."""
    value: str
    """In one spelling: `250` (number), `250 mm`, `buy 1 get 1`, `XL`, `red`, `09:30`, `0-05-01`, `usb3.0`."""
    written: str = ""
    """number, price: the number as written, before its unit was taken into account."""


HALF_PRICE = Claim("price", "5 zhe", "5")
"""Half price is 5折."""


def _either(names: object) -> str:
    return "|".join(re.escape(name) for name in sorted(names, key=lambda name: (-len(name), name)))  # type: ignore[call-overload]


_HAN_UNITS = _either([name for name in UNITS if not name[-1].isascii() or not name[-1].isalpha()])
_LATIN_UNITS = _either([name for name in UNITS if name[-1].isascii() and name[-1].isalpha()])
_UNIT = rf"(?P<unit>{_HAN_UNITS}|(?:{_LATIN_UNITS})(?![a-z0-9]))"
_DIGITS = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_SIGN = _either({normal(sign) for sign in SIGNS})

_PLACEHOLDER = re.compile(r"\[[^\[\]\s]{1,40}\]")
_LIST_MARK = re.compile(
    r"(?m)(?:^|(?<=[\s。;,!]))(?:\(?\d{1,2}[、)](?!\d)|[一二三四五六七八九十]、)|^\s*\d{1,2}\.(?!\d)"
)
_DATE = re.compile(
    r"(?<![\d.])(?:(?P<y>\d{4})(?P<sep>[-/.])(?P<m>\d{1,2})(?P=sep)(?P<d>\d{1,2})|"
    r"(?:(?P<y2>\d{4})年)?(?P<m2>\d{1,2})月(?P<d2>\d{1,2})[日号])(?![\d.]*\d)"
)
_TIME = re.compile(r"(?<![\d:.])(?P<h>[01]?\d|2[0-4])(?::(?P<min>[0-5]\d)(?::[0-5]\d)?(?!\d)|点(?P<half>半)?(?!\d))")
_ORDINAL = re.compile(r"第[一二三四五六七八九十\d]+(?!件)")
_NUMBER = re.compile(
    rf"(?<![a-z0-9.])(?:(?P<sign>{_SIGN})\s*)?(?P<number>{_DIGITS})\s*(?P<scale>[万千百](?!\w*分之)|[kw](?![a-z0-9]))?"
    rf"(?:\s*{_UNIT})?(?![a-z0-9])"
)
_CHINESE = re.compile(
    rf"百分之(?P<share>[{CHINESE}点]+)|(?P<number>[{CHINESE}]+(?:点[{CHINESE}]+)?)\s*(?P<unit>{_HAN_UNITS})?"
)
_WORD = re.compile(rf"\b(?P<number>{_either(WORDS)})[\s-]+{_UNIT}")
_CODE = re.compile(r"(?<![a-z0-9])(?=[a-z0-9.\-]*[a-z])(?=[a-z0-9.\-]*\d)[a-z0-9]+(?:[.\-][a-z0-9]+)*(?![a-z0-9])")
_SIZE = re.compile(
    r"(?<![a-z0-9])(?:(?P<big>[2-9]xl|x{1,5}l|x{1,3}s)(?![a-z0-9])|(?P<one>[sml])(?=\s*[码号])"
    r"|(?:size|尺码|码数)\s*[:：]?\s*(?P<named>[sml])(?![a-z0-9])|(?P<free>均码|one size|free size))"
)
_SIZE_LISTED = re.compile(r"(?<![a-z0-9'’])(?P<one>[sml])(?![a-z0-9'’])")
_COLOUR = re.compile(
    rf"(?P<han>{_either([word for word in COLOURS if not word.isascii()])})色"
    rf"|\b(?P<latin>{_either([word for word in COLOURS if word.isascii()])})\b"
)
_COLOUR_BARE = re.compile(rf"(?P<han>{_either([word for word in COLOURS if not word.isascii()])})")
_BESIDE = frozenset(word for word in COLOURS if len(word) == 1) | frozenset("色款系底拼配和与或及、")
_BEFORE = _BESIDE | frozenset("深浅淡亮暗纯正大小哑磨是为有选")
_BEHIND = _BESIDE | frozenset("裙衣裤鞋帽包袜衫外上长短")
"""What may stand beside a bare colour (红裙, 深蓝, 黑白拼): in any other word the sign is no colour (金属, 网红)."""
_STOCK = re.compile(
    r"(?:库存|存货|现货|剩余|还剩|仅剩|剩|数量|件数|销量|stock|quantity|qty|left|available|units)[\s:=是为有_]*$"
)
"""What says that the bare number behind it counts things."""
_SMALL = re.compile(r"[一两][个件次种位下些点款套张条只]")
"""一个, 两次: a manner of speaking, no count."""


def claims(text: str, *, evidence: bool = False) -> list[Claim]:
    """What a text claims, in no order that matters, repetitions included.

    `evidence`: the text is a fact, not an answer, and is read generously: a goods card says 红 or M without a word
    beside it, and where an answer can be read in two ways, one of them is enough.
    """
    left = normal(text)
    found: list[Claim] = []
    for scan in (_dates, _offers, _times, _numbers, _numerals, _sizes, _codes, _colours):
        left = _PLACEHOLDER.sub(" ", left) if scan is _dates else left
        left = _LIST_MARK.sub(" ", left) if scan is _dates and not evidence else left
        for claim, start, end in list(scan(left, evidence)):
            found.append(claim)
            # What was read stays out of the later readings; the length stays, so that the places do.
            left = left[:start] + "\x00" * (end - start) + left[end:]
    return found


_Found = Iterator[tuple[Claim, int, int]]


def _dates(text: str, evidence: bool) -> _Found:
    for at in _DATE.finditer(text):
        year, month, day = (at["y"], at["m"], at["d"]) if at["m"] else (at["y2"], at["m2"], at["d2"])
        yield Claim("date", f"{int(year or 0)}-{int(month):02d}-{int(day):02d}"), *at.span()


def _offers(text: str, evidence: bool) -> _Found:
    """The number of pieces from which on shipping is free is a claim as well. Of a fact the figures are read, too."""
    for offer in offers(text):
        start = offer.end if evidence else offer.start
        yield HALF_PRICE if offer.value == HALF else Claim("offer", offer.value), start, offer.end
        if offer.pieces > 1:
            yield _measured(Decimal(offer.pieces), "件"), offer.end, offer.end


def _times(text: str, evidence: bool) -> _Found:
    for at in _TIME.finditer(text):
        minutes = "30" if at["half"] else at["min"] or "00"
        yield Claim("time", f"{int(at['h']):02d}:{minutes}"), *at.span()


def _numbers(text: str, evidence: bool) -> _Found:
    blanked = _ORDINAL.sub(lambda at: " " * len(at[0]), text)
    for at in _NUMBER.finditer(blanked):
        number = plain(at["number"]) * SCALES.get(at["scale"] or "", 1)
        unit = at["unit"] or at["sign"]
        if evidence and unit is None and _STOCK.search(blanked, 0, at.start()):
            unit = "件"
        yield _measured(number, unit), *at.span()
    for at in _WORD.finditer(blanked):
        yield _measured(Decimal(WORDS[at["number"]]), at["unit"]), *at.span()


def _numerals(text: str, evidence: bool) -> _Found:
    blanked = _ORDINAL.sub(lambda at: " " * len(at[0]), text)
    for at in _CHINESE.finditer(blanked):
        if at["share"]:
            number = chinese(at["share"])
            if number is not None:
                yield _measured(number, "%"), *at.span()
            continue
        word, unit = at["number"], at["unit"]
        if _SMALL.match(at[0]) or (unit is None and not evidence and not _is_count(word)):
            continue
        if len(word) == 2 and not set(word) & set("零〇十百千万亿拾佰仟"):
            for sign in word:  # 两三天, 三五件: about so many, not 23 or 35
                yield _measured(chinese(sign) or Decimal(0), unit), *at.span()
            continue
        number = chinese(word)
        if number is not None:
            yield _measured(number, unit), *at.span()


def _is_count(word: str) -> bool:
    """Whether a Chinese numeral without a unit is a number and no part of a word (十分, 万一, 三三两两)."""
    return len(word) >= 3 and any(sign in "十百千万" for sign in word[1:]) and word[0] not in "千万"


def _measured(number: Decimal, unit: str | None) -> Claim:
    written = str(simple(number))
    if unit is None:
        return Claim("number", written, written)
    family, factor = UNITS[unit]
    if family == "size":
        return Claim("size", written)
    return Claim("price" if family in PRICE else "number", f"{simple(number * factor)} {family}", written)


def _sizes(text: str, evidence: bool) -> _Found:
    for at in _SIZE.finditer(text):
        if at["free"]:
            yield Claim("size", "FREE"), *at.span()
            continue
        size = at["big"] or at["one"] or at["named"]
        yield Claim("size", _big(size)), *at.span()
    if evidence:
        for at in _SIZE_LISTED.finditer(text):
            yield Claim("size", at["one"].upper()), *at.span()


def _big(size: str) -> str:
    """XXL and 2XL are one size."""
    many = size[:-1]
    return f"{len(many)}X{size[-1].upper()}" if len(many) > 1 and set(many) == {"x"} else size.upper()


def _codes(text: str, evidence: bool) -> _Found:
    for at in _CODE.finditer(text):
        yield Claim("code", at[0]), *at.span()


def _colours(text: str, evidence: bool) -> _Found:
    for at in _COLOUR.finditer(text):
        yield Claim("colour", COLOURS[at["han"] or at["latin"]]), *at.span()
    if evidence:
        for at in _COLOUR_BARE.finditer(text):
            if _alone(text[: at.start()][-1:], _BEFORE) and _alone(text[at.end() :][:1], _BEHIND):
                yield Claim("colour", COLOURS[at["han"]]), *at.span()


def _alone(sign: str, beside: frozenset[str]) -> bool:
    """Whether a colour ends at this sign: it is none, no Chinese one, or one that stands beside colours."""
    return not "\u3400" <= sign <= "\u9fff" or sign in beside
