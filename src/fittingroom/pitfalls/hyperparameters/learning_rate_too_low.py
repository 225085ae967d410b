"""The learning rate is too low.

What goes wrong
    Every step moves the weights in the right direction, but so little that training ends long before the model has
    learnt its own training rows. Rates copied from articles about large models or from full fine-tuning are often ten
    times too small for a small model or for LoRA.
Why it hurts
    The model stays close to the untuned one. More data or more epochs help slowly and cost much.
How it is detected
    After training, macro-F1 on a fixed sample of the training rows themselves is still low (below 0.95; of free answers
    it is told as in `underfitting`). And a rival that began anew at a higher rate got further than the whole training
    on a fraction of its rows: losses on training rows and on dev a twentieth lower, or both scores 0.1 higher. A
    training of fewer than three passes must be outdone at five times the rate or more, for else more passes are the
    answer. Or learning was not over after three passes and more (going on from the kept weights raises macro-F1 on dev
    by 0.02) and in the same few steps the loss falls twice as far at a higher rate. Where no rival could be paid for,
    these few steps stand in alone: a tenth lower, or twice as far. The configured number is not looked at.
What the remedy does
    Multiplies the rate that was used by the factor that did best, up to 0.01.
Not detected
    A rate that is only slightly low, and one that is low for some layers only. Too few epochs look the same in part: a
    higher rate is the cheaper cure of the two and is tried first.
Source
    Smith, Cyclical Learning Rates for Training Neural Networks, arXiv 1506.01186 (range test); Schulman, LoRA Without
    Regret, 2025 (about ten times the rate of full fine-tuning for LoRA).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fittingroom.pitfalls.curves import RateLimits, read, response
from fittingroom.pitfalls.rivals import blamed_rate, crawls, further, gained, proven_rate, tried
from fittingroom.types import Examination, Expected, Finding, Page, Pitfall, Remedy, Safety, Severity, Text

HIGHEST = 1e-2


def detect(examined: Examination, settings: RateLimits) -> Iterator[Finding]:
    """Fires when the training rows were not learnt and a higher rate would have learnt them faster."""
    curves, answer, other = read(examined), response(examined), tried(examined, "rate")
    if curves is None or curves.broken or curves.jumped(settings.jump) or not curves.lacks(settings):
        return
    best = blamed_rate(curves, examined, settings)
    if best <= 1:
        return
    hurried = crawls(curves, examined, settings) > 0
    shown = tried(examined, "longer") if hurried else other
    measured = {**curves.fitted, "best_factor": best, "rise": gained(shown, examined, 0.05)}
    if other is not None and not hurried:
        yield Finding(
            severity=Severity.WARN,
            summary=further(curves, other, best),
            measured=measured,
            limits=curves.wanted(settings),
            strength=curves.shortfall(settings),
            proven=proven_rate(examined, settings),
        )
        return
    assert answer is not None
    gain, speed = answer.gain(best), answer.speed(best)
    if speed >= settings.speed:
        told = f"falls {speed:.1f} times as far", f"的降幅是原来的 {speed:.1f} 倍"
    else:
        told = f"ends {gain:.0%} lower", f"低 {gain:.0%}"
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"the training rows were not learnt ({curves.told().en}); in the "
            f"same few steps at {best:g} times the rate the loss {told[0]}",
            zh=f"训练数据本身没有学会（{curves.told().zh}）；同样的少量步数下，学习率乘以 {best:g}，损失{told[1]}",
        ),
        measured={**measured, "gain": gain, "speed": speed},
        limits={**curves.wanted(settings), "gain": settings.gain, "speed": settings.speed},
        strength=max(gain / settings.gain, speed / settings.speed),
        proven=hurried,
    )


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """A higher rate, by the factor measured to be best."""
    rate = float(used["train"]["learning_rate"])
    raised = min(HIGHEST, rate * finding.measured["best_factor"])
    if raised <= rate:
        return None
    return Remedy(
        title=Text(en=f"Learning rate {rate:g} -> {raised:g}", zh=f"学习率 {rate:g} -> {raised:g}"),
        safety=Safety.AUTOMATIC,
        patch={"train.learning_rate": float(f"{raised:.6g}")},
        expectation=Text(en="the training rows are learnt better", zh="训练数据学得更好"),
        expected=Expected(change=finding.measured["rise"]),
    )


ZH = Page(
    title="学习率过低",
    what_goes_wrong="每一步方向都对，但步子太小，训练结束时连训练数据都没学会。"
    "从大模型或全量微调文章里抄来的学习率，对小模型或 LoRA 往往小了十倍。",
    why_it_hurts="模型几乎停留在未微调的样子；加数据、加轮数见效慢、花费大。",
    how_it_is_detected="训练后，在固定的一份训练样本上 macro-F1 仍低（低于 0.95；"
    "自由文本答案的判断与 `underfitting` 相同）；"
    "并且以更高学习率重新开始的对照训练只用一小部分训练量就超过整个训练：训练数据与开发集损失都低二十分之一以上，"
    "或两项分数都高 0.1 以上。不足三轮的训练要在五倍或更高的学习率下被超过，否则答案是多训练几轮。"
    "或者三轮以上仍未学完（从保留的权重继续训练，开发集 macro-F1 再升 0.02），"
    "而同样的少量步数下更高学习率的损失降幅达到两倍。"
    "没有余量做对照训练时，只看这几步：损失低一成以上，或降幅达到两倍。不看配置里的数字。",
    what_the_remedy_does="把实际使用的学习率乘以表现最好的倍数，上限 0.01。",
    not_detected="只略低的学习率；只对某些层偏低的学习率。轮数太少的表现有一部分相同：提高学习率更省，因此先试。",
    source="Smith，arXiv 1506.01186（范围测试）；Schulman，LoRA Without Regret，2025。",
)

PITFALL = Pitfall("learning-rate-too-low", "examine", RateLimits(), detect, remedy, ZH, rank=31)
