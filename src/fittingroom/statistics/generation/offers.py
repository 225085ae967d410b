"""Price promises without a price: half price, free shipping, buy two get one free, in Chinese and English.

Rules, no model: what is refused on the spot (不包邮, "no free shipping", 包邮: 否) or over (买一送一已结束) is none.
On what condition shipping is free is not compared, but for the number of pieces: a sum of money that stands beside it
is a claim of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from fittingroom.statistics.generation.numerals import CHINESE, WORDS, chinese

HALF, FREE = "half price", "free shipping"


class Offer(NamedTuple):
    """One offer and where it stands in the text."""

    value: str
    """`half price`, `free shipping`, `buy 2 get 1`."""
    start: int
    end: int
    pieces: int = 1
    """Of free shipping: from how many pieces on."""


_MEASURE = "[件个双条盒包瓶袋箱套台张支只款份]"
_FEW = "1[0-2]|[1-9]|[一二两三四五六七八九十]{1,2}"
_FEW_EN = "|".join([r"1[0-2]|[1-9]", "one", *WORDS])

_HALF = re.compile(
    r"半价|打对折|对折(?=优惠|促销|出售)|(?:价格?|售价)减半"
    r"|\bhalf[\s_-]*priced?\b|\bhalf (?:of )?the (?:\w+ )?price\b|\bhalf off\b(?! (?:the|one) shoulder)"
)
_COST = r"(?:运费|邮费|快递费)"
_CARRIED = r"(?:shipping|delivery|postage)"
_NOTHING = r"0(?:\.0+)?(?!\s*(?:[\d.~天日-]|days?))"
_FREE = re.compile(
    rf"包邮(?![区券劵卡]|地区|范围)|免邮(?![券劵卡箱件政])|(?:包|免[收除去]?){_COST}(?![险券劵])|{_COST}\s*[:=为是]?\s*(?:全免|减免|免|{_NOTHING})"
    rf"|[0零]{_COST}|不(?:收|要|用付|需要?)(?:任何)?{_COST}|免费(?:配送|送货|邮寄|寄送|快递)"
    rf"|(?<![\w-])(?<!(?:risk|duty) )(?<!hassle )(?<!contact )free[\s_-]+(?:(?!return)[\w-]+\s+)?{_CARRIED}\b"
    r"|\b(?:ships?|shipped|delivered)\s+(?:for\s+)?free\b(?! of)"
    rf"|\b{_CARRIED}(?:[\s_]+(?:fee|cost|charge)s?)?\s*(?:[:=]|is|are)?\s*(?:free\b(?! of)|{_NOTHING})"
    rf"|\bno {_CARRIED} (?:fee|cost|charge)s?\b"
)
_FROM = re.compile(
    rf"(?<![\d.])(?P<pieces>\d{{1,3}}|[{CHINESE}]{{1,3}})\s*{_MEASURE}"
    r"(?:[及或]?以上|起|即|就|可以?|才|能|都|也|全国|全场|直接|享受?|是|\s)*$"
)
_BUNDLE = re.compile(
    rf"(?:买|满|拍|购)\s*(?P<buy>{_FEW})\s*{_MEASURE}?\s*[就即可再立]?\s*[送赠]\s*(?P<get>{_FEW})(?![\d.{CHINESE}])"
    rf"(?!\s*[元块角折%])\s*{_MEASURE}?"
    rf"|\bbuy[\s_-]*(?P<buy_en>{_FEW_EN})[\s_,-]*(?:(?:item|piece|pair|pack)s?[\s,]*)?(?:and\s+)?(?:you\s+)?"
    rf"get[\s_-]*(?:the\s+)?(?P<get_en>{_FEW_EN}|second|next|another)(?![\d%])"
    r"(?!\s*(?:one\s+)?(?:at\s+|for\s+)?(?:half|\d+\s*%))(?:[\s_-]*free\b)?"
    r"|\b(?:bogo\b(?!\s*(?:half|50))|(?:two|2)[\s-]+for[\s-]+(?:the\s+price\s+of\s+)?(?:one|1)\b)"
)
_REFUSED = re.compile(
    r"(?:不|没有?|无|未|非)(?:再|能|会|是|可以?|支持|参加|参与|享受?|做|搞|有|提供|适用|给|打|属于|任何|什么|\s)*$"
    r"|(?:\b(?:no|not|never|without|cannot|nor)|n't)\s+(?:(?:currently|offer|offering|have|do|get|any|an?|the|be|provide"
    r"|include|support|run|running|eligible|qualify|for|at|on)\s+)*$"
)
_OVER = re.compile(
    r"\s*的?(?:活动|优惠|促销|服务)?\s*(?:(?:已经?|早就|都|目前|现在|暂时?)*"
    r"(?:结束|过期|截止|取消|下线|停止|没有了|没了|不支持|不适用|不参加|不行|不可以|不再)|[:=]\s*(?:否|不|无|没|no\b|false|n/a))"
    r"|\s*(?:offer|promotion|deal|sale)?s?\s*(?:(?:is|was|are|has|have)\s+(?:already\s+|now\s+)?(?:over|ended|expired"
    r"|unavailable|not\b)|isn't|ended\b|expired\b)"
)


def offers(text: str) -> Iterator[Offer]:
    """The offers of a text in one width and case, in no order that matters."""
    for find, read in ((_BUNDLE, _bundle), (_HALF, _half), (_FREE, _free)):
        for at in find.finditer(text):
            if not _REFUSED.search(text, 0, at.start()) and not _OVER.match(text, at.end()):
                yield read(at)


def _half(at: re.Match[str]) -> Offer:
    return Offer(HALF, *at.span())


def _free(at: re.Match[str]) -> Offer:
    """With the number of pieces before it, where one stands there."""
    asked = _FROM.search(at.string, 0, at.start())
    if asked is None:
        return Offer(FREE, *at.span())
    return Offer(FREE, asked.start(), at.end(), _number(asked["pieces"]))


def _bundle(at: re.Match[str]) -> Offer:
    """Without figures it is one for one (BOGO, two for one)."""
    buy, get = at["buy"] or at["buy_en"] or "1", at["get"] or at["get_en"] or "1"
    return Offer(f"buy {_number(buy)} get {_number(get)}", *at.span())


def _number(text: str) -> int:
    """Digits, a Chinese numeral, an English word; any other word (another, second) and what is no number are one."""
    return int(text) if text.isdecimal() else int(chinese(text) or 1) if not text.isascii() else WORDS.get(text, 1)
