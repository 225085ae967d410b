"""The held-out parts hold another mix of classes than the rows that come in.

What goes wrong
    Dev and test were balanced by hand, drawn class by class, or come from another season: their mix of classes is not
    that of the rows beside them.
Why it hurts
    Accuracy, precision and every threshold hold for that mix alone. In service the rare class is rarer, and most of its
    alarms are false.
How it is detected
    The shares of the classes in dev and in test, beside those of train: total variation above 0.15, and so unlike that
    chance explains it less than once in a hundred times (chi-square test).
What the remedy does
    Advises to draw the held-out parts as rows come in; where the mix is known to have changed, to weigh the classes by
    what is expected in service.
Not detected
    A mix that all parts share and the world does not; `monitor` compares the answers in service with the test part.
Source
    Lipton, Wang, Smola, Detecting and Correcting for Label Shift, ICML 2018, arXiv 1802.03916.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice, targets
from fittingroom.statistics.drift import category_shift
from fittingroom.types import Finding, Frozen, Page, Pitfall, Severity, Splits, Text

JUDGED = ("dev", "test")


class Settings(Frozen):
    """Limits."""

    apart: float = Field(default=0.15, gt=0, lt=1)
    """Total variation between the shares of the classes."""
    chance: float = Field(default=0.01, gt=0, lt=1)
    """Probability of so large a difference by chance."""


def detect(splits: Splits, settings: Settings) -> Iterator[Finding]:
    """Fires on the part whose mix is farthest from that of train."""
    if splits.facts.get("free"):
        return  # answers are free texts, and no classes
    learnt = Counter(label for label in targets(splits.train) if label)
    worst, far, unlike = "", 0.0, 1.0
    for name in JUDGED:
        mix = Counter(label for label in targets(splits.parts()[name]) if label)
        if not mix or not learnt or len({*mix, *learnt}) < 2:
            continue
        distance = sum(abs(mix[label] / mix.total() - learnt[label] / learnt.total()) for label in {*mix, *learnt}) / 2
        chance = category_shift(learnt, mix).p_value
        if distance > max(far, settings.apart) and chance < settings.chance:
            worst, far, unlike = name, distance, chance
    if not worst:
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"the classes of {worst} are mixed otherwise than those of train: {far:.0%} of the rows would have to "
            "change their class",
            zh=f"{worst} 的类别构成与训练集不同：要有 {far:.0%} 的行换类别才会一致",
        ),
        measured={"apart": far, "chance": unlike},
        limits={"apart": settings.apart},
        strength=far / settings.apart,
    )


remedy = advice(
    "Draw dev and test as rows come in; where the mix has changed for good, collect rows of the new one",
    "开发集与测试集应按数据的自然构成抽取；若构成确已改变，请补充新构成的数据",
)


ZH = Page(
    title="留出部分的类别构成不同",
    what_goes_wrong="开发集与测试集被人工拉平、按类抽取，或来自另一个季节：类别构成与旁边的数据不同。",
    why_it_hurts="准确率、精确率和每个阈值只对那种构成成立。上线后少见类别更少见，多数告警是误报。",
    how_it_is_detected="开发集与测试集的类别比例与训练集相比：总变差超过 0.15，"
    "且偶然出现的概率低于百分之一（卡方检验）。",
    what_the_remedy_does="建议按数据自然到来的样子抽取留出部分；已知构成改变时，按上线后的预期给类别加权。",
    not_detected="各部分一致而与真实世界不同的构成；`monitor` 会把服务中的答案与测试集比较。",
    source="Lipton、Wang、Smola，ICML 2018，arXiv 1802.03916。",
)

PITFALL = Pitfall("another-mix-of-classes", "split", Settings(), detect, remedy, ZH, rank=12)
