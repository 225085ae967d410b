"""Most rows are copies.

What goes wrong
    An export was loaded twice, a join multiplied every row, or a campaign had customers send one text.
Why it hurts
    What is left is a fraction of what was counted on, and the work of labelling went into copies. Which copy stays
    decides time and customer of the row.
How it is detected
    Rows that dedup took out, over those that came in: more than half.
What the remedy does
    Advises to look for the join or the second load.
Not detected
    Copies that are worded anew.
Source
    Lee et al., arXiv 2107.06499; Kandpal, Wallace, Raffel, Deduplicating Training Data Mitigates Privacy Risks, arXiv
    2202.06539.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import MOST_EXAMPLES, advice, examples
from fittingroom.types import Finding, Frozen, Page, Pitfall, Rows, Severity, Text


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.5, gt=0, lt=1)
    """Share of the rows that may go as copies; of real reviews and requests up to a third do."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires when more goes than stays."""
    gone, total = rows.dropped.rows, rows.kept.rows + rows.dropped.rows
    if not total or gone / total <= settings.share:
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"{gone} of {total} rows ({gone / total:.1%}) went as copies: {rows.kept.rows} are left",
            zh=f"{total} 行中有 {gone} 行（{gone / total:.1%}）因重复去掉：还剩 {rows.kept.rows} 行",
        ),
        measured={"copies_share": gone / total},
        limits={"copies_share": settings.share},
        examples=examples(rows.dropped, range(min(gone, MOST_EXAMPLES))),
        strength=gone / total / settings.share,
    )


remedy = advice(
    "Look for a join that multiplies rows, or an export that was loaded twice",
    "检查是否有放大行数的关联查询，或同一份导出加载了两遍",
)


ZH = Page(
    title="大部分数据是重复",
    what_goes_wrong="同一份导出加载了两遍，关联查询把每行放大了几倍，或活动让顾客都发同一段话。",
    why_it_hurts="剩下的只是原以为的一小部分，标注的工夫花在了重复上。留下哪一份，决定了这一行的时间与顾客。",
    how_it_is_detected="去重去掉的行占进入的行：超过一半。",
    what_the_remedy_does="建议检查关联查询或重复加载。",
    not_detected="改写过的重复。",
    source="Lee 等，arXiv 2107.06499；Kandpal、Wallace、Raffel，arXiv 2202.06539。",
)

PITFALL = Pitfall("mostly-copies", "dedup", Settings(), detect, remedy, ZH, rank=3)
