"""What the path of a request says beside the page: the number of the order that it is about."""

from __future__ import annotations

import re
from collections.abc import Iterator

_SEGMENT = re.compile(r"[^/]+")
_ABOUT_ORDERS = re.compile(
    r"(?:my|user)?[-_]?(?:orders?|trades?|refunds?|returns?|after[-_]?sales?|express|logistics|track(?:ing)?|waybills?"
    r"|shipments?|parcels?|invoices?|checkout|pay(?:ments?)?|dingdan|wuliu|我的订单|订单|物流|快递|运单|退款|退货|支付)"
    r"(?:[-_]?(?:details?|info|items?|list|view|show|status|confirm|pay|success|result|详情|查询))?",
    re.IGNORECASE,
)
_ABOUT_GOODS = re.compile(r"goods?|items?|products?|skus?|p|dp|shangpin|commodity", re.IGNORECASE)
_YEAR = re.compile(r"(?:19|20)\d\d")


def order_numbers(path: str) -> Iterator[tuple[int, int]]:
    """Where numbers of orders stand in a decoded path, in order: behind a folder or page of orders, payments, parcels.

    `/orders/202301051234`, `/my/orders/DD20230105123456/pay`, `/order-1234567.html`. At least four digits, and no year.
    """
    about_orders = False
    if sum(map(str.isdigit, path)) < 4:
        return
    for segment in _SEGMENT.finditer(path):
        stem = re.split(r"[.;,?&]", segment.group(), maxsplit=1)[0]
        if _ABOUT_ORDERS.fullmatch(stem):
            about_orders = True
        elif _ABOUT_GOODS.fullmatch(stem):
            about_orders = False
        elif about_orders and _is_number(stem):
            yield segment.start(), segment.start() + len(stem)
        elif glued := _glued(stem):
            yield segment.start() + glued, segment.start() + len(stem)


def _glued(stem: str) -> int:
    """Where the number begins in `order-1234567`; 0 where the segment is none of that kind."""
    digit = re.search(r"\d", stem)
    if digit is None:
        return 0
    head = stem[: digit.start()]
    # A prefix of letters belongs to the number: order-DD2023…
    word, mark, _ = head.partition("-") if "-" in head else head.partition("_")
    begin = len(word) + len(mark)
    return begin if begin and _ABOUT_ORDERS.fullmatch(word) and _is_number(stem[begin:]) else 0


def _is_number(text: str) -> bool:
    digits = sum(character.isdigit() for character in text)
    return digits >= 4 and len(text) <= 64 and not _YEAR.fullmatch(text)
