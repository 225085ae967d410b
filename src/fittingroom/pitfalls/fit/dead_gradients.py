"""No gradient reaches the weights.

What goes wrong
    Training runs, but nothing learns: weights of the base are missing from its files and came out as zeros, everything
    between the loss and the adapters is frozen or cut off, the updates are too small for the number format of the
    weights, or too high a rate drove the network to where it is flat.
Why it hurts
    The loss stands still, no error is raised, and hours are paid for the model that went in.
How it is detected
    Over the last steps the norm of the gradient stays below 1e-6, or a step changes no weight at all, while the loss is
    not near zero; such a training is stopped by itself. And where a tenth of the tensors that should learn never had a
    gradient in the whole training.
What the remedy does
    Where there was a gradient at first, lowers the rate by the factor that did best in a few steps (a tenth if none was
    measured). Where there was none from the first step on, advises to look at the base model's files, at what is
    trained, and at the number format.
Not detected
    Weights that get a gradient and learn nothing useful; see `underfitting` and the pitfalls of the rate.
Source
    PEFT, Troubleshooting (adapters whose second matrix is still zero); Micikevicius et al., Mixed Precision Training,
    arXiv 1710.03740 (updates that vanish).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import Field

from fittingroom.pitfalls.curves import response
from fittingroom.types import Examination, Expected, Finding, Frozen, Page, Pitfall, Remedy, Safety, Severity, Text

LOWEST = 1e-6
_FEWEST = 5


class Settings(Frozen):
    """Limits."""

    norm: float = Field(default=1e-6, gt=0)
    """Norm of the gradient of all weights below which there is none."""
    loss: float = Field(default=0.05, gt=0)
    """Training loss (nats per answer token) below which a small gradient only says that the rows are learnt."""
    share: float = Field(default=0.25, gt=0, le=1)
    """Share of the records, at the end of training, that must be without a gradient."""
    untouched: float = Field(default=0.1, gt=0, le=1)
    """Share of the tensors that should learn and never had a gradient."""


def detect(examined: Examination, settings: Settings) -> Iterator[Finding]:
    """Fires on a training without gradients at its end, and on tensors that never had one."""
    records = [entry for entry in examined.steps if "grad_norm" in entry]
    dead = _dead_at_the_end(records, settings)
    tensors = examined.facts.get("trainable_tensors", 0)
    untouched = len(examined.facts.get("untouched", [])) / tensors if tensors else 0.0
    share = dead / len(records) if records else 0.0
    ended = examined.stopped == "dead_gradients" or (dead >= _FEWEST and share >= settings.share)
    if not ended and untouched < settings.untouched:
        return
    at_end = records[-1] if records else {"grad_norm": 0.0, "loss": math.nan}
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"the last {dead} records have no gradient (norm {at_end['grad_norm']:.1e}) at a loss of "
            f"{at_end['loss']:.2f}"
            if ended
            else f"{untouched:.0%} of the tensors that should learn never had a gradient",
            zh=f"最后 {dead} 条记录没有梯度（范数 {at_end['grad_norm']:.1e}），损失仍为 {at_end['loss']:.2f}"
            if ended
            else f"应当学习的张量中有 {untouched:.0%} 从未得到梯度",
        ),
        measured={
            "grad_norm": at_end["grad_norm"],
            "dead_share": share,
            "untouched": untouched,
            "alive_first": float(ended and dead < len(records)),
            "best_factor": answer.lower() if (answer := response(examined)) is not None else 0.1,
        },
        limits={"grad_norm": settings.norm, "dead_share": settings.share, "untouched": settings.untouched},
        strength=max(1.0, share / settings.share if ended else untouched / settings.untouched),
        proven=ended,
    )


def _dead_at_the_end(records: Sequence[Mapping[str, float]], settings: Settings) -> int:
    """How many of the last records in a row have no gradient, or changed no weight, at a loss that is not near zero."""
    count = 0
    for entry in reversed(records):
        still = entry["grad_norm"] < settings.norm or entry.get("update_ratio") == 0
        if not (still and entry["loss"] >= settings.loss):
            break
        count += 1
    return count


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """A lower rate where it died on the way; else a person must look at what is trained."""
    rate = float(used["train"]["learning_rate"])
    lowered = max(LOWEST, rate * finding.measured["best_factor"])
    if finding.measured["alive_first"] and lowered < rate:
        return Remedy(
            title=Text(en=f"Learning rate {rate:g} -> {lowered:g}", zh=f"学习率 {rate:g} -> {lowered:g}"),
            safety=Safety.AUTOMATIC,
            patch={"train.learning_rate": float(f"{lowered:.6g}")},
            expectation=Text(en="gradients stay alive and the loss falls", zh="梯度保持不为零，损失下降"),
            expected=Expected(change=0.05),
        )
    return Remedy(
        title=Text(
            en="Look at what the gradient must pass: are the base model's files whole (a broken download leaves "
            "zeros), what is trained (`train.method`), in which format",
            zh="检查梯度经过的地方：基座模型文件是否完整（下载不全会留下零权重）、训练了哪些参数（`train.method`）、"
            "用的是哪种数值格式",
        ),
        safety=Safety.ADVICE,
    )


ZH = Page(
    title="梯度消失，权重不动",
    what_goes_wrong="训练在跑，却什么也没学：基座文件缺权重而成了零；损失与适配器之间被冻结或断开；"
    "更新小到权重的数值格式存不下；或学习率过高把网络推到平坦处。",
    why_it_hurts="损失不动，也不报错，花几个小时的钱得到的还是原来的模型。",
    how_it_is_detected="最后若干步梯度范数一直低于 1e-6，或走一步没有任何权重变化，而损失并不接近零；"
    "这样的训练会自行停止。或应当学习的张量中有一成在整个训练中从未得到梯度。",
    what_the_remedy_does="起初有梯度的，把学习率乘以几步试探中最好的倍数（没有测量时为十分之一）；"
    "从第一步起就没有的，建议检查基座模型文件、训练了哪些参数以及数值格式。",
    not_detected="有梯度却学不到有用东西的权重，见 `underfitting` 与学习率相关的坑。",
    source="PEFT 故障排查（适配器的第二个矩阵仍为零）；Micikevicius 等，arXiv 1710.03740（消失的更新）。",
)

PITFALL = Pitfall("dead-gradients", "examine", Settings(), detect, remedy, ZH, rank=29)
