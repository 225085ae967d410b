"""Customers stand on both sides of the split, since only their conversations are named.

What goes wrong
    A table names the conversation and the customer of each row. `group` names the conversation (or nothing), so that a
    customer's conversations fall on several sides.
Why it hurts
    The model learns how this customer writes, which goods and which trouble are theirs, and the test asks about the
    same person again: the score is too high for customers who are new.
How it is detected
    Columns named like a customer's number (`customer_id`, `user_no`, 会员号 …) that no source names under `group`: the
    share of their customers who stand in more than one part, more than none.
What the remedy does
    Advises to name both columns: `group: [customer_id, session_id]`. What shares either stays on one side; a number
    that stands for many (a guest account) would tie all of its rows together, so a person decides.
Not detected
    Customers in a column of another name, or under several numbers.
Source
    Elangovan et al., arXiv 2102.01818; Kapoor and Narayanan, arXiv 2207.07048 (dependence between train and test rows).
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice
from fittingroom.types import Finding, Frozen, Page, Pitfall, Severity, Splits, Text


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.0, ge=0, lt=1)
    """Share of the customers who may stand in more than one part."""
    least: int = Field(default=1, ge=1)
    """Customers from which on it counts."""


def detect(splits: Splits, settings: Settings) -> Iterator[Finding]:
    """Fires once for each such column."""
    for column, counts in sorted(splits.facts.get("not_grouped", {}).items()):
        shared, customers = counts["shared"], counts["customers"]
        share = shared / max(1, customers)
        if share <= settings.share or shared < settings.least:
            continue
        yield Finding(
            severity=Severity.WARN,
            summary=Text(
                en=f"{shared} of {customers} customers ({share:.1%}) stand in more than one part: the column {column} "
                "is not named under `group`",
                zh=f"{customers} 位顾客中有 {shared} 位（{share:.1%}）出现在多个部分：列 {column} 没有写入 `group`",
            ),
            measured={"customer_share": share, "customers": float(shared)},
            limits={"customer_share": settings.share},
            strength=max(1.0, share / max(settings.share, 1e-2)),
        )


remedy = advice(
    "Name the customer's column beside the conversation's: `group: [customer_id, session_id]`",
    "在 `group` 中同时写明顾客列与会话列：`group: [customer_id, session_id]`",
)


ZH = Page(
    title="只写明了会话，同一顾客落在划分的两边",
    what_goes_wrong="表中每行既有会话又有顾客，`group` 只写了会话（或什么也没写），同一顾客的多次会话便落在不同部分。",
    why_it_hurts="模型学会了这位顾客的措辞、商品与麻烦，测试又问到同一个人：对新顾客来说分数偏高。",
    how_it_is_detected="名称像顾客编号的列（`customer_id`、`user_no`、会员号等）若没有写入任何数据源的 `group`，"
    "统计其顾客中出现在多个部分的比例：只要有就提示。",
    what_the_remedy_does="建议同时写明两列：`group: [customer_id, session_id]`，共享任一者都落在同一边。代表许多人的"
    "编号（如游客账号）会把它的所有行连在一起，因此由人决定。",
    not_detected="列名不像顾客编号的顾客；使用多个编号的同一顾客。",
    source="Elangovan 等，arXiv 2102.01818；Kapoor、Narayanan，arXiv 2207.07048。",
)

PITFALL = Pitfall("customers-not-grouped", "split", Settings(), detect, remedy, ZH, rank=6)
