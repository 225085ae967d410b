"""The learning rate is too high.

What goes wrong
    Steps overshoot: the loss jumps, stays high or leaves all bounds, and what the base model knew is overwritten.
Why it hurts
    The model ends worse than it began, often answering one label for everything, and no number of epochs mends it.
How it is detected
    Training stopped on a loss that was not finite or left all bounds; or the loss at the end is no lower than at the
    start; or the training rows were not learnt and, from the same start, the same few steps at a lower rate reach a
    clearly lower loss. The configured number is not looked at.
What the remedy does
    Multiplies the rate that was used by the factor that did best in the rate response (a tenth without one), down to
    1e-6.
Not detected
    A rate that is only slightly high, which early stopping and the schedule forgive.
Source
    Smith, Cyclical Learning Rates for Training Neural Networks, arXiv 1506.01186 (range test).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.pitfalls.curves import Curves, Response, read, response
from fittingroom.types import Finding, Frozen, Page, Pitfall, Remedy, Safety, Severity, Text, Trained

LOWEST = 1e-6


class Settings(Frozen):
    """Limits."""

    learnt: float = Field(default=0.95, gt=0, le=1)
    """Macro-F1 on the training rows from which on they count as learnt."""
    gain: float = Field(default=0.1, gt=0, lt=1)
    """Share of the loss that a lower rate must save in the same steps."""
    no_better: float = Field(default=0.95, gt=0, le=1)
    """Loss at the end over loss at the start from which on nothing was learnt."""


def detect(trained: Trained, settings: Settings) -> Iterator[Finding]:
    """Fires on divergence, and where a lower rate would have learnt more."""
    curves, answer = read(trained), response(trained)
    if curves is None:
        if trained.stopped in {"diverged", "non_finite"}:
            yield _finding(settings, Text(en="the loss left all bounds", zh="损失失控"), 0.1, 1.0, 10.0)
        return
    if curves.broken:
        factor = _best_lower(answer)
        text = Text(en="the loss left all bounds and training was stopped", zh="损失失控,训练已停止")
        yield _finding(settings, text, factor, curves.end_loss / curves.start_loss, 10.0)
        return
    if curves.train_metric >= settings.learnt:
        return
    factor, gain = _lower_is_better(curves, answer, settings)
    if factor:
        text = Text(
            en=f"the training rows were not learnt (macro-F1 {curves.train_metric:.2f}), and the same steps at "
            f"{factor:g} times the rate reach a {gain:.0%} lower loss",
            zh=f"训练数据本身没有学会(macro-F1 {curves.train_metric:.2f});同样步数下,学习率乘以 {factor:g} "
            f"损失会低 {gain:.0%}",
        )
        yield _finding(settings, text, factor, curves.end_loss / curves.start_loss, gain / settings.gain)


def _lower_is_better(curves: Curves, answer: Response | None, settings: Settings) -> tuple[float, float]:
    """The lower factor that does clearly better, and by which share; (0, 0) when none does."""
    if answer is not None:
        lower = [factor for factor in answer.losses if factor < 1]
        best = answer.best(lower) if lower else 0.0
        return (best, answer.gain(best)) if best and answer.gain(best) >= settings.gain else (0.0, 0.0)
    worse = curves.end_loss / curves.start_loss
    return (0.1, settings.gain) if worse >= settings.no_better and curves.peak_loss > curves.start_loss else (0.0, 0.0)


def _best_lower(answer: Response | None) -> float:
    lower = [factor for factor in answer.losses if factor < 1] if answer else []
    return answer.best(lower) if answer and lower else 0.1


def _finding(settings: Settings, summary: Text, factor: float, ratio: float, strength: float) -> Finding:
    return Finding(
        severity=Severity.WARN,
        summary=summary,
        measured={"end_over_start_loss": ratio, "best_factor": factor},
        limits={"end_over_start_loss": settings.no_better},
        strength=strength,
    )


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """A lower rate, by the factor measured to be best."""
    rate = float(used["train"]["learning_rate"])
    lowered = max(LOWEST, rate * finding.measured["best_factor"])
    if lowered >= rate:
        return None
    return Remedy(
        title=Text(en=f"Learning rate {rate:g} -> {lowered:g}", zh=f"学习率 {rate:g} -> {lowered:g}"),
        safety=Safety.AUTOMATIC,
        patch={"train.learning_rate": float(f"{lowered:.6g}")},
        expectation=Text(
            en="the training loss falls and stays down, and dev macro-F1 rises by 0.1 or more",
            zh="训练损失下降并保持,开发集 macro-F1 提高 0.1 以上",
        ),
    )


ZH = Page(
    title="学习率过高",
    what_goes_wrong="步子过大:损失跳动、居高不下或失控,基座模型原有的能力被覆盖。",
    why_it_hurts="模型比开始时更差,常常对所有输入都答同一个标签,多少轮也救不回来。",
    how_it_is_detected="训练因损失非有限或失控而停止;或结束时的损失不低于开始;或训练数据没有学会,"
    "而从同一起点走同样几步,更低的学习率损失明显更低。不看配置里的数字。",
    what_the_remedy_does="把实际使用的学习率乘以响应中表现最好的倍数(没有响应时为十分之一),下限 1e-6。",
    not_detected="只略高的学习率,早停与调度能够包容。",
    source="Smith,arXiv 1506.01186(范围测试)。",
)

PITFALL = Pitfall("learning-rate-too-high", "train", Settings(), detect, remedy, ZH, rank=30)
