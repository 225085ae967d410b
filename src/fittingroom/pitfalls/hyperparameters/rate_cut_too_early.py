"""The rate was cut while the loss was still falling.

What goes wrong
    The schedule divides the rate after a third of the steps, or lets it fall from early on: what the first part of the
    training was learning comes to a halt before it is learnt.
Why it hurts
    The rest of the steps is paid for and brings little; more epochs only help because they move the cut.
How it is detected
    The recorded rate fell to half of its highest, for good, within the first 0.45 of the steps. In the tenth of the
    steps before that the training loss lay a twentieth below that of the tenth before it; after it, the loss fell less
    than a quarter as fast. The training rows were not learnt in the end (macro-F1 below 0.95; of free answers it is
    told as in `underfitting`), and no other rate is to blame.
What the remedy does
    Keeps the rate up for seven tenths of the steps and lets it fall then (`train.schedule: wsd`, `train.decay: 0.3`).
Not detected
    A rate that falls evenly (cosine, linear): there more epochs are the answer, see `underfitting`.
Source
    Hu et al., MiniCPM, arXiv 2404.06395, section 4 (warm-up, stable, decay); Haegele et al., Scaling Laws and
    Compute-Optimal Training Beyond Fixed Training Durations, arXiv 2405.18392.
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

DECAY = 0.3
_FEWEST = 20


class Settings(RateLimits):
    """Limits; those of the rate say whether the rate is to blame instead."""

    early: float = Field(default=0.45, gt=0, lt=1)
    """Share of the steps within which a cut is early."""
    falling: float = Field(default=0.05, gt=0, lt=1)
    """Share by which the loss fell from tenth to tenth of the steps before the cut."""
    slower: float = Field(default=0.25, gt=0, lt=1)
    """How fast it fell after it, at most, over how fast it fell before."""


def detect(examined: Examination, settings: Settings) -> Iterator[Finding]:
    """Fires where an early cut brought a falling loss to a halt."""
    curves = read(examined)
    if curves is None or curves.broken or examined.stopped == DEAD or curves.jumped(settings.jump):
        return
    records = [step for step in examined.steps if math.isfinite(step["loss"]) and "learning_rate" in step]
    if len(records) < _FEWEST or not curves.lacks(settings) or blamed_rate(curves, examined, settings) != 1:
        return
    losses, many = [step["loss"] for step in records], len(records) // 10
    cut = _cut([step["learning_rate"] for step in records])
    if not 2 * many <= cut <= settings.early * len(records):
        return
    before = fmean(losses[cut - 2 * many : cut - many]), fmean(losses[cut - many : cut])
    fall = 1 - before[1] / before[0] if before[0] > 0 else 0.0
    rest = (1 - fmean(losses[-many:]) / before[1]) * many / (len(records) - cut) if before[1] > 0 else 0.0
    if fall < settings.falling or rest > settings.slower * fall:
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"the rate fell to half after {cut / len(records):.0%} of the steps, while the loss was falling by "
            f"{fall:.0%} every tenth of them; after it, by {max(0.0, rest):.1%}",
            zh=f"走完 {cut / len(records):.0%} 的步数时学习率已降到一半，而此前每一成步数损失下降 {fall:.0%}；"
            f"之后只下降 {max(0.0, rest):.1%}",
        ),
        measured={"early": cut / len(records), "falling": fall, "after": rest},
        limits={"early": settings.early, "falling": settings.falling},
        strength=fall / settings.falling,
    )


def _cut(rates: Sequence[float]) -> int:
    """The first place from which on the rate is at most half of its highest."""
    half, at = max(rates) / 2, len(rates)
    while at and rates[at - 1] <= half:
        at -= 1
    return at


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """A rate that is kept up for longer."""
    train = used["train"]
    if train["schedule"] == "wsd" and float(train["decay"]) <= DECAY:
        return None
    wanted = {"train.schedule": "wsd", "train.decay": DECAY}
    return Remedy(
        title=Text(en="Keep the rate for seven tenths of the steps", zh="前七成步数保持学习率"),
        safety=Safety.AUTOMATIC,
        patch={path: value for path, value in wanted.items() if train[path.removeprefix("train.")] != value},
        expectation=Text(en="the loss goes on falling", zh="损失继续下降"),
        expected=Expected(change=0.01),
    )


ZH = Page(
    title="学习率降得太早",
    what_goes_wrong="调度在三分之一处就把学习率除以十，或很早就开始下降：前一段正在学的东西还没学会就停了下来。",
    why_it_hurts="剩下的步数照样付费，却收效甚微；加轮数之所以有用，只是因为把下降的时刻往后推了。",
    how_it_is_detected="记录下来的学习率在前 0.45 的步数内降到最高值的一半且不再回升；"
    "此前一成步数的训练损失比再前一成低二十分之一以上，"
    "此后下降的速度不到原来的四分之一。最终训练数据没有学会（macro-F1 低于 0.95；"
    "自由文本答案的判断与 `underfitting` 相同），"
    "换学习率也没有更好。",
    what_the_remedy_does="前七成步数保持学习率，之后再下降（`train.schedule: wsd`、`train.decay: 0.3`）。",
    not_detected="均匀下降的学习率（cosine、linear）：那里需要的是更多轮数，见 `underfitting`。",
    source="Hu 等，MiniCPM，arXiv 2404.06395 第 4 节；Hägele 等，arXiv 2405.18392。",
)

PITFALL = Pitfall("rate-cut-too-early", "examine", Settings(), detect, remedy, ZH, rank=44)
