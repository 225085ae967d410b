"""One order stands on both sides of the split.

What goes wrong
    Customer, seller and service write about one order from several accounts, or the source names no customer: nothing
    says that their rows belong together but the number of the order in the text.
Why it hurts
    The test asks about a case that the model has read. Its outcome stands in the training row.
How it is detected
    Numbers of orders become the same pseudonym everywhere. The share of a held-out part whose texts hold a pseudonym
    that training texts hold too, in rows of another customer: more than 1 %, and at least three rows.
What the remedy does
    Advises to name the column of the order (or the case) as `group` of the source.
Not detected
    Orders without a number in the text, and cases known by a name of goods alone.
Source
    Elangovan et al., arXiv 2102.01818; Kapoor and Narayanan, arXiv 2207.07048 (dependence between train and test rows).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice, column, shared, texts
from fittingroom.tables import Table
from fittingroom.types import Finding, Frozen, Page, Pitfall, Splits, Text

_ORDER = re.compile(r"\[[A-Z]+(?:_[A-Z]+)*_[a-p]{16}\]")
HELD_OUT = ("dev", "calibration", "test")


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.01, ge=0, lt=1)
    """Share of a held-out part that may name an order of train."""
    least: int = Field(default=3, ge=1)
    """Rows from which on it counts."""
    of_one: int = Field(default=5, ge=1)
    """Training rows that may name one order; what more of them name is an example of a number, not a case."""


def detect(splits: Splits, settings: Settings) -> Iterator[Finding]:
    """Fires on the part with most such rows."""
    named: dict[str, list[str | None]] = {}
    for _, group, orders in _named(splits.train):
        for order in orders:
            named.setdefault(order, []).append(group)
    owners = {order: set(groups) for order, groups in named.items() if len(groups) <= settings.of_one}
    parts = {name: table for name, table in splits.parts().items() if name in HELD_OUT and table.rows}
    leaked = {
        name: [
            row for row, group, orders in _named(table) if any(_others(owners.get(one, set()), group) for one in orders)
        ]
        for name, table in parts.items()
    }
    worst = max(leaked, key=lambda name: (len(leaked[name]) / parts[name].rows, name), default="")
    if worst:
        yield from shared(
            "order_share", leaked[worst], parts[worst].rows, settings.share,
            Text(
                en=f"{{found}} of {{rows}} rows of {worst} ({{share}}) name an order that training rows name",
                zh=f"{worst} 的 {{rows}} 行中有 {{found}} 行（{{share}}）提到训练数据里的订单",
            ),
            least=settings.least,
        )  # fmt: skip


def _named(table: Table) -> Iterator[tuple[str, str | None, set[str]]]:
    """Id, customer and the orders that a row names."""
    for name, group, text in zip(column(table, "id"), column(table, "group"), texts(table), strict=True):
        found = set(_ORDER.findall(text))
        if found:
            yield name or "", group, found


def _others(owners: set[str | None], group: str | None) -> bool:
    """Whether anybody else in train names it; rows of one customer are kept together anyway."""
    return bool(owners - {group}) if group is not None else bool(owners)


remedy = advice(
    "Name the column of the order or the case as `group` of the source, so that its rows fall on one side",
    "把订单或工单所在的列设为数据源的 `group`，使其各行落在同一边",
)


ZH = Page(
    title="同一订单落在划分的两边",
    what_goes_wrong="顾客、卖家、客服用不同账号谈同一个订单，或数据源没有标明顾客：除了文本里的订单号，没有什"
    "么表明这些行属于一处。",
    why_it_hurts="测试考的是模型读过的案子，结果就写在训练行里。",
    how_it_is_detected="订单号处处换成同一个假名。留出部分的文本含有训练文本也含有的假名、且不是同一顾客的行所占"
    "比例：超过 1% 且至少三行。",
    what_the_remedy_does="建议把订单（或工单）所在的列设为数据源的 `group`。",
    not_detected="文本里没有编号的订单；只以商品名相称的案子。",
    source="Elangovan 等，arXiv 2102.01818；Kapoor、Narayanan，arXiv 2207.07048。",
)

PITFALL = Pitfall("one-order-on-both-sides", "split", Settings(), detect, remedy, ZH, rank=6)
