"""Rare classes hardly count in training.

What goes wrong
    Shops get thousands of questions about parcels and a handful about allergies: in the mean of the loss the rare class
    is a rounding error.
Why it hurts
    Ignoring the rare class is the cheapest way to a low loss and even to a high accuracy. Often the rare requests are
    those that must not be missed.
How it is detected
    What each class weighs in training: its rows (with repetitions) times its weight in the loss. The heaviest class
    weighs more than 20 times the lightest.
What the remedy does
    Weighs classes by rarity, and leaves the answers in favour of the rare ones (`balance.correct_prior: false`), for
    with the prior put right at prediction time they would be rare again; where that is not enough, evens them out fully
    (temperature 0) and lifts the cap on the weights to at most 20, so that no row is multiplied without bound.
Not detected
    Classes that are hard though frequent; classes with no row at all, which no weight brings back.
Source
    He and Garcia, Learning from Imbalanced Data, IEEE TKDE 2009; Cui et al., Class-Balanced Loss Based on Effective
    Number of Samples, arXiv 1901.05555.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.pitfalls.rows import targets
from fittingroom.types import Expected, Finding, Frozen, Page, Pitfall, Remedy, Safety, Severity, Splits, Text

MOST_WEIGHT = 20.0


class Settings(Frozen):
    """Limits."""

    ratio: float = Field(default=20.0, gt=1)
    """What the heaviest class may weigh in training over the lightest."""


def detect(splits: Splits, settings: Settings) -> Iterator[Finding]:
    """Fires when the lightest class weighs too little."""
    if splits.facts.get("free"):
        return  # answers are free texts, and no classes
    rows = Counter(label for label in targets(splits.train) if label)
    if len(rows) < 2:
        return
    weight = {label: count * splits.class_weights.get(label, 1.0) for label, count in rows.items()}
    ordered = sorted(weight, key=lambda label: (weight[label], label))
    light, heavy = ordered[0], ordered[-1]
    ratio = weight[heavy] / weight[light]
    if ratio <= settings.ratio:
        return
    few = [label for label in ordered if weight[heavy] / weight[label] > settings.ratio]
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"`{heavy}` weighs {ratio:.0f} times as much in training as `{light}` ({rows[light]} rows); "
            f"{len(few)} of {len(rows)} classes hardly count",
            zh=f"训练中 `{heavy}` 的分量是 `{light}`（{rows[light]} 行）的 {ratio:.0f} 倍；"
            f"{len(rows)} 类中有 {len(few)} 类几乎不起作用",
        ),
        measured={"ratio": ratio, "rarest_rows": float(rows[light]), "light_classes": float(len(few))},
        limits={"ratio": settings.ratio},
        strength=ratio / settings.ratio,
    )


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """Weights first; then evener and with a higher cap; then a person collects rows."""
    balance = used["balance"]
    expectation = Text(
        en="recall of the rare classes rises by 0.1 or more; accuracy may fall a little",
        zh="少见类别的召回率提高 0.1 以上；准确率可能略降",
    )
    if balance["method"] != "weights":
        title = Text(en="Weigh classes by rarity", zh="按稀有程度给类别加权")
        return Remedy(
            title=title,
            safety=Safety.AUTOMATIC,
            patch={"balance.method": "weights", "balance.correct_prior": False},
            expectation=expectation,
            expected=Expected(change=0.03),
        )
    patch: dict[str, Any] = {}
    if float(balance["temperature"]) > 0:
        patch["balance.temperature"] = 0.0
    if float(balance["max_factor"]) < MOST_WEIGHT:
        patch["balance.max_factor"] = MOST_WEIGHT
    if patch:
        title = Text(en="Even the classes out, with a higher cap", zh="把各类拉平，并提高权重上限")
        return Remedy(
            title=title,
            safety=Safety.AUTOMATIC,
            patch=patch,
            expectation=expectation,
            expected=Expected(change=0.02),
        )
    return Remedy(
        title=Text(
            en="Collect rows of the rarest classes, or unite them with others (`task.aliases`)",
            zh="补充最少见类别的数据，或并入其他类别（`task.aliases`）",
        ),
        safety=Safety.ADVICE,
    )


ZH = Page(
    title="类别失衡",
    what_goes_wrong="店里问物流的有几千条，问过敏的只有几条：在损失的平均里，少见类别只是零头。",
    why_it_hurts="忽略少见类别是降低损失、甚至提高准确率最省事的办法，而少见的诉求往往最不能漏。",
    how_it_is_detected="每个类别在训练中的分量：行数（含重复）乘以损失权重。最重的类别超过最轻的 20 倍。",
    what_the_remedy_does="按稀有程度给类别加权，并保留对少见类别的偏向（`balance.correct_prior: false`）；"
    "不够时完全拉平（temperature 为 0）并把权重上限提高到至多 20,"
    "不让任何一行被无限放大。",
    not_detected="虽多但难的类别；一行都没有的类别，权重也救不回来。",
    source="He 与 Garcia，IEEE TKDE 2009；Cui 等，arXiv 1901.05555。",
)

PITFALL = Pitfall("class-imbalance", "balance", Settings(), detect, remedy, ZH, rank=14)
