"""The learning rate is too high.

What goes wrong
    Steps overshoot: the loss jumps, stays high or leaves all bounds, and what the base model knew is overwritten.
Why it hurts
    The model ends worse than it could, often answering one label for everything, and no number of epochs mends it.
How it is detected
    Training stopped on a loss that was not finite or left all bounds. Or the smoothed training loss jumped by more than
    half a nat and half of the lowest value it had before. Or the training rows were not learnt (macro-F1 below 0.95)
    and a rival that began anew at a lower rate got further than the whole training on a fraction of its rows (losses
    on training rows and on dev a twentieth lower, or both scores 0.1 higher), or as far where training is stuck
    (macro-F1 on training rows below 0.45 and hardly higher than in the first quarter; with free answers, their loss no
    lower than at the start), or where the first few steps at
    the rate used raise the loss while those at a lower one lower it. Whether free answers were learnt is told as in
    `underfitting`. Where no rival could be paid for, a few steps from
    the same start at other rates stand in. The configured number is not looked at.
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

from fittingroom.pitfalls.curves import RateLimits, read, response
from fittingroom.pitfalls.rivals import blamed_rate, further, gained, proven_rate, tried
from fittingroom.types import Examination, Expected, Finding, Page, Pitfall, Remedy, Safety, Severity, Text

LOWEST = 1e-6


def detect(examined: Examination, settings: RateLimits) -> Iterator[Finding]:
    """Fires on divergence, on a loss that jumped, and where a lower rate would have learnt more."""
    curves, answer, other = read(examined), response(examined), tried(examined, "rate")
    lower = answer.lower() if answer is not None else 0.1
    lower = other.factor if other is not None and other.factor < 1 else lower
    rise = gained(other if other is not None and other.factor < 1 else None, examined, 0.05)
    if examined.stopped in {"diverged", "non_finite"} or (curves is not None and curves.broken):
        text = Text(en="the loss left all bounds and training was stopped", zh="损失失控，训练已停止")
        # That the loss left all bounds is a proof of its own.
        yield _finding(text, {"best_factor": lower, "rise": rise}, {}, 10.0, proven=True)
        return
    if curves is None:
        return
    proven = proven_rate(examined, settings)
    if curves.jumped(settings.jump) and (other is None or other.factor < 1 or not proven):
        text = Text(
            en=f"the training loss jumped from {curves.lowest_loss:.2f} by {curves.jump:.2f}",
            zh=f"训练损失从 {curves.lowest_loss:.2f} 突然升高了 {curves.jump:.2f}",
        )
        measured = {"jump": curves.jump, "best_factor": lower, "rise": rise}
        yield _finding(text, measured, {"jump": settings.jump}, curves.jump / settings.jump, proven=proven)
        return
    factor = blamed_rate(curves, examined, settings)
    if not curves.lacks(settings) or factor >= 1:
        return
    measured = {**curves.fitted, "best_factor": factor, "rise": rise}
    limits = curves.wanted(settings)
    if other is not None:
        text = further(curves, other, factor)
        yield _finding(text, measured, limits, curves.shortfall(settings), proven=proven)
        return
    assert answer is not None
    gain, speed = answer.gain(factor), answer.speed(factor)
    text = Text(
        en=f"the training rows were not learnt ({curves.told().en}), and the same steps at {factor:g} times "
        f"the rate fall {speed:.2f} times as far",
        zh=f"训练数据本身没有学会（{curves.told().zh}）；同样步数下，学习率乘以 {factor:g}，"
        f"损失的降幅是原来的 {speed:.2f} 倍",
    )
    measured |= {"gain": gain, "speed": speed}
    limits |= {"gain": settings.gain, "speed": settings.near}
    yield _finding(text, measured, limits, max(gain / settings.gain, speed / settings.near))


def _finding(
    summary: Text, measured: dict[str, float], limits: dict[str, float], strength: float, *, proven: bool = False
) -> Finding:
    return Finding(
        severity=Severity.WARN, summary=summary, measured=measured, limits=limits, strength=strength, proven=proven
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
            en="the training loss falls and stays down",
            zh="训练损失下降并保持",
        ),
        expected=Expected(change=finding.measured["rise"]),
    )


ZH = Page(
    title="学习率过高",
    what_goes_wrong="步子过大：损失跳动、居高不下或失控，基座模型原有的能力被覆盖。",
    why_it_hurts="模型达不到应有的水平，常常对所有输入都答同一个标签，多少轮也救不回来。",
    how_it_is_detected="训练因损失非有限或失控而停止；或平滑后的训练损失比此前最低值跳升半个 nat 以上且超过其一半；"
    "或训练数据没有学会（macro-F1 低于 0.95），而以更低学习率重新开始的对照训练只用一小部分训练量就超过整个训练"
    "（训练数据与开发集损失都低二十分之一以上，或两项分数都高 0.1 以上）；"
    "训练停滞时（训练数据 macro-F1 低于 0.45 且与前四分之一时相差无几；"
    "自由文本答案为训练损失不低于起点）达到同样水平即可。"
    "没有余量做对照训练时，以同一起点走几步的学习率响应代替。"
    "自由文本答案是否学会，判断与 `underfitting` 相同。不看配置里的数字。",
    what_the_remedy_does="把实际使用的学习率乘以响应中表现最好的较小倍数（没有响应时为十分之一），下限 1e-6。",
    not_detected="只略高的学习率，早停与调度能够包容。任何学习率都学不会的数据（标签全凭运气）也停在平台上，起初会被当作此坑。",
    source="Smith，arXiv 1506.01186（范围测试）。",
)

PITFALL = Pitfall(
    "learning-rate-too-high", "examine", RateLimits(), detect, remedy, ZH, rank=30, moves=("score", "forgetting")
)
