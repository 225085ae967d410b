"""Balancing left too few rows.

What goes wrong
    The common classes were thinned out until they were as rare as the rarest: most of what was collected and labelled
    is not learnt from.
Why it hurts
    Rows of the common classes say how customers write, whatever their class. Without them the model knows little of
    anything, and the rare classes gain less than the others lose.
How it is detected
    The rows of the training part before and after `balance`: less than half are left, and they are fewer than 100 for
    each class on average.
What the remedy does
    Weighs classes by rarity instead (`balance.method: weights`), which leaves no row out. What is said of the cap, the
    temperature and the prior stays as it is.
Not detected
    Rows of one class that are left out though all of them were needed; what a source or a rule left out before.
Source
    Drummond and Holte, C4.5, Class Imbalance, and Cost Sensitivity: Why Under-Sampling beats Over-Sampling, 2003 (where
    it does); Buda, Maki and Mazurowski, A systematic study of the class imbalance problem in convolutional neural
    networks, arXiv 1710.05381 (where it does not: networks).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.types import Expected, Finding, Frozen, Page, Pitfall, Remedy, Safety, Severity, Splits, Text


class Settings(Frozen):
    """Limits."""

    left: float = Field(default=0.5, gt=0, lt=1)
    """Share of the rows that balancing must leave; with less,"""
    per_class: float = Field(default=100.0, gt=0)
    """so many rows of a class must be left on average."""


def detect(splits: Splits, settings: Settings) -> Iterator[Finding]:
    """Fires where most rows were left out and few are left."""
    before, after = (splits.facts.get(name) or {} for name in ("before", "after"))
    rows, left = sum(before.values()), sum(after.values())
    if not rows or not after:
        return
    share, each = left / rows, left / len(after)
    if share >= settings.left or each >= settings.per_class:
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"balancing left {left} of {rows} rows to learn from, {each:.0f} of a class on average",
            zh=f"平衡之后，{rows} 行中只剩 {left} 行可供学习，平均每类 {each:.0f} 行",
        ),
        measured={"left": share, "per_class": each, "rows": float(left)},
        limits={"left": settings.left, "per_class": settings.per_class},
        strength=min(settings.left / share, settings.per_class / each),
    )


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """Weights, which leave nothing out."""
    if used["balance"]["method"] not in ("undersample", "tempered"):
        return None
    return Remedy(
        title=Text(en="Weigh classes by rarity instead of leaving rows out", zh="按稀有程度加权，而不是丢弃数据"),
        safety=Safety.AUTOMATIC,
        patch={"balance.method": "weights"},
        expectation=Text(en="all rows are learnt from", zh="全部数据都参与学习"),
        expected=Expected(change=0.05),
    )


ZH = Page(
    title="平衡后数据太少",
    what_goes_wrong="把常见类别一直削减到与最少见的类别一样少：收集并标注的数据大多没有用上。",
    why_it_hurts="常见类别的数据也在告诉模型顾客怎么写。没有它们，模型对什么都所知甚少，少见类别所得不及其他类别所失。",
    how_it_is_detected="比较 `balance` 前后训练部分的行数：剩下不到一半，且平均每类不足 100 行。",
    what_the_remedy_does="改为按稀有程度加权（`balance.method: weights`），不丢弃任何一行。"
    "上限、温度与先验的设置保持不变。",
    not_detected="某一类中本来全都需要却被丢弃的数据；数据源或规则此前丢弃的数据。",
    source="Drummond 与 Holte，2003（有利的情形）；Buda、Maki 与 Mazurowski，arXiv 1710.05381（神经网络则不利）。",
)

PITFALL = Pitfall("undersampled-too-far", "balance", Settings(), detect, remedy, ZH, rank=13)
