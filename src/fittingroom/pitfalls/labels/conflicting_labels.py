"""Rows that say the same carry different labels.

What goes wrong
    The same wording was labelled twice and differently: by two people, by two teams with their own rules, or before and
    after a label was redefined.
Why it hurts
    No model can be right on both rows. In training they pull the weights apart; in dev and test they put a ceiling on
    every score, and the gate may fail a good model.
How it is detected
    Among the kept rows after labelling, the share that has the same wording (but for case, width, spaces and
    punctuation) and the same numbers and negations as a row with another label.
What the remedy does
    A clear majority keeps its rows, all others of the conflict go. Labels are never changed.
Not detected
    Conflicts between paraphrases, and texts whose label truly depends on what is not in the text.
Source
    Northcutt, Athalye, Mueller, Pervasive Label Errors in Test Sets, arXiv 2103.14749.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.pitfalls.rows import examples, targets, texts
from fittingroom.text.similarity import distinguishing, match_key
from fittingroom.types import Finding, Frozen, Page, Pitfall, Remedy, Rows, Safety, Severity, Text


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.01, ge=0, lt=1)
    """Share of the kept rows that may stand in a conflict."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires on equal wording with different labels."""
    if rows.facts.get("free"):
        return  # answers are free texts: two people answer the same in two ways
    said, labels = texts(rows.kept), targets(rows.kept)
    alike: dict[str, list[int]] = {}
    for place, text in enumerate(said):
        if labels[place]:
            alike.setdefault(match_key(text), []).append(place)
    torn: list[int] = []
    for members in alike.values():
        if len({labels[place] for place in members}) > 1:
            torn += _same_meaning(members, said, labels)
    share = len(torn) / len(said) if said else 0.0
    if share <= settings.share:
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"{len(torn)} of {len(said)} rows ({share:.1%}) say the same as a row with another label",
            zh=f"{len(said)} 行中有 {len(torn)} 行（{share:.1%}）与另一行内容相同而标签不同",
        ),
        measured={"conflicting_share": share, "conflicting": float(len(torn))},
        limits={"conflicting_share": settings.share},
        examples=examples(rows.kept, torn),
        strength=share / max(settings.share, 1e-3),
    )


def _same_meaning(members: list[int], said: list[str], labels: list[str]) -> list[int]:
    """Those of equal wording that conflict: 1.5 kg and 15 kg have one key, but are not the same text."""
    guards: dict[str, list[int]] = {}
    for place in members:
        guards.setdefault(distinguishing(said[place]), []).append(place)
    return [place for group in guards.values() if len({labels[one] for one in group}) > 1 for place in group]


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """Conflicts are settled by a clear majority; without one all rows of the conflict go."""
    if used["label"]["conflicts"] != "keep":
        return None
    return Remedy(
        title=Text(en="Settle conflicts by a clear majority", zh="按明显多数解决标签冲突"),
        safety=Safety.AUTOMATIC,
        patch={"label.conflicts": "majority"},
        expectation=Text(
            en=f"no conflict is left; at most {finding.measured['conflicting']:.0f} rows fewer",
            zh=f"不再有冲突；最多减少 {finding.measured['conflicting']:.0f} 行",
        ),
    )


ZH = Page(
    title="标签相互冲突",
    what_goes_wrong="同样的话被标了两次而且不同：两个人、两个各有规则的团队，或标签重新定义前后。",
    why_it_hurts="没有模型能同时答对两行。训练时它们把权重往两边拉；在开发集和测试集里它们给所有分数压上天花板，"
    "好模型也可能过不了门禁。",
    how_it_is_detected="标注阶段之后保留的数据里，与另一行措辞相同（不计大小写、全半角、空格和标点）、"
    "数字与否定词也相同而标签不同的行所占比例。",
    what_the_remedy_does="有明显多数时保留多数，其余去掉；没有则全部去掉。从不改标签。",
    not_detected="改写之间的冲突；标签确实取决于文本之外信息的情况。",
    source="Northcutt、Athalye、Mueller,arXiv 2103.14749。",
)

PITFALL = Pitfall("conflicting-labels", "label", Settings(), detect, remedy, ZH, rank=8)
