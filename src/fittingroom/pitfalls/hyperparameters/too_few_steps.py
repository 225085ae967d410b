"""Few, large steps: the batch is too large for the rows there are.

What goes wrong
    The rows are seen several times, but in so large batches that the model takes only a few dozen steps.
Why it hurts
    Training ends while the loss still falls. LoRA suffers most: it learns worse from few, large steps than from many
    small ones, at the same number of rows seen and at any rate.
How it is detected
    Fewer than 100 optimiser steps in three or more passes over the rows, and the training rows are not learnt (macro-F1
    below 0.95; of free answers it is told as in `underfitting`). A rival on smaller batches got further than the whole
    training on a fraction of its rows; where none could be paid for: no other rate would have learnt clearly faster,
    and the loss of the last quarter of the steps is still a twentieth below that of the quarter before.
What the remedy does
    Makes the batch smaller, by halves, until the same passes take 100 steps, but not below 4 rows; from there on more
    passes are the remedy of `underfitting`.
Not detected
    A batch that is too large for the best result although its steps are enough to learn the rows.
Source
    Schulman et al., LoRA Without Regret, 2025 (large batches cost LoRA more than full fine-tuning).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from pydantic import Field

from fittingroom.pitfalls.curves import RateLimits, read
from fittingroom.pitfalls.rivals import blamed_rate, gained, outdoes, tried
from fittingroom.types import Examination, Expected, Finding, Page, Pitfall, Remedy, Safety, Severity, Text

SMALLEST = 4


class Settings(RateLimits):
    """Limits; those of the rate say whether the rate is to blame instead."""

    steps: int = Field(default=100, ge=1)
    """Optimiser steps from which on there are enough of them."""
    passes: float = Field(default=3.0, gt=0)
    """Passes over the rows below which more of them, not smaller batches, are the answer."""
    falling: float = Field(default=0.05, gt=0, lt=1)
    """Share by which the loss of the last quarter lies below the one before."""


def detect(examined: Examination, settings: Settings) -> Iterator[Finding]:
    """Fires when few steps are all that many passes came to, and more of them would have learnt more."""
    curves, smaller = read(examined), tried(examined, "batch")
    if curves is None or curves.broken or curves.jumped(settings.jump) or not curves.lacks(settings):
        return
    steps, fall = examined.steps[-1]["step"], _fall([step["loss"] for step in examined.steps])
    if steps >= settings.steps or curves.last_epoch < settings.passes:
        return
    proven = smaller is not None and outdoes(smaller, examined, settings)
    if not proven:
        falling = fall >= settings.falling and examined.stopped == "completed"
        if examined.rivals or not falling or blamed_rate(curves, examined, settings) != 1:
            return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"{curves.last_epoch:g} passes over the rows came to {steps:.0f} steps only: the batch is too large"
            + (f"; smaller ones got further on {smaller.share:.0%} of the rows" if smaller is not None else ""),
            zh=f"{curves.last_epoch:g} 轮训练只有 {steps:.0f} 步：批次过大"
            + (f"；较小的批次只用 {smaller.share:.0%} 的训练量就走得更远" if smaller is not None else ""),
        ),
        measured={
            "steps": steps,
            "epochs": curves.last_epoch,
            "fall": fall,
            **curves.fitted,
            "rise": gained(smaller, examined, 0.05),
        },
        limits={"steps": float(settings.steps), "fall": settings.falling, **curves.wanted(settings)},
        strength=settings.steps / steps,
        proven=proven,
    )


def _fall(losses: Sequence[float]) -> float:
    """By which share the mean loss of the last quarter lies below that of the quarter before; 0 for too few steps."""
    quarter = len(losses) // 4
    if not quarter:
        return 0.0
    before, last = fmean(losses[-2 * quarter : -quarter]), fmean(losses[-quarter:])
    return 1 - last / before if before > 0 else 0.0


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """Smaller batches."""
    batch, steps = int(used["train"]["batch_size"]), finding.measured["steps"]
    smaller = batch
    while steps * batch / smaller < finding.limits["steps"] and smaller > SMALLEST:
        smaller = max(SMALLEST, smaller // 2)
    if smaller >= batch:
        return None
    return Remedy(
        title=Text(en=f"Batch {batch} -> {smaller} rows", zh=f"批次 {batch} -> {smaller} 条"),
        safety=Safety.AUTOMATIC,
        patch={"train.batch_size": smaller},
        expectation=Text(en="the training rows are learnt better", zh="训练数据学得更好"),
        expected=Expected(change=finding.measured["rise"]),
    )


ZH = Page(
    title="步数太少（批次过大）",
    what_goes_wrong="数据看了好几遍，但批次太大，模型只走了几十步。",
    why_it_hurts="训练在损失仍下降时就结束了。"
    "LoRA 受害最深：看同样多的数据，少而大的步子学得比多而小的差，换什么学习率都一样。",
    how_it_is_detected="三轮或更多，却不足 100 步；训练数据没有学会（macro-F1 低于 0.95；"
    "自由文本答案的判断与 `underfitting` 相同）；"
    "较小批次的对照训练只用一小部分训练量就超过整个训练。没有余量做对照训练时："
    "换别的学习率也不会明显更快，且最后四分之一的损失仍比前四分之一低二十分之一以上。",
    what_the_remedy_does="把批次逐次减半，直到同样的轮数有 100 步，最小 4 条；再往下由 `underfitting` 增加轮数。",
    not_detected="步数足以学会训练数据，但对最好结果而言仍过大的批次。",
    source="Schulman 等，LoRA Without Regret，2025（大批次对 LoRA 的损害大于全量微调）。",
)

PITFALL = Pitfall("too-few-steps", "examine", Settings(), detect, remedy, ZH, rank=39)
