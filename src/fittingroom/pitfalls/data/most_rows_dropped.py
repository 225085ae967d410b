"""Cleaning took out a large part of the rows.

What goes wrong
    A rule that is too sharp, a limit of length meant for other texts, or a wrong field drops row after row, each with a
    good reason.
Why it hurts
    What is left is what the rule likes. Scores on it say nothing of the requests that the rule would have dropped and
    that the service will get.
How it is detected
    Rows of the examples that were dropped, over kept and dropped: more than 30 %. The reasons are told.
What the remedy does
    Advises to look at the dropped rows by reason.
Not detected
    A class that is dropped whole while the total is small (see the classes after `label`).
Source
    Dodge et al., Documenting Large Webtext Corpora, arXiv 2104.08758 (filters take out some groups more than others).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import Field

from fittingroom.pitfalls.rows import MOST_EXAMPLES, advice, examples
from fittingroom.types import Finding, Frozen, Page, Pitfall, Rows, Severity, Text


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.3, gt=0, lt=1)
    """Share of the rows that may be dropped; of 3,150 reviews of a set of the trade 3 % have no letter."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires on the share that cleaning dropped."""
    gone, total = rows.dropped.rows, rows.kept.rows + rows.dropped.rows
    if not total or gone / total <= settings.share:
        return
    reasons: Mapping[str, int] = rows.facts.get("dropped_by_reason", {})
    told = ", ".join(
        f"{reason} {reasons[reason]}" for reason in sorted(reasons, key=lambda one: (-reasons[one], one))[:3]
    )
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"cleaning dropped {gone} of {total} rows ({gone / total:.1%}): {told}",
            zh=f"清洗去掉了 {total} 行中的 {gone} 行（{gone / total:.1%}）：{told}",
        ),
        measured={"dropped_share": gone / total},
        limits={"dropped_share": settings.share},
        examples=examples(rows.dropped, range(min(gone, MOST_EXAMPLES))),
        strength=gone / total / settings.share,
    )


remedy = advice(
    "Look at the dropped rows by reason; loosen the rule or the limit that took most, or choose another field",
    "按原因查看被去掉的行；放宽去掉最多的规则或上限，或换一个字段",
)


ZH = Page(
    title="清洗去掉了大部分数据",
    what_goes_wrong="规则过严、长度上限是为别的文本定的，或字段选错，一行接一行被去掉，每行都有正当理由。",
    why_it_hurts="剩下的是规则喜欢的。在其上的分数说明不了那些本会被去掉、而上线后照样会来的请求。",
    how_it_is_detected="样例中被去掉的行占保留与去掉之和：超过 30%。报告各原因。",
    what_the_remedy_does="建议按原因查看被去掉的行。",
    not_detected="总数不多而某个类别被整个去掉（见 `label` 之后的类别计数）。",
    source="Dodge 等，arXiv 2104.08758。",
)

PITFALL = Pitfall("most-rows-dropped", "prepare", Settings(), detect, remedy, ZH, rank=3)
