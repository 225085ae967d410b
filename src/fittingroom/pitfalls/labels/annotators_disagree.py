"""People do not agree on the labels.

What goes wrong
    Two people read one message and give two labels, again and again: the labels overlap, the guideline leaves cases
    open, or the text does not tell.
Why it hurts
    Agreement is the ceiling of every score. A model that is as good as people looks bad on such labels, and attempts
    chase noise.
How it is detected
    Krippendorff's alpha over all rows with two labels and more (the source's own label counts as one): below 0.667,
    over at least thirty rows.
What the remedy does
    Advises to write down what separates the labels, to unite labels that people mix up, and to label anew.
Not detected
    People who agree on a mistake.
Source
    Krippendorff, Content Analysis, 2004 (0.8 for conclusions, 0.667 for tentative ones); Artstein and Poesio,
    Inter-Coder Agreement, 2008.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.pitfalls.rows import advice
from fittingroom.types import Finding, Frozen, Page, Pitfall, Rows, Severity, Text


class Settings(Frozen):
    """Limits."""

    alpha: float = Field(default=0.667, gt=0, lt=1)
    """Krippendorff's alpha below which he allows no conclusion at all."""
    least: int = Field(default=30, ge=2)
    """Rows with two labels from which on alpha says something."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires on low agreement."""
    facts: Mapping[str, Any] = rows.facts.get("agreement") or {}
    alpha = facts.get("krippendorff_alpha")
    if alpha is None or int(facts.get("rows", 0)) < settings.least or float(alpha) >= settings.alpha:
        return
    unanimous = float(facts.get("unanimous") or 0.0)
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"on {facts['rows']} rows with several labels people agree with alpha {alpha:.2f}; "
            f"{unanimous:.0%} are unanimous",
            zh=f"在 {facts['rows']} 条有多个标签的数据上，一致性 α 为 {alpha:.2f}；完全一致的占 {unanimous:.0%}",
        ),
        measured={"alpha": float(alpha), "unanimous": unanimous},
        limits={"alpha": settings.alpha},
        strength=max(1.0, settings.alpha / max(float(alpha), 0.05)),
    )


remedy = advice(
    "Write down what separates the labels, unite those that are mixed up (`task.aliases`), and label anew",
    "写明各标签的区别，合并常被混淆的标签（`task.aliases`），再重新标注",
)


ZH = Page(
    title="标注人之间意见不一",
    what_goes_wrong="两个人读同一条消息，一再给出两个标签：标签有重叠、规范没有说清，或文本本身看不出来。",
    why_it_hurts="一致性是所有分数的天花板。与人一样好的模型在这种标签上也显得很差，各次尝试追逐的只是噪声。",
    how_it_is_detected="有两个以上标签的所有行（数据源自带标签算一个）的 Krippendorff α：低于 0.667，且不少于三十行。",
    what_the_remedy_does="建议写明各标签的区别，合并常被混淆的标签，再重新标注。",
    not_detected="大家一致认同的错误。",
    source="Krippendorff，Content Analysis，2004（0.8 可下结论，0.667 仅供参考）；Artstein、Poesio，2008。",
)

PITFALL = Pitfall("annotators-disagree", "label", Settings(), detect, remedy, ZH, rank=6)
