"""Words that advertising law forbids: absolute terms, as article 9 (3) of the Chinese Advertising Law names them
(国家级, 最高级, 最佳), and the like in English.

The list is a guard, not a lawyer: it holds the usual terms and lets through the usual harmless ones (第一次, 最后, best
before), which is what the guide of the market regulator of 2023 asks for: terms that praise are meant, not terms that
order in time or space or advise on use. A shop adds its own terms, and phrases that it may use. A mark or a space
inside a Chinese term hides it from nobody (最 佳, 顶-级), unless two words meet there (用到最后。好用, 白金 牌子).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from fittingroom.statistics.generation.absolutes import ALLOWED, FORBIDDEN, FORBIDDEN_EN
from fittingroom.statistics.generation.tokens import HAN, normal

_FIRST = r"第\s*1(?![\d.%])"
"""第1 is 第一."""
_NUMBERED = tuple(phrase.replace("第一", "第1") for phrase in ALLOWED if phrase.startswith("第一"))
_COUNTED = ("order", "model", "item", "part", "size", "step", "room", "line", "track", "phone", "serial", "question")
_RANKS = (
    _FIRST,
    r"(?<![a-z0-9])top\s*[.-]?\s*1(?![\d.])",
    r"(?<![a-z0-9])no\.?\s*1(?![\d.])",
    "".join(rf"(?<!{word} )" for word in _COUNTED) + r"(?<![a-z0-9])number[\s-]*1(?![\d]|[.,-]\d)",
)
"""Terms that are written in many ways; an order number 1 is no rank."""
_FEAT = "做到|实现|推出|通过|获得|获|采用|研发|开发|发明|提出|达到|拥有|能|把|将|用|专|真正|成功|品牌"
_HARMLESS = (
    # 最好 before a verb advises (最好用温水洗); before a noun, 的 or at the end it praises (最好用的锅, 最好选择).
    r"最好(?:是|先|不|在|将|把|要|能|提前|手洗|避免|别|还是|单独|搭配)",
    r"最好用(?=[^\W\d_])(?![的了吧啊哦吗呢])",
    r"(?<![的是])最好选(?!择[的了]?(?:\W|$))",
    # The first of several things orders; the first that did something praises (第一个做到零甲醛).
    rf"第[一1](?:个|位|件)(?!(?:敢|会|就)?(?:{_FEAT}))",
    # The first house of a street is a place (路口左转首家), the first of one's own shops a count (我们的首家门店).
    r"(?:路口|巷口|街口|村口|门口|出口|入口|拐角|进门|[左右](?:转|拐|手|侧|边))(?:的|第|边|处|旁|数)?首家",
    r"(?:我们|我司|本店|旗下|自己)(?:的)?首家",
    # A bestseller is counted; the bestseller outdoes all others.
    r"(?<!the )(?<!'s )(?<![a-z0-9])best[ -]?sell(?:ing|ers?)(?![a-z0-9])",
)
"""Harmless only before or after certain words."""
_MARK = r"[ \t\u200b\-·•・]"
"""What may be put between two characters of a term without ending a sentence."""
_ANY_MARK = r"[ \t\u200b\-·•・_*~.。]"
_NEVER_LAST = "最第唯"
"""No word or sentence ends with these: whatever mark follows, the term goes on behind it."""
_OWN_WORD = rf"(?:(?<![{HAN}])|(?<=[的是有为了款这]))"
"""Where a term of two characters can be no tail of another word (山顶 级别)."""


def forbidden(text: str, more: Sequence[str] = (), allowed: Sequence[str] = ()) -> list[str]:
    """The terms found in a text, each once, in the order of their place; of overlapping ones the longest.

    `more`: terms of the shop's own; `allowed`: phrases in which a term is harmless.
    """
    terms = (*FORBIDDEN, *FORBIDDEN_EN, *more)
    whole = _tight(normal(text).replace("’", "'"), terms)
    harmless = _pattern((*ALLOWED, *_NUMBERED, *allowed), _HARMLESS, spaced=True)
    plain = harmless.sub(lambda at: "\x00" * len(at[0]), whole)
    found = _pattern(terms, _RANKS).finditer(plain)
    return list(dict.fromkeys(at[0] for at in found))


def lawful(text: str, more: Sequence[str] = (), allowed: Sequence[str] = ()) -> float:
    """1 when no forbidden term stands in the text."""
    return float(not forbidden(text, more, allowed))


def _tight(text: str, terms: tuple[str, ...]) -> str:
    """The text without the marks inside Chinese terms."""
    return _parted(terms).sub(lambda at: re.sub(_ANY_MARK, "", at[0]), text)


@cache
def _parted(terms: tuple[str, ...]) -> re.Pattern[str]:
    """Chinese terms with a mark between any two characters, or none."""
    ordered = [term for term in _ordered(terms) if len(term) > 1 and re.fullmatch(rf"[{HAN}]+", term)]
    return re.compile(_any_of({term: _gapped(term) for term in ordered}))


def _gapped(term: str) -> str:
    """A Chinese term with room for one mark behind each character.

    Before 最 a phrase may begin (全国 最晚明天发货), and a short term may be made of the tail and the head of two
    words: there only what stands alone counts.
    """
    alone = _OWN_WORD if len(term) == 2 and term[0] not in _NEVER_LAST else ""
    return alone + "".join(map(_with_room, term, term[1:])) + term[-1]


def _with_room(sign: str, behind: str) -> str:
    if behind == "最":
        return sign
    return f"{sign}{_ANY_MARK if sign in _NEVER_LAST else _MARK}?"


def _ordered(terms: tuple[str, ...]) -> list[str]:
    """Each once and in one width and case, long ones first; blank ones are left out."""
    return sorted({normal(term).strip() for term in terms} - {""}, key=lambda term: (-len(term), term))


@cache
def _pattern(terms: tuple[str, ...], patterns: tuple[str, ...], *, spaced: bool = False) -> re.Pattern[str]:
    """Terms of Latin letters match whole words, others wherever they stand; blank ones match nothing.

    `spaced`: a mark may stand beside each Chinese character of a term.
    """
    bounded = {term: _bounded(term, spaced) for term in _ordered(terms)}
    return re.compile("|".join([_any_of(bounded), *patterns]))


def _any_of(patterns: dict[str, str]) -> str:
    """Term -> its pattern, as one pattern; most places of a text are passed over by their first character."""
    begins = "".join(re.escape(sign) for sign in sorted({term[0] for term in patterns}))
    return f"(?=[{begins}])(?:{'|'.join(patterns.values())})" if patterns else r"(?!)"


def _bounded(term: str, spaced: bool) -> str:
    before = r"(?<![a-z0-9])" if term[0].isascii() and term[0].isalnum() else ""
    after = r"(?![a-z0-9])" if term[-1].isascii() and term[-1].isalnum() else ""
    if spaced and not term.isascii():
        return before + f"{_MARK}?".join(map(re.escape, term.replace(" ", ""))) + after
    return before + r"\s+".join(map(re.escape, term.split(" "))) + after
