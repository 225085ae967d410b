"""The warm-up is too short.

What goes wrong
    The first steps are taken at nearly the full rate while the optimiser knows nothing of the gradients yet: the loss
    rises at first, and later steps have to win back what was lost.
Why it hurts
    Part of the training is spent on the way back, and of what the base model knew some is gone for good.
How it is detected
    In the first fifth of the steps the smoothed training loss rises by a tenth, and a tenth of a nat, above where it
    began; later it falls by a tenth below that. The training rows were not learnt in the end (macro-F1 below 0.95; of
    free answers it is told as in `underfitting`), and neither did the loss jump nor is another rate to blame: those are
    nearer to the root.
What the remedy does
    Makes the warm-up three times as long, a tenth of the steps at least, three tenths at most.
Not detected
    A rise within the first records that are kept; one that never recovers (see `learning-rate-too-high`).
Source
    Goyal et al., Accurate, Large Minibatch SGD, arXiv 1706.02677 (gradual warm-up); Ma and Yarats, On the adequacy of
    untuned warmup for adaptive optimization, arXiv 1910.04209.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from pydantic import Field

from fittingroom.pitfalls.curves import DEAD, RateLimits, read
from fittingroom.pitfalls.rivals import blamed_rate
from fittingroom.types import Examination, Expected, Finding, Page, Pitfall, Remedy, Safety, Severity, Text

LONGEST, SHORTEST = 0.3, 0.1
"""Bounds of the share of steps that the remedy sets."""
_FEWEST = 20
"""Records below which a beginning cannot be told from the rest."""


class Settings(RateLimits):
    """Limits; those of the rate say whether the rate is to blame instead."""

    first: float = Field(default=0.2, gt=0, lt=1)
    """Share of the steps that are the first ones."""
    rise: float = Field(default=0.1, gt=0)
    """Share of the loss at the start by which it must rise in them, and by which it must fall below it later; and"""
    nats: float = Field(default=0.1, gt=0)
    """nats per token that the rise must be."""


def detect(examined: Examination, settings: Settings) -> Iterator[Finding]:
    """Fires on a loss that rose at first and recovered, in a training that fell short."""
    curves = read(examined)
    if curves is None or curves.broken or examined.stopped == DEAD or curves.jumped(settings.jump):
        return
    losses = [step["loss"] for step in examined.steps if math.isfinite(step["loss"])]
    if len(losses) < _FEWEST or not curves.lacks(settings) or blamed_rate(curves, examined, settings) != 1:
        return
    start, highest, lowest = _beginning(losses, settings.first)
    rise = highest - start
    recovered = lowest <= (1 - settings.rise) * start
    if not recovered or rise < max(settings.nats, settings.rise * start):
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"in the first steps the training loss rose from {start:.2f} to {highest:.2f} before it fell",
            zh=f"最初若干步训练损失先从 {start:.2f} 升到 {highest:.2f}，之后才下降",
        ),
        measured={"rise": rise / start, "nats": rise},
        limits={"rise": settings.rise, "nats": settings.nats},
        strength=rise / max(settings.nats, settings.rise * start),
    )


def _beginning(losses: Sequence[float], first: float) -> tuple[float, float, float]:
    """Where the smoothed loss began, how high it rose in the first steps, and how low it came after that."""
    few = max(1, len(losses) // 50)
    smooth = [fmean(losses[at : at + few]) for at in range(len(losses) - few + 1)]
    until = max(2, int(first * len(smooth)))
    highest = max(smooth[:until])
    return smooth[0], highest, min(smooth[smooth.index(highest) :])


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """A longer warm-up, within bounds."""
    warmup = float(used["train"]["warmup"])
    longer = round(min(LONGEST, max(SHORTEST, 3 * warmup)), 4)
    if longer <= warmup:
        return None
    return Remedy(
        title=Text(en=f"Warm-up {warmup:g} -> {longer:g} of the steps", zh=f"预热 {warmup:g} -> {longer:g}（占步数）"),
        safety=Safety.AUTOMATIC,
        patch={"train.warmup": longer},
        expectation=Text(en="the loss falls from the first steps on", zh="损失从最初几步起就下降"),
        expected=Expected(change=0.01),
    )


ZH = Page(
    title="预热太短",
    what_goes_wrong="优化器对梯度还一无所知时，最初几步就用了接近最高的学习率：损失先升，后面的步子要把失去的补回来。",
    why_it_hurts="一部分训练花在走回头路上，基座模型原有的能力也有一些一去不返。",
    how_it_is_detected="最初五分之一的步数里，平滑后的训练损失比起点高出一成且至少 0.1 nat，之后又降到起点以下一成；"
    "最终训练数据没有学会（macro-F1 低于 0.95；自由文本答案的判断与 `underfitting` 相同），"
    "而损失没有跳升，换学习率也没有更好：那些更接近根源。",
    what_the_remedy_does="预热加长到三倍，至少占步数的一成，至多三成。",
    not_detected="发生在最初几条记录之内的上升；再也没有恢复的上升（见 `learning-rate-too-high`）。",
    source="Goyal 等，arXiv 1706.02677（渐进预热）；Ma、Yarats，arXiv 1910.04209。",
)

PITFALL = Pitfall("warm-up-too-short", "examine", Settings(), detect, remedy, ZH, rank=43)
