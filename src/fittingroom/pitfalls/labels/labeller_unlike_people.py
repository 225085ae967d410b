"""A hosted model labels rows otherwise than people do.

What goes wrong
    An endpoint labels the rows of which nobody spoke. It knows the words of the labels, not what the shop means by
    them, and some models follow the order of the list.
Why it hurts
    Its mistakes are alike: they come as a bias of whole classes, not as noise that averages out. The model learns them,
    and where such rows are judged on, they look like skill.
How it is detected
    Rows that people labelled are asked too, with the labels in either order: Cohen's kappa with people below 0.6, or
    the same label in both orders on less than 80 %, over at least thirty rows.
What the remedy does
    Advises to say what the labels mean in `task.instruction`, to label some hundreds of rows by hand, or to leave the
    endpoint out.
Not detected
    Mistakes that people make as well; rows that are harder than those that people labelled.
Source
    Landis and Koch, The Measurement of Observer Agreement for Categorical Data, 1977 (0.61: substantial); Zheng et al.,
    Large Language Models Are Not Robust Multiple Choice Selectors, arXiv 2309.03882.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.pitfalls.rows import advice
from fittingroom.types import Finding, Frozen, Page, Pitfall, Rows, Severity, Text


class Settings(Frozen):
    """Limits."""

    kappa: float = Field(default=0.6, gt=0, lt=1)
    """Agreement with people below which it is told."""
    steady: float = Field(default=0.8, gt=0, le=1)
    """Share of rows that must get the same label in both orders of the list."""
    least: int = Field(default=30, ge=2)
    """Rows with both words from which on they say something."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires on low agreement with people, or with itself."""
    facts: Mapping[str, Any] = rows.facts.get("endpoint") or {}
    people, order = facts.get("agreement") or {}, facts.get("order") or {}
    kappa, steady = people.get("kappa"), order.get("share")
    unlike = kappa is not None and people["rows"] >= settings.least and kappa < settings.kappa
    unsteady = steady is not None and order["rows"] >= settings.least and steady < settings.steady
    if not (unlike or unsteady):
        return
    kappa, steady = float(kappa or 0.0), float(steady if steady is not None else 1.0)
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"the endpoint agrees with people with kappa {kappa:.2f} on {people.get('rows', 0)} rows, and gives "
            f"{steady:.0%} of them the same label when the list is turned round; {facts.get('used', 0)} rows go by it",
            zh=f"在 {people.get('rows', 0)} 行上，接口与人的一致性 kappa 为 {kappa:.2f}；标签列表倒序后，"
            f"{steady:.0%} 的行标签不变；有 {facts.get('used', 0)} 行采用了它的标签",
        ),
        measured={"kappa": kappa, "steady": steady, "used": float(facts.get("used", 0))},
        limits={"kappa": settings.kappa, "steady": settings.steady},
        strength=max(1.0, settings.kappa / max(kappa, 0.05), settings.steady / max(steady, 0.05)),
    )


remedy = advice(
    "Say in `task.instruction` what the labels mean, label some hundreds of rows by hand, or leave the endpoint out",
    "在 `task.instruction` 中写明各标签的含义，人工标注几百行，或去掉 `label.endpoint`",
)


ZH = Page(
    title="云端模型的标注与人不同",
    what_goes_wrong="接口给无人标注的行打标签。它懂标签的字面，却不懂商店的用法；有的模型还会受列表次序影响。",
    why_it_hurts="它的错误彼此相似：表现为整类的偏差，而不是可以抵消的噪声。模型会学进去；若用这些行评判，错误看起来反而像本事。",
    how_it_is_detected="人已标注的行按标签的两种次序各问一次：与人的 kappa 低于 0.6，或相同的不足 80%，至少三十行。",
    what_the_remedy_does="建议在 `task.instruction` 中写明标签含义，人工标注几百行，或不用接口。",
    not_detected="人也会犯的错误；比人工标注的行更难的行。",
    source="Landis、Koch，1977（0.61 以上为较强一致）；Zheng 等，arXiv 2309.03882。",
)

PITFALL = Pitfall("labeller-unlike-people", "label", Settings(), detect, remedy, ZH, rank=6)
