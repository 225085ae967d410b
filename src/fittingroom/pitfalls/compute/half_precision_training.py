"""Weights that learn are kept in float16.

What goes wrong
    A model is loaded in float16 for serving and trained as it is, or adapters take over the type of their layer.
Why it hurts
    Small gradients are zero and large ones infinite in float16: training ends with "Attempting to unscale FP16
    gradients", or with a loss that is not a number.
How it is detected
    The types of the tensors that would learn. Any in float16 ends the attempt.
What the remedy does
    Trains adapters, which are kept in 32 bit, beside the frozen weights, at ten times the rate. Where adapters
    themselves are in float16 it advises to load in bfloat16 or float32.
Not detected
    Overflow inside of a frozen float16 model.
Source
    PEFT documentation, troubleshooting (ValueError: Attempting to unscale FP16 gradients).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.types import Finding, Frozen, Page, Pitfall, Plan, Remedy, Safety, Severity, Text


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.0, ge=0, le=1)
    """Share of the trained numbers that may be in float16."""


def detect(plan: Plan, settings: Settings) -> Iterator[Finding]:
    """Fires on float16 that learns."""
    share = plan.preflight.get("precision", {}).get("float16", 0.0)
    if share <= settings.share:
        return
    yield Finding(
        severity=Severity.BLOCK,
        summary=Text(
            en=f"{share:.0%} of the numbers that would learn are kept in float16",
            zh=f"将被训练的数有 {share:.0%} 以 float16 存放",
        ),
        measured={"float16": share},
        limits={"float16": settings.share},
        strength=1.0 + share,
    )


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """Adapters in 32 bit."""
    train = used["train"]
    if train["method"] != "full":
        return Remedy(
            title=Text(en="Load the base model in bfloat16 or float32", zh="以 bfloat16 或 float32 加载基座模型"),
            safety=Safety.ADVICE,
        )
    rate = float(f"{min(2e-3, 10 * float(train['learning_rate'])):.6g}")
    return Remedy(
        title=Text(en=f"Adapters in 32 bit, at a rate of {rate:g}", zh=f"改用 32 位适配器，学习率 {rate:g}"),
        safety=Safety.AUTOMATIC,
        patch={"train.method": "lora", "train.learning_rate": rate},
        expectation=Text(en="nothing that learns is in float16", zh="被训练的权重都不是 float16"),
    )


ZH = Page(
    title="被训练的权重以 float16 存放",
    what_goes_wrong="为上线而以 float16 加载的模型直接拿来训练，或适配器沿用了所在层的类型。",
    why_it_hurts="在 float16 中，小梯度变成零，大梯度变成无穷："
    "训练以“Attempting to unscale FP16 gradients”告终，或损失成为非数字。",
    how_it_is_detected="将被训练的张量的类型。有任何 float16 就终止本次尝试。",
    what_the_remedy_does="冻结权重，训练以 32 位存放的适配器，学习率乘以十。适配器本身是 float16 时，"
    "建议以 bfloat16 或 float32 加载。",
    not_detected="冻结的 float16 模型内部的溢出。",
    source="PEFT 文档的故障排查（ValueError: Attempting to unscale FP16 gradients）。",
)

PITFALL = Pitfall("half-precision-training", "configure", Settings(), detect, remedy, ZH, rank=12)
