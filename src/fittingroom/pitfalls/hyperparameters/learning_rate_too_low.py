"""The learning rate is too low.

What goes wrong
    Every step moves the weights in the right direction, but so little that training ends long before the model has
    learnt its own training rows. Rates copied from articles about large models or from full fine-tuning are often ten
    times too small for a small model or for LoRA.
Why it hurts
    The model stays close to the untuned one. More data or more epochs help slowly and cost much.
How it is detected
    Two measurements together. After training, macro-F1 on a fixed sample of the training rows themselves is still low
    (below 0.95). And the rate response says why: from the same start, the same few steps at a higher rate reach a loss
    that is a tenth lower, or fall twice as far. The configured number is not looked at.
What the remedy does
    Multiplies the rate that was used by the factor that did best in the rate response (3 or 10), up to 0.01.
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

from fittingroom.pitfalls.curves import RateLimits, better_rate, read, response
from fittingroom.types import Finding, Page, Pitfall, Remedy, Safety, Severity, Text, Trained

HIGHEST = 1e-2


def detect(trained: Trained, settings: RateLimits) -> Iterator[Finding]:
    """Fires when the training rows were not learnt and a higher rate would have learnt them faster."""
    curves, answer = read(trained), response(trained)
    if curves is None or answer is None or curves.broken or curves.jumped(settings.jump):
        return
    if curves.learnt >= settings.learnt:
        return
    best = better_rate(curves, answer, settings)
    if best <= 1:
        return
    gain, speed = answer.gain(best), answer.speed(best)
    if speed >= settings.speed:
        told = f"falls {speed:.1f} times as far", f"的降幅是原来的 {speed:.1f} 倍"
    else:
        told = f"ends {gain:.0%} lower", f"低 {gain:.0%}"
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"the training rows were not learnt (macro-F1 {curves.learnt:.3f}, below {settings.learnt:g}); in the "
            f"same few steps at {best:g} times the rate the loss {told[0]}",
            zh=f"训练数据本身没有学会（macro-F1 {curves.learnt:.3f}，低于 {settings.learnt:g}）；同样的少量步数下，"
            f"学习率乘以 {best:g}，损失{told[1]}",
        ),
        measured={"train_macro_f1": curves.learnt, "best_factor": best, "gain": gain, "speed": speed},
        limits={"train_macro_f1": settings.learnt, "gain": settings.gain, "speed": settings.speed},
        strength=max(gain / settings.gain, speed / settings.speed),
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
        expectation=Text(
            en="macro-F1 on the training rows rises by 0.05 or more, and dev macro-F1 with it",
            zh="训练数据上的 macro-F1 提高 0.05 以上，开发集随之提高",
        ),
    )


ZH = Page(
    title="学习率过低",
    what_goes_wrong="每一步方向都对，但步子太小，训练结束时连训练数据都没学会。"
    "从大模型或全量微调文章里抄来的学习率，对小模型或 LoRA 往往小了十倍。",
    why_it_hurts="模型几乎停留在未微调的样子；加数据、加轮数见效慢、花费大。",
    how_it_is_detected="两项测量同时成立：训练后，在固定的一份训练样本上 macro-F1 仍低（低于 0.95）；"
    "并且学习率响应表明原因：从同一起点走同样几步，更高的学习率损失低一成以上，或降幅达到两倍。不看配置里的数字。",
    what_the_remedy_does="把实际使用的学习率乘以学习率试探中表现最好的倍数（3 或 10），上限 0.01。",
    not_detected="只略低的学习率；只对某些层偏低的学习率。轮数太少的表现有一部分相同：提高学习率更省，因此先试。",
    source="Smith,arXiv 1506.01186(范围测试);Schulman,LoRA Without Regret,2025。",
)

PITFALL = Pitfall("learning-rate-too-low", "train", RateLimits(), detect, remedy, ZH, rank=31)
