"""A part is too small to judge by.

What goes wrong
    A tenth of few rows is very few rows: dev or test holds some dozens, or hundreds of rows of a few customers.
Why it hurts
    Its interval is wider than any improvement. Attempts are chosen by luck, the gate says inconclusive, or worse, it
    does not.
How it is detected
    The number of separate groups (customers, conversations, clusters) in dev and in test, and the half width of a 95 %
    interval of an accuracy of 0.8 over as many: more than 8 points, which is fewer than 97 groups.
What the remedy does
    Advises to add labelled rows, or to give these parts a larger share.
Not detected
    Parts that are large but hold hardly a row of some class (see `absent-classes`).
Source
    Card et al., With Little Power Comes Great Responsibility, arXiv 2010.06595; Field and Welsh, Bootstrapping
    clustered data, 2007.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice, column
from fittingroom.statistics.folds import components
from fittingroom.types import Finding, Frozen, Page, Pitfall, Severity, Splits, Text

_ACCURACY = 0.8
JUDGED = ("dev", "test")


class Settings(Frozen):
    """Limits."""

    half_width: float = Field(default=0.08, gt=0, lt=0.5)
    """Half of the 95 % interval of an accuracy of 0.8; about what a better model is better by."""


def detect(splits: Splits, settings: Settings) -> Iterator[Finding]:
    """Fires on the smaller of dev and test."""
    groups = {
        name: len(
            set(
                components(
                    column(part, "group"), column(part, "cluster"), ids=[one or "" for one in column(part, "id")]
                )
            )
        )
        for name, part in splits.parts().items()
        if name in JUDGED and part.rows
    }
    if not groups:
        return
    worst = min(sorted(groups), key=lambda name: groups[name])
    width = 1.96 * math.sqrt(_ACCURACY * (1 - _ACCURACY) / groups[worst])
    if width <= settings.half_width:
        return
    rows = splits.parts()[worst].rows
    need = math.ceil(_ACCURACY * (1 - _ACCURACY) * (1.96 / settings.half_width) ** 2)
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"{worst} holds {rows} rows of {groups[worst]} separate groups: a score of 0.8 is known to "
            f"±{width:.2f} only; "
            f"{need} groups are wanted",
            zh=f"{worst} 有 {rows} 行，来自 {groups[worst]} 个互不相关的组：0.8 的分数只能精确到 "
            f"±{width:.2f}；需要 {need} 组",
        ),
        measured={"half_width": width, "groups": float(groups[worst])},
        limits={"half_width": settings.half_width},
        strength=width / settings.half_width,
    )


remedy = advice(
    "Add labelled rows of other customers, or raise `split.dev` and `split.test`",
    "补充来自其他顾客的带标签数据，或调大 `split.dev` 与 `split.test`",
)


ZH = Page(
    title="留出部分太小，无法评判",
    what_goes_wrong="少量数据的十分之一更少：开发集或测试集只有几十行，或几百行却只来自几位顾客。",
    why_it_hurts="区间比任何改进都宽。尝试之间靠运气挑选，门禁判为无定论，更糟的是它没有这样判。",
    how_it_is_detected="开发集与测试集中互不相关的组（顾客、会话、簇）的数量，以及在这么多组上 0.8 准确率的 95% "
    "区间半宽：超过 8 个百分点，即少于 97 组。",
    what_the_remedy_does="建议补充带标签的数据，或调大这些部分的比例。",
    not_detected="总数够大而某个类别几乎没有行的情况（见 `absent-classes`）。",
    source="Card 等，arXiv 2010.06595；Field、Welsh，2007。",
)

PITFALL = Pitfall("held-out-part-too-small", "split", Settings(), detect, remedy, ZH, rank=12)
