"""Accumulated passes are not one batch.

What goes wrong
    A batch that does not fit is computed in several passes, and their losses are added up. Where every pass is averaged
    by itself, or a layer mixes the rows of a pass, the sum is not what the whole batch would give.
Why it hurts
    Short passes weigh too much, and the result depends on the memory of the machine: the same recipe trains differently
    on a smaller card.
How it is detected
    A few short rows go through as one pass and as several of unequal size. Loss and, per tensor, gradient may differ by
    rounding only (relative difference 0.001 in 32 bit, 0.25 in 16 bit). Looked at where the plan accumulates.
What the remedy does
    Makes the batch as small as one pass, so that nothing is summed up.
Not detected
    Dropout, which draws anew for each pass, and differences between several devices, or of a GPU: it is measured on
    the processor, in 32 bits, by the function that sums passes in training.
Source
    transformers pull requests 34191 and 37474, issue 46731.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fittingroom.pitfalls.compute.exactness import Exactness
from fittingroom.types import Finding, Page, Pitfall, Plan, Remedy, Safety, Severity, Text


def detect(plan: Plan, settings: Exactness) -> Iterator[Finding]:
    """Fires when the sum of passes differs from one pass by more than rounding."""
    found = plan.preflight.get("accumulation", {})
    passes = float(plan.layout.get("passes", 1.0))
    if not found or passes <= 1:
        return
    limit, worst = settings.limit(found), max(found["loss"], found["gradient"])
    if worst <= limit:
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"the passes of a step ({passes:g}) do not add up to one batch: the loss differs by "
            f"{found['loss']:.1%}, gradients by {found['gradient']:.1%}",
            zh=f"一步中的几次计算（{passes:g} 次）加起来不等于一个批次：损失相差 "
            f"{found['loss']:.1%}，梯度相差 {found['gradient']:.1%}",
        ),
        measured={"difference": worst, "loss": found["loss"], "gradient": found["gradient"],
                  "passes": passes},
        limits={"difference": limit},
        strength=worst / limit,
    )  # fmt: skip


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """Batches of one pass."""
    now = int(used["train"]["batch_size"])
    wanted = max(1, int(now / finding.measured["passes"]))
    if wanted >= now:
        return None
    return Remedy(
        title=Text(en=f"Batch {now} -> {wanted} rows, one pass each", zh=f"批次 {now} -> {wanted} 行，一次算完"),
        safety=Safety.AUTOMATIC,
        patch={"train.batch_size": wanted},
        expectation=Text(en="no step is summed up from several passes", zh="每一步都不再由多次计算累加"),
    )


ZH = Page(
    title="累加的几次计算不等于一个批次",
    what_goes_wrong="放不下的批次分几次计算，再把损失加起来。若每次各自取平均，或某层把同一次里的各行混在一起，"
    "加起来就不是整个批次的结果。",
    why_it_hurts="短的那次权重过大，结果还取决于机器的内存：同一份配方在小一些的显卡上训练出不同的模型。",
    how_it_is_detected="让几行短数据一次算完，再分成大小不等的几次。损失以及每个张量的梯度只应有舍入误差"
    "（32 位相对误差 0.001，16 位 0.25）。仅在计划需要累加时检查。",
    what_the_remedy_does="把批次缩小到一次能算完，不再累加。",
    not_detected="每次重新抽取的 dropout，多台设备之间的差异，以及 GPU 上的差异："
    "测量在处理器上以 32 位进行，用的是训练中累加各批的同一函数。",
    source="transformers 34191、37474 与 46731。",
)

PITFALL = Pitfall("accumulation-differs", "configure", Exactness(), detect, remedy, ZH, rank=22)
