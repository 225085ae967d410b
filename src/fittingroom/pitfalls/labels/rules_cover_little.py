"""Rules reach few of the unlabelled rows.

What goes wrong
    Rules were written for the rows that nobody labelled, and name a label for a handful of them. The rest is dropped.
Why it hurts
    What rules reach is what is said in plain words. A model of these rows meets the other way of saying it in service
    for the first time.
How it is detected
    Of the rows that had no label and that rules could speak of, the share that is still without one: more than 70 %,
    over at least fifty rows.
What the remedy does
    Advises to let `discover` show what the rest speaks of, and to write rules or labels for it.
Not detected
    Rules that reach many rows for the wrong reason (see `contradicting-rules`).
Source
    Ratner et al., Snorkel, arXiv 1711.10160 (coverage); Varma and Ré, Snuba, VLDB 2018.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.pitfalls.rows import advice
from fittingroom.types import Finding, Frozen, Page, Pitfall, Rows, Severity, Text


class Settings(Frozen):
    """Limits."""

    left: float = Field(default=0.7, gt=0, le=1)
    """Share of the unlabelled rows that rules may leave without a label."""
    least: int = Field(default=50, ge=1)
    """Unlabelled rows from which on the share says something."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires when most rows stay without a label."""
    facts: Mapping[str, Any] = rows.facts.get("rules") or {}
    if not facts:
        return
    left = int(rows.facts.get("dropped_by_reason", {}).get("not labelled", 0))
    total = left + int(facts["labelled"]) + int(facts["disagreeing"])
    if total < settings.least or left / total <= settings.left:
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"rules label {facts['labelled']} of {total} rows that nobody labelled; {left} "
            f"({left / total:.0%}) stay without",
            zh=f"没人标注的 {total} 行中规则标了 {facts['labelled']} 行；仍有 {left} 行（{left / total:.0%}）没有标签",
        ),
        measured={"left_share": left / total},
        limits={"left_share": settings.left},
        strength=max(1.0, left / total / settings.left),
    )


remedy = advice(
    "Look at what the rest speaks of (`fittingroom discover`), and write rules or labels for it",
    "用 `fittingroom discover` 看其余的在说什么，再写规则或标注",
)


ZH = Page(
    title="规则触及的未标注数据很少",
    what_goes_wrong="为没人标注的行写了规则，却只给其中寥寥几行定了标签，其余被去掉。",
    why_it_hurts="规则触及的是直白的说法。只用这些行训练，模型上线后才第一次遇到别的说法。",
    how_it_is_detected="原本没有标签、规则可以发言的行中，仍然没有标签的比例：超过 70%，且这样的行不少于五十。",
    what_the_remedy_does="建议用 `discover` 看其余的在说什么，再写规则或标注。",
    not_detected="因错误理由触及大量行的规则（见 `contradicting-rules`）。",
    source="Ratner 等，Snorkel，arXiv 1711.10160；Varma、Ré，VLDB 2018。",
)

PITFALL = Pitfall("rules-cover-little", "label", Settings(), detect, remedy, ZH, rank=10)
