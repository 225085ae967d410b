"""Steps are too small for the type that weights are kept in.

What goes wrong
    bfloat16 keeps eight bits of a number: between 0.25 and 0.5 its neighbours are 0.002 apart. A step of 1e-5 is
    rounded away: 0.5 is 0.5 after a hundred of them.
Why it hurts
    Training runs, the gradients are fine, and most weights never move. The loss falls a little, by the few small
    weights that do, and the rate is blamed.
How it is detected
    One step of AdamW at the rate of the plan is tried on a sample of the weights that would learn, in the type that
    they are kept in: fewer than half of the numbers change, though in 32 bit they would.
What the remedy does
    Trains adapters instead, which are kept in 32 bit, at ten times the rate. Where adapters are trained already it
    advises weights in 32 bit.
Not detected
    Steps that vanish later, when the schedule has lowered the rate.
Source
    Micikevicius et al., Mixed Precision Training, arXiv 1710.03740 (master weights); own measurement.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.types import Finding, Frozen, Page, Pitfall, Plan, Remedy, Safety, Severity, Text


class Settings(Frozen):
    """Limits."""

    changed: float = Field(default=0.5, ge=0, le=1)
    """Share of the numbers that one step must change, of those that it would change in 32 bit."""


def detect(plan: Plan, settings: Settings) -> Iterator[Finding]:
    """Fires when rounding swallows the step."""
    found = plan.preflight.get("precision", {})
    if not found or not found["changed_in_float32"]:
        return
    changed = found["changed"] / found["changed_in_float32"]
    if changed >= settings.changed:
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"one step at a rate of {found['rate']:g} changes {changed:.0%} of the weights; the rest are rounded "
            "back",
            zh=f"学习率 {found['rate']:g} 的一步只改变 {changed:.0%} 的权重，其余都被舍入回原值",
        ),
        measured={"changed": changed, "bfloat16": found["bfloat16"], "float16": found["float16"]},
        limits={"changed": settings.changed},
        strength=settings.changed / max(changed, 0.01),
    )


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """Adapters in 32 bit."""
    train = used["train"]
    if train["method"] != "full":
        return Remedy(
            title=Text(en="Keep what is trained in float32", zh="被训练的权重用 float32 存放"), safety=Safety.ADVICE
        )
    rate = float(f"{min(2e-3, 10 * float(train['learning_rate'])):.6g}")
    return Remedy(
        title=Text(en=f"Adapters in 32 bit, at a rate of {rate:g}", zh=f"改用 32 位适配器，学习率 {rate:g}"),
        safety=Safety.AUTOMATIC,
        patch={"train.method": "lora", "train.learning_rate": rate},
        expectation=Text(en="every step changes what is trained", zh="每一步都会改变被训练的权重"),
    )


ZH = Page(
    title="步子太小，存不进权重",
    what_goes_wrong="bfloat16 只保留八位：0.25 到 0.5 之间相邻两数相差 0.002。"
    "1e-5 的一步会被舍入掉：走一百步，0.5 还是 0.5。",
    why_it_hurts="训练在跑，梯度正常，多数权重却从不移动。只有少数小权重在动，损失略降，于是去怪学习率。",
    how_it_is_detected="按计划的学习率，在将被训练的权重样本上用其存放的类型试走一步 AdamW："
    "改变的数不到一半，而用 32 位就会改变。",
    what_the_remedy_does="改为训练以 32 位存放的适配器，学习率乘以十。已经在训练适配器时，建议用 32 位存放。",
    not_detected="调度降低学习率之后才消失的步子。",
    source="Micikevicius 等，Mixed Precision Training，arXiv 1710.03740（主权重）；自行测量。",
)

PITFALL = Pitfall("update-vanishes", "configure", Settings(), detect, remedy, ZH, rank=24)
