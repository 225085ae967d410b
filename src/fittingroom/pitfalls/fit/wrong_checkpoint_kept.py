"""The weights that were kept are not the best by the metric.

What goes wrong
    Training stopped, or chose its weights, by the loss on dev, while the score that the shop cares for went on rising:
    a model that grows over-confident has a rising loss and better answers.
Why it hurts
    The best model was there and was thrown away. Nothing in the final report shows it.
How it is detected
    The score on dev at the step whose weights were kept lies more than 0.02 below the best that was measured.
What the remedy does
    Advises to keep weights by the metric that the gate judges. Trainings of this package do; weights that were brought
    from elsewhere may not.
Not detected
    A better step between two evaluations, or after the end of training.
Source
    Prechelt, Early Stopping - But When?, 1998; practice (the lowest loss and the highest macro-F1 are different steps).
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.curves import read
from fittingroom.pitfalls.rows import advice
from fittingroom.types import Finding, Frozen, Page, Pitfall, Severity, Text, Trained


class Settings(Frozen):
    """Limits."""

    behind: float = Field(default=0.02, gt=0, lt=1)
    """Score on dev by which the kept weights may lie behind the best that was measured."""


def detect(trained: Trained, settings: Settings) -> Iterator[Finding]:
    """Fires where a better checkpoint was passed over."""
    curves = read(trained)
    if curves is None:
        return
    best = max(trained.evals, key=lambda entry: (entry["dev_metric"], -entry["step"]))
    behind = best["dev_metric"] - curves.dev_metric
    if behind <= settings.behind:
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"the weights of epoch {curves.best_epoch:g} were kept (dev {curves.dev_metric:.3f}), those of epoch "
            f"{best['epoch']:g} were better ({best['dev_metric']:.3f})",
            zh=f"保留的是第 {curves.best_epoch:g} 轮的权重（开发集 {curves.dev_metric:.3f}），"
            f"而第 {best['epoch']:g} 轮更好（{best['dev_metric']:.3f}）",
        ),
        measured={"behind": behind, "best_epoch": best["epoch"]},
        limits={"behind": settings.behind},
        strength=behind / settings.behind,
    )


remedy = advice(
    "Keep the weights by the score that is judged, not by the loss",
    "请按要评判的分数保留权重，而不是按损失",
)


ZH = Page(
    title="保留的不是最好的权重",
    what_goes_wrong="训练按开发集损失停止或挑选权重，而商店关心的分数还在上升：越来越自信的模型损失上升，答案却更好。",
    why_it_hurts="最好的模型出现过，却被丢掉了，最终报告里看不出来。",
    how_it_is_detected="保留权重那一步的开发集分数，比途中测到的最好分数低 0.02 以上。",
    what_the_remedy_does="建议按门禁评判的指标保留权重。本软件的训练就是如此；从别处拿来的权重未必。",
    not_detected="两次评测之间或训练结束之后更好的一步。",
    source="Prechelt，Early Stopping - But When?，1998；实践（损失最低与 macro-F1 最高往往不是同一步）。",
)

PITFALL = Pitfall("wrong-checkpoint-kept", "train", Settings(), detect, remedy, ZH, rank=38)
