"""The learning rate is too high.

What goes wrong
    Steps overshoot: the loss jumps, stays high or leaves all bounds, and what the base model knew is overwritten.
Why it hurts
    The model ends worse than it could, often answering one label for everything, and no number of epochs mends it.
How it is detected
    One of three measurements. Training stopped on a loss that was not finite or left all bounds. The smoothed training
    loss jumped by more than half a nat and half of the lowest value it had before. The training rows were not learnt
    (macro-F1 below 0.85) and, from the same start, the same few steps at a lower rate reach a clearly lower loss. The
    configured number is not looked at.
What the remedy does
    Multiplies the rate that was used by the lower factor that did best in the rate response (a tenth without one), down
    to 1e-6.
Not detected
    A rate that is only slightly high, which early stopping and the schedule forgive.
Source
    Smith, Cyclical Learning Rates for Training Neural Networks, arXiv 1506.01186 (range test).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.pitfalls.curves import read, response
from fittingroom.types import Finding, Frozen, Page, Pitfall, Remedy, Safety, Severity, Text, Trained

LOWEST = 1e-6


class Settings(Frozen):
    """Limits."""

    learnt: float = Field(default=0.85, gt=0, le=1)
    """Macro-F1 on the training rows from which on they count as learnt."""
    gain: float = Field(default=0.1, gt=0, lt=1)
    """Share of the loss that a lower rate must save in the same steps."""
    jump: float = Field(default=0.5, gt=0)
    """Nats by which the smoothed loss may rise above its lowest so far, where that is as large a share of it too."""


def detect(trained: Trained, settings: Settings) -> Iterator[Finding]:
    """Fires on divergence, on a loss that jumped, and where a lower rate would have learnt more."""
    curves, answer = read(trained), response(trained)
    lower = answer.lower() if answer is not None else 0.1
    if trained.stopped in {"diverged", "non_finite"} or (curves is not None and curves.broken):
        text = Text(en="the loss left all bounds and training was stopped", zh="损失失控,训练已停止")
        yield _finding(text, {"best_factor": lower}, {}, 10.0)
        return
    if curves is None:
        return
    if curves.jumped(settings.jump):
        text = Text(
            en=f"the training loss jumped from {curves.lowest_loss:.2f} by {curves.jump:.2f}",
            zh=f"训练损失从 {curves.lowest_loss:.2f} 突然升高了 {curves.jump:.2f}",
        )
        measured = {"jump": curves.jump, "best_factor": lower}
        yield _finding(text, measured, {"jump": settings.jump}, curves.jump / settings.jump)
        return
    if answer is None or curves.learnt >= settings.learnt:
        return
    factor = answer.better(settings.gain, float("inf"))
    if factor < 1:
        gain = answer.gain(factor)
        text = Text(
            en=f"the training rows were not learnt (macro-F1 {curves.learnt:.2f}), and the same steps at "
            f"{factor:g} times the rate reach a {gain:.0%} lower loss",
            zh=f"训练数据本身没有学会(macro-F1 {curves.learnt:.2f});同样步数下,"
            f"学习率乘以 {factor:g} 损失会低 {gain:.0%}",
        )
        measured = {"train_macro_f1": curves.learnt, "best_factor": factor, "gain": gain}
        yield _finding(text, measured, {"train_macro_f1": settings.learnt, "gain": settings.gain}, gain / settings.gain)


def _finding(summary: Text, measured: dict[str, float], limits: dict[str, float], strength: float) -> Finding:
    return Finding(severity=Severity.WARN, summary=summary, measured=measured, limits=limits, strength=strength)


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
            en="the training loss falls and stays down, and dev macro-F1 rises by 0.05 or more",
            zh="训练损失下降并保持,开发集 macro-F1 提高 0.05 以上",
        ),
    )


ZH = Page(
    title="学习率过高",
    what_goes_wrong="步子过大:损失跳动、居高不下或失控,基座模型原有的能力被覆盖。",
    why_it_hurts="模型达不到应有的水平,常常对所有输入都答同一个标签,多少轮也救不回来。",
    how_it_is_detected="三项测量之一:训练因损失非有限或失控而停止;"
    "平滑后的训练损失比此前最低值跳升半个 nat 以上且超过其一半;"
    "训练数据没有学会(macro-F1 低于 0.85),而从同一起点走同样几步,更低的学习率损失明显更低。不看配置里的数字。",
    what_the_remedy_does="把实际使用的学习率乘以响应中表现最好的较小倍数(没有响应时为十分之一),下限 1e-6。",
    not_detected="只略高的学习率,早停与调度能够包容。",
    source="Smith,arXiv 1506.01186(范围测试)。",
)

PITFALL = Pitfall("learning-rate-too-high", "train", Settings(), detect, remedy, ZH, rank=30)
