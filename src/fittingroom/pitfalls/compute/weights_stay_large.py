"""Four bits are asked for and most weights stay in sixteen.

What goes wrong
    bitsandbytes stores the weights of `Linear` layers in 4 bit and no others. transformers 5 keeps the experts of a
    mixture as fused parameters, which are none: of DeepSeek-V2-Lite 92 % of the bytes stay as they were.
Why it hurts
    The card that was rented for a quarter of the memory is full before the first step, or the model is slower for
    nothing.
How it is detected
    For methods that store 4 bit: the share of the weights outside of embeddings and head that is stored so, measured on
    the loaded model. Where the model is not loaded in 4 bit (no GPU here), the layers that would be are counted. Fewer
    than half.
What the remedy does
    Trains adapters on the weights as they are (`lora`), which needs no more memory than this and is faster.
Not detected
    What quantisation costs in quality.
Source
    bitsandbytes issue 1849; own measurement.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.types import Finding, Frozen, Page, Pitfall, Plan, Remedy, Safety, Severity, Text


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.5, ge=0, le=1)
    """Share of the inner weights that must be in 4 bit at least."""


def detect(plan: Plan, settings: Settings) -> Iterator[Finding]:
    """Fires when most weights stay as they were."""
    found = plan.preflight.get("four_bit", {})
    if not found or found["share"] >= settings.share:
        return
    measured_en = "are" if found["loaded"] else "would be"
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"only {found['share']:.0%} of the weights {measured_en} stored in 4 bit; the rest stay large",
            zh=f"只有 {found['share']:.0%} 的权重{'以' if found['loaded'] else '会以'} 4 位存储，其余仍占原来的空间",
        ),
        measured={"share": found["share"], "weights": found["weights"], "loaded": found["loaded"]},
        limits={"share": settings.share},
        strength=settings.share / max(found["share"], 0.01),
    )


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """Adapters without quantisation."""
    if used["train"]["method"] == "lora":
        return None
    return Remedy(
        title=Text(en="Adapters on the weights as they are (`lora`)", zh="不做量化，直接训练适配器（`lora`）"),
        safety=Safety.AUTOMATIC,
        patch={"train.method": "lora"},
        expectation=Text(en="about the same memory, and faster steps", zh="内存相近，每步更快"),
    )


ZH = Page(
    title="要的是 4 位，多数权重仍是 16 位",
    what_goes_wrong="bitsandbytes 只把 `Linear` 层的权重存成 4 位。"
    "transformers 5 把混合模型的专家存为融合参数，不在此列："
    "DeepSeek-V2-Lite 有 92% 的字节原样不动。",
    why_it_hurts="按四分之一显存租来的显卡，第一步之前就满了；或者白白变慢。",
    how_it_is_detected="对要求 4 位存储的方法：在加载后的模型上测量词嵌入和输出层以外的权重有多大比例确实如此。"
    "若此处没有以 4 位加载（没有 GPU），则统计会被转换的层。不足一半即报告。",
    what_the_remedy_does="直接在原权重上训练适配器（`lora`），内存不会更多，速度更快。",
    not_detected="量化在质量上的代价。",
    source="bitsandbytes 1849；自行测量。",
)

PITFALL = Pitfall("weights-stay-large", "configure", Settings(), detect, remedy, ZH, rank=25)
