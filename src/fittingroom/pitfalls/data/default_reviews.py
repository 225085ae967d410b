"""Default reviews are among the rows.

What goes wrong
    Where a customer wrote nothing, the platform wrote for him: that no review was given, or that all was well by
    default.
Why it hurts
    These are the most frequent texts of the shop and always carry the best label. They fill the class of praise with
    what nobody said, and a single one decides hundreds of rows.
How it is detected
    A sample of at most 20,000 rows is searched for whole texts that platforms write by themselves, in Chinese and
    English: more than 0.5 %.
What the remedy does
    Turns on the cleaning that drops them.
Not detected
    Phrases of a platform of one's own: name them in `prepare.clean.phrases`.
Source
    Phrases of Taobao, JD, Pinduoduo and Amazon, collected; data quality notes of Chinese review corpora.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.pitfalls.rows import column, sample, shared, texts
from fittingroom.text.spam import is_boilerplate
from fittingroom.types import Finding, Frozen, Page, Pitfall, Remedy, Rows, Safety, Text

_NONE_OF_OUR_OWN: frozenset[str] = frozenset()


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.005, ge=0, lt=1)
    """Share of the rows that may be written by the platform."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires on a sample of the kept rows."""
    drawn = sample(rows.kept)
    found = [
        name or ""
        for name, text in zip(column(drawn, "id"), texts(drawn), strict=True)
        if is_boilerplate(text, _NONE_OF_OUR_OWN)
    ]
    yield from shared(
        "left_share", found, drawn.rows, settings.share,
        Text(
            en="{found} of {rows} rows ({share}) were written by the platform, not by a customer",
            zh="{rows} 行中有 {found} 行（{share}）是平台写的，不是顾客写的",
        ),
        least=3,
    )  # fmt: skip


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """The rule of cleaning that is off; else rules of the shop's own."""
    if used["prepare"]["clean"]["boilerplate"]:
        return Remedy(
            title=Text(
                en="Name them with rules of your own (`prepare.clean.rules`, `action: drop`)",
                zh="用自定义规则去掉（`prepare.clean.rules`，`action: drop`）",
            ),
            safety=Safety.ADVICE,
        )
    return Remedy(
        title=Text(en="Drop default reviews", zh="去掉系统默认评价"),
        safety=Safety.AUTOMATIC,
        patch={"prepare.clean.boilerplate": True},
        expectation=Text(en="no row was written by the platform", zh="数据中不再有平台代写的评价"),
    )


ZH = Page(
    title="数据里混着系统默认评价",
    what_goes_wrong="顾客什么也没写时，平台替他写：此用户没有填写评价，或系统默认好评。",
    why_it_hurts="它们是店里最常见的文本，而且总带着最好的标签。好评类别里填满了没人说过的话，一句就决定几百行。",
    how_it_is_detected="抽样最多 20,000 行，查找整条就是平台自动填写的文本（中英文）：超过 0.5%。",
    what_the_remedy_does="打开去掉它们的清洗。",
    not_detected="自家平台的套话：请列入 `prepare.clean.phrases`。",
    source="收集自淘宝、京东、拼多多与亚马逊的套话。",
)

PITFALL = Pitfall("default-reviews", "prepare", Settings(), detect, remedy, ZH, rank=3)
