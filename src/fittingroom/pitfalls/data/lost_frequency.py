"""Dedup changed how often things are said.

What goes wrong
    Of a thousand customers who write the same two words one row stays. The short everyday reviews shrink to a handful,
    the long complaints all stay.
Why it hurts
    A model learns how often a class comes from its rows, and a score is a mean over rows: both now belong to a world in
    which everybody writes something of his own. In service the everyday sentence is back.
How it is detected
    The labels of the kept rows are counted twice: each row once, and each as often as its `dup_count` says. The two
    mixes differ by more than 0.1 (total variation: that share of the rows would have to change its label). Also told:
    rows that no `dup_count` accounts for any more.
What the remedy does
    Advises to keep short copies, or to judge by `dup_count`; nothing is changed by itself, for copies over-weigh their
    topic.
Not detected
    Frequencies that were lost before the source was read.
Source
    Elkan, The Foundations of Cost-Sensitive Learning, IJCAI 2001 (a changed base rate moves every decision); Lee et
    al., arXiv 2107.06499.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice, targets
from fittingroom.types import Finding, Frozen, Page, Pitfall, Rows, Severity, Text


class Settings(Frozen):
    """Limits."""

    moved: float = Field(default=0.1, gt=0, lt=1)
    """Total variation between the mix of labels by rows and by what they stand for; 0.1 is a point of accuracy in ten
    for a model that answers by the mix alone."""
    unaccounted: float = Field(default=0.01, ge=0, lt=1)
    """Share of the removed copies that no `dup_count` of a kept row accounts for."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires when the mix of labels moved, or when counts were lost."""
    counts = [count or 1 for count in rows.kept.arrow().column("dup_count").to_pylist()]
    if not counts or not rows.dropped.rows:
        return
    by_row, by_count = Counter[str](), Counter[str]()
    for label, count in zip(targets(rows.kept), counts, strict=True):
        by_row[label] += 1
        by_count[label] += count
    total = by_count.total()
    apart = {label: by_row[label] / len(counts) - by_count[label] / total for label in by_row}
    moved = sum(map(abs, apart.values())) / 2
    lost = max(0, rows.dropped.rows - (total - len(counts))) / rows.dropped.rows
    if moved <= settings.moved and lost <= settings.unaccounted:
        return
    most = max(sorted(apart), key=lambda label: abs(apart[label]))
    was, is_now = by_count[most] / total, by_row[most] / len(counts)
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"{moved:.1%} of the mix of labels moved: `{most}` was {was:.1%} of what customers said and "
            f"is {is_now:.1%} of "
            f"the rows; {lost:.1%} of the copies are counted nowhere",
            zh=f"标签构成移动了 {moved:.1%}：`{most}` 在顾客的话里占 {was:.1%}，在数据行里占 {is_now:.1%}；"
            f"{lost:.1%} 的重复没有计入任何一行",
        ),
        measured={"moved": moved, "unaccounted": lost},
        limits={"moved": settings.moved, "unaccounted": settings.unaccounted},
        strength=max(1.0, moved / settings.moved),
    )


remedy = advice(
    "Keep short copies (`dedup.method: none`, clusters still hold the split together), or weigh scores by `dup_count`",
    "保留短评的重复（`dedup.method: none`，划分仍按簇进行），或按 `dup_count` 加权评分",
)


ZH = Page(
    title="去重改变了说法的频率",
    what_goes_wrong="一千位顾客写了同样两个字，只留下一行。简短的日常评价缩成几条，长篇投诉全部保留。",
    why_it_hurts="模型从行数学到各类出现的频率，分数也是按行平均：两者都变成了“人人各写各的”的世界。上线后，"
    "日常的那句话又回来了。",
    how_it_is_detected="对保留行的标签计数两次：每行一次，以及按 `dup_count` 计。两种构成相差超过 0.1（总变差："
    "这么多的行要改标签才能一致）。同时报告 `dup_count` 已无法说明去向的行。",
    what_the_remedy_does="建议保留短评的重复，或按 `dup_count` 评判；不会自动改动，因为重复也会让某个话题过重。",
    not_detected="读取数据之前就已丢失的频率。",
    source="Elkan，IJCAI 2001（基准率改变会移动每个判断）；Lee 等，arXiv 2107.06499。",
)

PITFALL = Pitfall("lost-frequency", "dedup", Settings(), detect, remedy, ZH, rank=6)
