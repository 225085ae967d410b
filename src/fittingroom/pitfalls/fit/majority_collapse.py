"""The model answers (almost) one label for everything.

What goes wrong
    The model has found that the most frequent label is a safe bet, or a rate that was too high has wiped out the rest.
Why it hurts
    Accuracy may look fine where one class dominates, while every rare request goes to the wrong desk.
How it is detected
    In the judged part one label is predicted far more often than it is true (by 0.3 of all rows), or for most rows
    (0.7) while half of the classes that have enough rows are hardly ever recognised (recall of 0.1 or less).
What the remedy does
    Where the classes themselves are uneven, weighs them by their rarity in training, and leaves the answers in favour
    of the rare ones (`balance.correct_prior: false`); where they are even or weighed already, lowers the rate to a
    third, unless what was measured speaks against it: of a short training at another rate that this rate was higher;
    without one, of a few steps at other rates that none lower fell further. Then another cause is to be looked for.
Not detected
    Collapse inside a small group of similar labels; see the confusion matrix.
Source
    Zhao et al., Calibrate Before Use, arXiv 2102.09690 (a model's bias towards the majority label).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.pitfalls.curves import response
from fittingroom.pitfalls.rivals import tried
from fittingroom.types import Examination, Expected, Finding, Frozen, Page, Pitfall, Remedy, Safety, Severity, Text

UNEVEN = 2.0
LOWEST = 1e-6


class Settings(Frozen):
    """Limits."""

    excess: float = Field(default=0.3, gt=0, lt=1)
    """Share of rows predicted as the commonest label minus the share that carries it; or"""
    top: float = Field(default=0.7, gt=0, le=1)
    """share of rows predicted as the commonest label, together with"""
    dead: float = Field(default=0.5, gt=0, le=1)
    """the share of the classes (with enough rows) that are hardly ever recognised."""
    recall: float = Field(default=0.1, ge=0, lt=1)
    """Recall up to which a class is hardly ever recognised."""
    enough: int = Field(default=5, ge=1)
    """Rows from which on a class counts."""


def detect(examined: Examination, settings: Settings) -> Iterator[Finding]:
    """Fires on a prediction that is far more concentrated than the truth."""
    labels = list(examined.classes)
    truth = [examined.classes[label]["support"] for label in labels]
    predicted = [examined.classes[label]["answered"] for label in labels]
    rows = sum(truth)
    if not rows:
        return
    top = max(range(len(predicted)), key=lambda index: predicted[index])
    excess = (predicted[top] - truth[top]) / rows
    counted = [index for index, support in enumerate(truth) if support >= settings.enough]
    dead = [index for index in counted if examined.classes[labels[index]]["recall"] <= settings.recall]
    dead_share = len(dead) / len(counted) if counted else 0.0
    top_share = predicted[top] / rows
    if excess < settings.excess and (top_share < settings.top or dead_share < settings.dead):
        return
    label = labels[top]
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"{top_share:.0%} of the rows are answered `{label}` (truly {truth[top] / rows:.0%})"
            + (f", and {len(dead)} of {len(counted)} classes are hardly ever recognised" if dead else ""),
            zh=f"{top_share:.0%} 的样本被答为 `{label}`（实际 {truth[top] / rows:.0%}）"
            + (f"，{len(counted)} 类中有 {len(dead)} 类几乎从未被认出" if dead else ""),
        ),
        measured={
            "excess": excess,
            "top": top_share,
            "dead_classes": dead_share,
            "rate_blamed": float(_blames_rate(examined)),
            "class_ratio": max(truth) / max(1, min(truth[index] for index in counted or [top])),
        },
        limits={"excess": settings.excess, "top": settings.top, "dead_classes": settings.dead},
        strength=max(excess / settings.excess, min(top_share / settings.top, dead_share / settings.dead)),
    )


def _blames_rate(examined: Examination) -> bool:
    """Whether nothing that was measured speaks against a lower rate."""
    one, answer = tried(examined, "rate"), response(examined)
    if one is not None:
        return one.factor < 1
    return answer is None or min(answer.losses, key=lambda factor: (answer.losses[factor], -factor)) < 1


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """Class weights where classes are uneven, a lower rate otherwise."""
    expectation = Text(
        en="recall of every class with enough rows rises above 0.1", zh="每个样本足够的类别召回率都高于 0.1"
    )
    if used["balance"]["method"] == "none" and finding.measured["class_ratio"] >= UNEVEN:
        return Remedy(
            title=Text(en="Weigh classes by rarity", zh="按稀有程度给类别加权"),
            safety=Safety.AUTOMATIC,
            patch={"balance.method": "weights", "balance.correct_prior": False},
            expectation=expectation,
            expected=Expected(change=0.05),
        )
    if not finding.measured["rate_blamed"]:
        return None
    rate = float(used["train"]["learning_rate"])
    lowered = max(LOWEST, rate / 3)
    if lowered >= rate:
        return None
    return Remedy(
        title=Text(en=f"Learning rate {rate:g} -> {lowered:.3g}", zh=f"学习率 {rate:g} -> {lowered:.3g}"),
        safety=Safety.AUTOMATIC,
        patch={"train.learning_rate": float(f"{lowered:.6g}")},
        expectation=expectation,
        expected=Expected(change=0.05),
    )


ZH = Page(
    title="塌缩到多数类",
    what_goes_wrong="模型发现总答最常见的标签最稳妥，或过高的学习率抹掉了其余类别。",
    why_it_hurts="某一类占多数时准确率看着不错，但少见的诉求全被送错地方。",
    how_it_is_detected="在评测集中，某一标签被判出的次数远多于实际（超出全部样本的 0.3）；"
    "或多数样本（0.7）被判为同一标签，同时样本足够的类别有一半几乎从未被认出（召回率不超过 0.1）。",
    what_the_remedy_does="类别本身不均时，训练中按稀有程度加权，并保留对少见类别的偏向"
    "(`balance.correct_prior: false`);本来均匀或已加权时，把学习率降到三分之一；"
    "但若测得的结果与此相反（换学习率的对照训练用的是更高的学习率；没有对照训练时，几步试探中没有更低的学习率降得更多），"
    "则另找原因。",
    not_detected="一小组相似标签内部的塌缩，见混淆矩阵。",
    source="Zhao 等，Calibrate Before Use，arXiv 2102.09690（模型对多数标签的偏向）。",
)

PITFALL = Pitfall("majority-collapse", "examine", Settings(), detect, remedy, ZH, rank=42)
