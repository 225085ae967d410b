"""Rules contradict each other or the people.

What goes wrong
    A keyword of one rule stands in the texts of another, or a rule says what people who looked at the same rows deny.
Why it hurts
    Rows on which rules contradict each other are dropped, and these are the interesting ones; a rule that is often
    wrong labels hundreds of rows in a moment.
How it is detected
    Of the rows that any rule reaches, the share on which rules name different labels: more than 10 %. Or one rule that
    people have checked on at least twenty rows was right on fewer than 70 % of them.
What the remedy does
    Advises to narrow the rule; the facts of the stage list every rule with its reach, conflicts and hits.
Not detected
    Rules that are wrong where nobody looked.
Source
    Ratner et al., Snorkel: Rapid Training Data Creation with Weak Supervision, arXiv 1711.10160.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.pitfalls.rows import advice
from fittingroom.types import Finding, Frozen, Page, Pitfall, Rows, Severity, Text


class Settings(Frozen):
    """Limits."""

    conflicts: float = Field(default=0.1, ge=0, lt=1)
    """Share of the rows reached on which rules may name different labels."""
    right: float = Field(default=0.7, gt=0, le=1)
    """Share of the rows checked by people on which a rule must be right."""
    checked: int = Field(default=20, ge=1)
    """Rows that must have been checked to say so."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires on conflicts, and on the rule that is wrong most often."""
    facts: Mapping[str, Any] = rows.facts.get("rules") or {}
    if not facts.get("covered"):
        return
    conflicts = facts["conflicts"] / facts["covered"]
    checked = [
        (rule["right"] / rule["checked"], n)
        for n, rule in enumerate(facts["by_rule"])
        if rule["checked"] >= settings.checked
    ]
    right, number = min(checked, default=(1.0, -1))
    if conflicts <= settings.conflicts and right >= settings.right:
        return
    named = facts["by_rule"][number]["label"] if number >= 0 else "-"
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"rules contradict each other on {conflicts:.1%} of the rows they reach; the worst of them "
            f"(`{named}`) agrees with "
            f"people on {right:.0%}",
            zh=f"规则在其触及的 {conflicts:.1%} 的行上相互矛盾；最差的一条（`{named}`）与人一致的占 {right:.0%}",
        ),
        measured={"conflict_share": conflicts, "worst_right": right, "rule": float(number)},
        limits={"conflict_share": settings.conflicts, "worst_right": settings.right},
        strength=max(1.0, conflicts / max(settings.conflicts, 1e-3)),
    )


remedy = advice(
    "Narrow the rules that meet (`label.rules`): longer keywords, or a condition that keeps them apart",
    "收窄相遇的规则（`label.rules`）：更长的关键词，或加条件把它们分开",
)


ZH = Page(
    title="规则相互矛盾或与人不一致",
    what_goes_wrong="一条规则的关键词出现在另一条规则的文本里，或规则说的与看过这些行的人不一致。",
    why_it_hurts="规则相互矛盾的行会被去掉，而这些正是最值得看的；一条常错的规则转眼就标错几百行。",
    how_it_is_detected="规则触及的行中，不同规则给出不同标签的比例超过 10%。或某条规则在至少二十行上经人核对，答"
    "对不足 70%。",
    what_the_remedy_does="建议收窄规则；阶段事实中列出每条规则的覆盖、冲突与命中。",
    not_detected="没有人看过而规则出错之处。",
    source="Ratner 等，Snorkel，arXiv 1711.10160。",
)

PITFALL = Pitfall("contradicting-rules", "label", Settings(), detect, remedy, ZH, rank=7)
