"""The model answers (almost) one label for everything.

What goes wrong
    The model has found that the most frequent label is a safe bet, or a rate that was too high has wiped out the rest.
Why it hurts
    Accuracy may look fine where one class dominates, while every rare request goes to the wrong desk.
How it is detected
    In the judged part, one label is predicted for nearly all rows though far fewer carry it, or half of the classes
    that have enough rows are never recognised.
What the remedy does
    Weighs classes by their rarity in training; when they are weighed already, lowers the rate to a third.
Not detected
    Collapse inside a small group of similar labels; see the confusion matrix.
Source
    Practice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.types import EvalReport, Finding, Frozen, Page, Pitfall, Remedy, Safety, Severity, Text


class Settings(Frozen):
    """Limits."""

    excess: float = Field(default=0.3, gt=0, lt=1)
    """Share of rows predicted as the commonest label minus the share that carries it."""
    dead: float = Field(default=0.5, gt=0, le=1)
    """Share of the classes (with enough rows) that are never recognised."""
    enough: int = Field(default=5, ge=1)
    """Rows from which on a class counts."""


def detect(report: EvalReport, settings: Settings) -> Iterator[Finding]:
    """Fires on a prediction that is far more concentrated than the truth."""
    rows = sum(sum(line) for line in report.confusion)
    if not rows:
        return
    truth = [sum(line) for line in report.confusion]
    predicted = [sum(column) for column in zip(*report.confusion, strict=True)]
    top = max(range(len(predicted)), key=lambda index: predicted[index])
    excess = (predicted[top] - truth[top]) / rows
    counted = [index for index, support in enumerate(truth) if support >= settings.enough]
    dead = [index for index in counted if report.confusion[index][index] == 0]
    dead_share = len(dead) / len(counted) if counted else 0.0
    if excess < settings.excess and dead_share < settings.dead:
        return
    label = report.labels[top]
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"{predicted[top] / rows:.0%} of the rows are answered `{label}` (truly {truth[top] / rows:.0%}), and "
            f"{len(dead)} of {len(counted)} classes are never recognised",
            zh=f"{predicted[top] / rows:.0%} 的样本被答为 `{label}`(实际 {truth[top] / rows:.0%}),"
            f"{len(counted)} 类中有 {len(dead)} 类从未被认出",
        ),
        measured={"excess": excess, "dead_classes": dead_share},
        limits={"excess": settings.excess, "dead_classes": settings.dead},
        strength=max(excess / settings.excess, dead_share / settings.dead),
    )


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """Class weights first, a lower rate second."""
    expectation = Text(
        en="every class with enough rows is recognised at least once", zh="每个样本足够的类别至少被认出一次"
    )
    if used["balance"]["method"] == "none":
        return Remedy(
            title=Text(en="Weigh classes by rarity", zh="按稀有程度给类别加权"),
            safety=Safety.AUTOMATIC,
            patch={"balance.method": "weights"},
            expectation=expectation,
        )
    rate = float(used["train"]["learning_rate"])
    lowered = max(1e-6, rate / 3)
    if lowered >= rate:
        return None
    return Remedy(
        title=Text(en=f"Learning rate {rate:g} -> {lowered:.3g}", zh=f"学习率 {rate:g} -> {lowered:.3g}"),
        safety=Safety.AUTOMATIC,
        patch={"train.learning_rate": float(f"{lowered:.6g}")},
        expectation=expectation,
    )


ZH = Page(
    title="塌缩到多数类",
    what_goes_wrong="模型发现总答最常见的标签最稳妥,或过高的学习率抹掉了其余类别。",
    why_it_hurts="某一类占多数时准确率看着不错,但少见的诉求全被送错地方。",
    how_it_is_detected="在评测集中,几乎所有样本都被判为同一标签而实际远没有这么多;或样本足够的类别有一半从未被认出。",
    what_the_remedy_does="训练时按稀有程度给类别加权;已加权时把学习率降到三分之一。",
    not_detected="一小组相似标签内部的塌缩,见混淆矩阵。",
    source="实践经验。",
)

PITFALL = Pitfall("majority-collapse", "evaluate", Settings(), detect, remedy, ZH, rank=42)
