"""Columns called just `name`: of a table of customers they hold people, of a table of goods they do not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from fittingroom.sources.rows import joining_column, personal_column
from fittingroom.text.redact_people import is_name

_BARE = re.compile(r"name|名字", re.IGNORECASE)
_OF_A_PERSON = ("mobile", "email", "id_card", "wechat", "qq", "bank_card")
_OF_GOODS = re.compile(
    r"(?:.*_)?(?:sku|spu|price|cost|stock|brand|qty|quantity|amount|category|(?:product|item|goods)(?:_?\w+)?)"
    r"|.*(?:价格?|库存|品牌|规格|类目|数量|金额|商品.*|货号|款号)",
    re.IGNORECASE,
)
_SHARE = 0.6
"""Of the values, so many must look like names of people."""


def may_name_people(columns: Sequence[str]) -> list[str]:
    """Columns called `name` or 名字 in a table that also tells customers' numbers, phones or mail and nothing of goods.

    Whether they do is for their values to say (`are_people`).
    """
    last = [column.rpartition(".")[2].strip() for column in columns]
    whose = any(joining_column(one) == "customer" or personal_column(one) in _OF_A_PERSON for one in columns)
    if not whose or any(_OF_GOODS.fullmatch(one) for one in last):
        return []
    return [column for column, one in zip(columns, last, strict=True) if _BARE.fullmatch(one)]


def are_people(columns: Sequence[str], texts: Iterable[str | None]) -> bool | None:
    """Whether most of the values look like names of people; None where there are none to tell by.

    Beside no more than a customer's number Latin words are no sign: there `name` may be an event's (Page View).
    """
    sure = any(personal_column(one) in _OF_A_PERSON for one in columns)
    given = [text.strip() for text in texts if text and text.strip()]
    if not given:
        return None
    return sum(is_name(text) and (sure or not text.isascii()) for text in given) >= _SHARE * len(given)
