"""Nothing learns.

What goes wrong
    The path from the loss to the weights is broken: a layer that computes without gradients, a checkpoint of
    activations whose input needs none, adapters that take no part in the forward pass.
Why it hurts
    Training runs to its end, the loss wanders with the rows, and the model that comes out is the one that went in.
How it is detected
    On a few short rows. Adapters: after one step at a tiny rate, the share of their second matrices that are zero
    still, as they begin. All weights: the share of tensors whose gradient is zero. More than a tenth ends the attempt.
What the remedy does
    Advises native model classes and the releases that this version names: what is broken is the model's code.
Not detected
    Weights that learn, but too slowly: see `learning-rate-too-low` and `update-vanishes`.
Source
    PEFT documentation, troubleshooting; LLaMA-Factory issue 6829 (experts computed without gradients by remote code).
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice
from fittingroom.types import Finding, Frozen, Page, Pitfall, Plan, Severity, Text


class Settings(Frozen):
    """Limits."""

    dead: float = Field(default=0.1, ge=0, lt=1)
    """Share of the tensors that may stay as they are; a rare expert gets none of a few rows."""


def detect(plan: Plan, settings: Settings) -> Iterator[Finding]:
    """Fires on tensors that should learn and do not."""
    found = plan.preflight.get("learning", {})
    dead = 1.0 if found and not found["learns"] else found.get("dead", 0.0)
    if dead <= settings.dead:
        return
    yield Finding(
        severity=Severity.BLOCK,
        summary=Text(
            en=f"a step of training leaves {dead:.0%} of the tensors that should learn as they were",
            zh=f"训练一步之后，应当学习的张量有 {dead:.0%} 毫无变化",
        ),
        measured={"dead": dead, "tensors": found["tensors"]},
        limits={"dead": settings.dead},
        strength=dead / max(settings.dead, 1e-3),
    )


remedy = advice(
    "Use a base model with a native class, and the releases of transformers and peft that this version names",
    "使用有内置类的基座模型，并安装本版本指定的 transformers 和 peft",
)


ZH = Page(
    title="什么也没有学",
    what_goes_wrong="从损失到权重的路断了：某层在计算时不带梯度，激活检查点的输入不需要梯度，或适配器没有参与前向计算。",
    why_it_hurts="训练照常跑完，损失只随数据起伏，出来的模型与进去的一模一样。",
    how_it_is_detected="用几行短数据测量。适配器：以极小的学习率走一步后，第二个矩阵仍为零（初始值）的比例；"
    "全部权重：梯度为零的张量比例。超过十分之一就终止本次尝试。",
    what_the_remedy_does="建议使用内置的模型类和本版本指定的库版本：坏掉的是模型代码。",
    not_detected="在学但学得太慢的权重：见 `learning-rate-too-low` 和 `update-vanishes`。",
    source="PEFT 文档的故障排查；LLaMA-Factory 6829（远程代码的专家计算不带梯度）。",
)

PITFALL = Pitfall("nothing-trains", "configure", Settings(), detect, remedy, ZH, rank=14)
