"""The router of a mixture sends the rows elsewhere than before.

What goes wrong
    Training moves what reaches the router, or the router itself: the shop's rows pile up on a few experts, and others,
    which hold what the model knew, are no longer asked.
Why it hurts
    The model behaves like a much smaller one, forgets more, and is served unevenly: a few experts do all the work.
How it is detected
    The load of the experts on training rows, before and after training, layer by layer: its entropy fell by more than
    a tenth of its maximum. Measured once the gate said no.
What the remedy does
    Trains adapters, which leave the router as it is, at ten times the rate (up to 0.01), as they want it; where it does
    already, lowers the rate to a third, down to 1e-6. It is tried where the gate asks that less be forgotten: a better
    score at the shop's own job does not follow from it.
Not detected
    Models without routed experts; experts that are asked as often as before for other tokens.
Source
    Wang et al., Let the Expert Stick to His Last (ESFT), arXiv 2407.01906; Schulman, LoRA Without Regret, 2025 (the
    best rate of adapters is about ten times that of all weights).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.types import Examination, Expected, Finding, Frozen, Page, Pitfall, Remedy, Safety, Severity, Text

LOWEST = 1e-6
FOR_ADAPTERS, HIGHEST = 10.0, 0.01


class Settings(Frozen):
    """Limits."""

    fall: float = Field(default=0.1, gt=0, lt=1)
    """Share of its maximum by which the entropy of the load may fall."""


def detect(examined: Examination, settings: Settings) -> Iterator[Finding]:
    """Fires where fewer experts do the work than before."""
    if not examined.experts:
        return
    before, after = examined.experts["entropy_before"], examined.experts["entropy_after"]
    if before - after <= settings.fall:
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"after training fewer experts do the work: the entropy of their load fell from {before:.2f} to "
            f"{after:.2f} of its maximum, and {examined.experts['moved']:.0%} of it moved",
            zh=f"训练后由更少的专家干活：负载熵从最大值的 {before:.2f} 降到 {after:.2f}，"
            f"有 {examined.experts['moved']:.0%} 的负载换了专家",
        ),
        measured={"fall": before - after, "moved": examined.experts["moved"]},
        limits={"fall": settings.fall},
        strength=(before - after) / settings.fall,
    )


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """Adapters, then a lower rate."""
    train = used["train"]
    used_rate = float(train["learning_rate"])
    rate = max(LOWEST, used_rate / 3)
    if train["method"] in ("full", "experts"):
        title = Text(en="Train adapters instead of all weights", zh="改为训练适配器，不动全部权重")
        patch: dict[str, Any] = {"train.method": "lora"}
        if (wanted := min(HIGHEST, FOR_ADAPTERS * used_rate)) > used_rate:
            patch["train.learning_rate"] = float(f"{wanted:.6g}")
    elif rate < used_rate:
        title = Text(en=f"Learning rate to {rate:.3g}", zh=f"学习率降到 {rate:.3g}")
        patch = {"train.learning_rate": float(f"{rate:.6g}")}
    else:
        return None
    return Remedy(
        title=title,
        safety=Safety.AUTOMATIC,
        patch=patch,
        expectation=Text(en="the load of the experts stays spread", zh="专家负载保持分散"),
        expected=Expected(change=0.01),
    )


ZH = Page(
    title="路由漂移",
    what_goes_wrong="训练改变了到达路由器的内容或路由器本身：本店数据挤到少数专家上，存有原有知识的其他专家不再被问到。",
    why_it_hurts="模型表现得像小得多的模型，遗忘更多，服务时负载不均：少数专家做全部的活。",
    how_it_is_detected="在训练数据上逐层比较训练前后各专家的负载：熵下降超过最大值的十分之一。门禁未通过后才测量。",
    what_the_remedy_does="改为训练适配器（不动路由器），学习率取十倍（上限 0.01），适配器需要如此；"
    "已是适配器则学习率降到三分之一，下限 1e-6。只在门禁要求少遗忘时才尝试：本店任务的分数不会因此提高。",
    not_detected="没有路由专家的模型；被问次数不变但换了词元的专家。",
    source="Wang 等（ESFT），arXiv 2407.01906；Schulman，LoRA Without Regret，2025。",
)

PITFALL = Pitfall("router-drift", "examine", Settings(), detect, remedy, ZH, rank=44, moves=("forgetting",))
