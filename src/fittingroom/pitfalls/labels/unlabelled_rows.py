"""Most rows have no usable label.

What goes wrong
    A part of the rows was labelled once and the rest never, or the labels are written in words that the task does not
    know.
Why it hurts
    The rest is dropped. Who chose what to label chose what the model knows, and the easy rows are labelled first.
How it is detected
    Rows that went as not labelled or with an unknown label, over all that came in: more than half, and at least twenty.
What the remedy does
    Advises to label more of them: `discover` finds what the rest speaks of, rules label the plain ones, `review` ranks
    the others; unknown labels are mapped by `task.aliases`.
Not detected
    Labels that are there and wrong (see `label-noise`).
Source
    Settles, Active Learning Literature Survey, 2009; Ratner et al., arXiv 1711.10160.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import Field

from fittingroom.pitfalls.rows import advice
from fittingroom.types import Finding, Frozen, Page, Pitfall, Rows, Severity, Text

_REASONS = ("not labelled", "unknown label")


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.5, gt=0, lt=1)
    """Share of the rows that may be without a usable label."""
    least: int = Field(default=20, ge=1)
    """Such rows from which on it counts."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires when most rows go for want of a label."""
    reasons: Mapping[str, int] = rows.facts.get("dropped_by_reason", {})
    none, unknown = (int(reasons.get(reason, 0)) for reason in _REASONS)
    total = rows.kept.rows + rows.dropped.rows
    if none + unknown < settings.least or (none + unknown) / total <= settings.share:
        return
    share = (none + unknown) / total
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"{share:.0%} of {total} rows go for want of a label: {none} have none, {unknown} one that "
            "the task does not know",
            zh=f"{total} 行中有 {share:.0%} 因没有可用标签而去掉：{none} 行没有标签，{unknown} 行的标签任务不认识",
        ),
        measured={"unlabelled_share": share, "unknown": float(unknown)},
        limits={"unlabelled_share": settings.share},
        strength=share / settings.share,
    )


remedy = advice(
    "Label more rows: `fittingroom discover`, `label.rules`, `fittingroom review`; map other names by `task.aliases`",
    "多标注一些：`fittingroom discover`、`label.rules`、`fittingroom review`；用 `task.aliases` 对应其他名称",
)


ZH = Page(
    title="大部分数据没有可用的标签",
    what_goes_wrong="一部分数据标注过一次，其余从未标注；或标签用的词任务不认识。",
    why_it_hurts="其余的被去掉。谁挑选了要标注的数据，谁就决定了模型知道什么，而容易的总是先被标注。",
    how_it_is_detected="因没有标签或标签未知而去掉的行占全部进入的行：超过一半且不少于二十行。",
    what_the_remedy_does="建议多标注一些：`discover` 找出其余在说什么，规则标注直白的，`review` 给其他的排序；未知"
    "的标签用 `task.aliases` 对应。",
    not_detected="有标签但标错（见 `label-noise`）。",
    source="Settles，Active Learning Literature Survey，2009；Ratner 等，arXiv 1711.10160。",
)

PITFALL = Pitfall("unlabelled-rows", "label", Settings(), detect, remedy, ZH, rank=5)
