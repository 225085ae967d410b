"""Packed rows see each other.

What goes wrong
    Rows that are computed in one sequence must not look at each other. The mask that says so is ignored by some
    attention kernels and model classes, and dropped by some releases.
Why it hurts
    A row's answer stands in the context of the next row. The model learns to look it up there; served with one question
    at a time, it has nothing to look at, and the loss of training was too good to be true.
How it is detected
    A few short rows go through as one pack and one after the other: loss and, per tensor, gradient may differ by
    rounding only (0.001 in 32 bit, 0.25 in 16 bit). Then the words of one row are exchanged: the loss of every other
    row must stay (0.01). More ends the attempt.
What the remedy does
    Switches packing off: every row is computed by itself, padded.
Not detected
    Dropout that is drawn once for a shared beginning; it is meant. What the kernels of a GPU do (FlexAttention,
    bfloat16): it is measured on the processor, in 32 bits.
Source
    transformers issue 46634, axolotl issue 3796.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.pitfalls.compute.exactness import Exactness
from fittingroom.types import Finding, Page, Pitfall, Plan, Remedy, Safety, Severity, Text


class Settings(Exactness):
    """Limits."""

    leak: float = Field(default=0.01, gt=0)
    """Change of a row's loss by another row's words."""


def detect(plan: Plan, settings: Settings) -> Iterator[Finding]:
    """Fires when a pack is not its rows."""
    found = plan.preflight.get("packing", {})
    if not found:
        return
    limit, worst = settings.limit(found), max(found["loss"], found["gradient"])
    strength = max(worst / limit, found["leak"] / settings.leak)
    if strength <= 1:
        return
    yield Finding(
        severity=Severity.BLOCK,
        summary=Text(
            en=f"rows in one pack see each other: the loss differs by {found['loss']:.1%} from that of single rows, "
            f"and by {found['leak']:.1%} when only another row's words change",
            zh=f"同一个包里的行互相可见：损失与逐行计算相差 {found['loss']:.1%}，"
            f"只换别行的文字时相差 {found['leak']:.1%}",
        ),
        measured={"difference": worst, **{name: found[name] for name in ("loss", "gradient", "leak")}},
        limits={"difference": limit, "leak": settings.leak},
        strength=strength,
    )


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """Rows by themselves."""
    if used["train"]["packing"] == "off":
        return None
    return Remedy(
        title=Text(en="No packing: every row by itself", zh="不打包：逐行计算"),
        safety=Safety.AUTOMATIC,
        patch={"train.packing": "off"},
        expectation=Text(en="no row sees another one; training takes longer", zh="各行互不可见；训练耗时更长"),
    )


ZH = Page(
    title="打包的行互相可见",
    what_goes_wrong="放在同一序列里计算的各行不应互相看到。规定这一点的掩码会被某些注意力内核和模型类忽略，也会在某些版本中丢失。",
    why_it_hurts="前一行的答案出现在后一行的上下文里，模型学会去那里抄。上线时每次只有一个问题，无处可抄，训练时的损失好得不真实。",
    how_it_is_detected="让几行短数据作为一个包计算，再逐行计算："
    "损失以及每个张量的梯度只应有舍入误差（32 位 0.001，16 位 0.25）。"
    "再换掉一行的文字：其他行的损失必须不变（0.01）。超出即终止本次尝试。",
    what_the_remedy_does="关闭打包：每行单独计算并填充。",
    not_detected="共享开头只抽取一次的 dropout；这是有意为之。"
    "GPU 内核（FlexAttention、bfloat16）的差别：测量在处理器上以 32 位进行。",
    source="transformers 46634,axolotl 3796。",
)

PITFALL = Pitfall("packing-leaks", "configure", Settings(), detect, remedy, ZH, rank=16)
