"""The model will expect another mix of classes than there is.

What goes wrong
    Training met the classes in another mix than the world has, because rows were repeated, left out or weighted, and
    nothing puts that right when the model answers.
Why it hurts
    Its probabilities are too high for the rare classes: more of them are found, at the price of false alarms;
    thresholds and queues that were set by counting are wrong.
How it is detected
    What each class weighs in training (rows times weight, times the shift that is added at prediction time), as shares,
    is laid beside the shares in the held-out parts: they differ by more than 0.15 (total variation).
What the remedy does
    Only told, for it may be wanted: `balance.correct_prior: true` puts the prior right, `false` favours the rare
    classes.
Not detected
    A mix of the held-out parts that is not that of the world.
Source
    Saerens, Latinne, Decaestecker, Adjusting the Outputs of a Classifier to New a Priori Probabilities, 2002; Elkan,
    IJCAI 2001.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping

from pydantic import Field

from fittingroom.pitfalls.rows import advice, targets
from fittingroom.types import Finding, Frozen, Page, Pitfall, Severity, Splits, Text


class Settings(Frozen):
    """Limits."""

    apart: float = Field(default=0.15, gt=0, lt=1)
    """Total variation between the mix that the model expects and that of the held-out parts."""


def detect(splits: Splits, settings: Settings) -> Iterator[Finding]:
    """Tells of a prior that training moved."""
    if splits.facts.get("free"):
        return  # answers are free texts, and no classes
    world = Counter(
        label for name, part in splits.parts().items() if name != "train" for label in targets(part) if label
    )
    met = Counter(label for label in targets(splits.train) if label)
    if world.total() < 50 or len(met) < 2:
        return
    shift: Mapping[str, float] = splits.facts.get("prior_shift") or {}
    weights = splits.class_weights
    expected = {
        label: count * weights.get(label, 1.0) * math.exp(shift.get(label, 0.0)) for label, count in met.items()
    }
    total = sum(expected.values())
    apart = {
        label: expected.get(label, 0.0) / total - world[label] / world.total() for label in sorted({*expected, *world})
    }
    distance = sum(map(abs, apart.values())) / 2
    if distance <= settings.apart:
        return
    most = max(apart, key=lambda label: abs(apart[label]))
    yield Finding(
        severity=Severity.INFO,
        summary=Text(
            en=f"the model will expect `{most}` in {expected.get(most, 0.0) / total:.0%} of the requests; "
            "the held-out parts have "
            f"{world[most] / world.total():.0%} (all classes: {distance:.2f} apart)",
            zh=f"模型会预期 `{most}` 占请求的 {expected.get(most, 0.0) / total:.0%}；留出部分为 "
            f"{world[most] / world.total():.0%}（全部类别相差 {distance:.2f}）",
        ),
        measured={"apart": distance},
        limits={"apart": settings.apart},
        strength=distance / settings.apart,
    )


remedy = advice(
    "If the rare classes are not to be favoured, put the prior right (`balance.correct_prior: true`)",
    "若不想偏向少见类别，请修正先验（`balance.correct_prior: true`）",
)


ZH = Page(
    title="模型预期的类别构成与实际不符",
    what_goes_wrong="训练中遇到的类别构成与现实不同（因为重复、去掉或加权），而模型作答时没有任何修正。",
    why_it_hurts="少见类别的概率偏高：找到的更多，误报也更多；按数量定下的阈值与排队都不再正确。",
    how_it_is_detected="各类在训练中的分量（行数乘权重，再乘预测时所加的偏移）换算成份额，与留出部分的份额对照："
    "相差超过 0.15（总变差）。",
    what_the_remedy_does="只作说明，因为这可能正是所要的：`balance.correct_prior: true` 修正先验，`false` 偏向少见"
    "类别。",
    not_detected="留出部分的构成本身与现实不符。",
    source="Saerens、Latinne、Decaestecker，2002；Elkan，IJCAI 2001。",
)

PITFALL = Pitfall("uncorrected-prior", "balance", Settings(), detect, remedy, ZH, rank=25)
