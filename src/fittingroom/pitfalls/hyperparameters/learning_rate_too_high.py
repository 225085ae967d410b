"""The learning rate is too high.

What goes wrong
    Steps overshoot: the loss jumps, stays high or leaves all bounds, and what the base model knew is overwritten.
Why it hurts
    The model ends worse than it could, often answering one label for everything, and no number of epochs mends it.
How it is detected
    One of three measurements. Training stopped on a loss that was not finite or left all bounds. The smoothed training
    loss jumped by more than half a nat and half of the lowest value it had before. The training rows were not learnt
    (macro-F1 below 0.95) and, from the same start, the same few steps at a lower rate reach a loss that is a tenth
    lower; or training is stuck (macro-F1 on the training rows ends below 0.45 and hardly higher than in the first
    quarter) though a few steps at a tenth of the rate fall half as far or more: then the rate used was soon on the
    plateau that it never left. The configured number is not looked at.
What the remedy does
    Multiplies the rate that was used by the lower factor that did best in the rate response (a tenth without one), down
    to 1e-6.
Not detected
    A rate that is only slightly high, which early stopping and the schedule forgive. Rows that cannot be learnt at any
    rate (labels drawn by lot) end on a plateau too, and are taken for this pit at first.
Source
    Smith, Cyclical Learning Rates for Training Neural Networks, arXiv 1506.01186 (range test).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fittingroom.pitfalls.curves import RateLimits, better_rate, read, response
from fittingroom.types import Finding, Page, Pitfall, Remedy, Safety, Severity, Text, Trained

LOWEST = 1e-6


def detect(trained: Trained, settings: RateLimits) -> Iterator[Finding]:
    """Fires on divergence, on a loss that jumped, and where a lower rate would have learnt more."""
    curves, answer = read(trained), response(trained)
    lower = answer.lower() if answer is not None else 0.1
    if trained.stopped in {"diverged", "non_finite"} or (curves is not None and curves.broken):
        text = Text(en="the loss left all bounds and training was stopped", zh="损失失控，训练已停止")
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
    factor = better_rate(curves, answer, settings)
    if factor >= 1:
        return
    gain, speed = answer.gain(factor), answer.speed(factor)
    text = Text(
        en=f"the training rows were not learnt (macro-F1 {curves.learnt:.2f}), and the same steps at {factor:g} times "
        f"the rate fall {speed:.2f} times as far",
        zh=f"训练数据本身没有学会（macro-F1 {curves.learnt:.2f}）；同样步数下，学习率乘以 {factor:g},"
        f"损失的降幅是原来的 {speed:.2f} 倍",
    )
    measured = {"train_macro_f1": curves.learnt, "best_factor": factor, "gain": gain, "speed": speed}
    limits = {"train_macro_f1": settings.learnt, "gain": settings.gain, "speed": settings.near}
    yield _finding(text, measured, limits, max(gain / settings.gain, speed / settings.near))


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
            zh="训练损失下降并保持，开发集 macro-F1 提高 0.05 以上",
        ),
    )


ZH = Page(
    title="学习率过高",
    what_goes_wrong="步子过大：损失跳动、居高不下或失控，基座模型原有的能力被覆盖。",
    why_it_hurts="模型达不到应有的水平，常常对所有输入都答同一个标签，多少轮也救不回来。",
    how_it_is_detected="三项测量之一：训练因损失非有限或失控而停止；"
    "平滑后的训练损失比此前最低值跳升半个 nat 以上且超过其一半；"
    "训练数据没有学会（macro-F1 低于 0.95），而从同一起点走同样几步，"
    "更低的学习率损失低一成以上；或训练停滞（训练数据 macro-F1 最终低于 0.45，且与前四分之一时相差无几），"
    "而十分之一的学习率走几步也能降一半以上：说明所用学习率很快到达平台而再没有离开。不看配置里的数字。",
    what_the_remedy_does="把实际使用的学习率乘以响应中表现最好的较小倍数（没有响应时为十分之一），下限 1e-6。",
    not_detected="只略高的学习率，早停与调度能够包容。任何学习率都学不会的数据（标签全凭运气）也停在平台上，起初会被当作此坑。",
    source="Smith,arXiv 1506.01186(范围测试)。",
)

PITFALL = Pitfall("learning-rate-too-high", "train", RateLimits(), detect, remedy, ZH, rank=30)
