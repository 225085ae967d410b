"""Classes are missing where models are judged.

What goes wrong
    A class has so few rows, or all of them from one customer, that dev or test gets none.
Why it hurts
    The mean over classes leaves it out without a word: the score is that of an easier task, and the class that nobody
    measured is served.
How it is detected
    Labels of train that have no row in dev, or none in test.
What the remedy does
    Advises to add rows of these classes or to unite them with others.
Not detected
    Classes with one or two rows there, whose score is chance (the report gives the number of rows of each).
Source
    Opitz and Burst, Macro F1 and Macro F1, arXiv 1911.03347; Sechidis et al., On the Stratification of Multi-Label
    Data, 2011.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice, targets
from fittingroom.types import Finding, Frozen, Page, Pitfall, Severity, Splits, Text

JUDGED = ("dev", "test")


class Settings(Frozen):
    """Limits."""

    classes: int = Field(default=0, ge=0)
    """Labels of train that dev or test may lack."""


def detect(splits: Splits, settings: Settings) -> Iterator[Finding]:
    """Fires on the part that lacks most."""
    if splits.facts.get("free"):
        return  # answers are free texts, and no classes
    known = {label for label in targets(splits.train) if label}
    lacking = {
        name: sorted(known - set(targets(part)))
        for name, part in splits.parts().items()
        if name in JUDGED and part.rows
    }
    worst = max(sorted(lacking), key=lambda name: len(lacking[name]), default="")
    if not worst or len(lacking[worst]) <= settings.classes:
        return
    absent = lacking[worst]
    named = ", ".join(f"`{name}`" for name in absent[:5])
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"{worst} has no row of {len(absent)} of {len(known)} classes: {named}",
            zh=f"{worst} 中 {len(known)} 个类别里有 {len(absent)} 个没有数据：{named}",
        ),
        measured={"absent": float(len(absent))},
        limits={"absent": float(settings.classes)},
        strength=float(len(absent)),
    )


remedy = advice(
    "Add rows of these classes from several customers, or unite them with others (`task.aliases`)",
    "补充这些类别来自不同顾客的数据，或并入其他类别（`task.aliases`）",
)


ZH = Page(
    title="评判用的部分缺少某些类别",
    what_goes_wrong="某个类别的行太少，或都来自一位顾客，开发集或测试集一行也分不到。",
    why_it_hurts="按类别平均时悄悄漏掉它：分数属于一个更容易的任务，而没人测过的类别照样上线。",
    how_it_is_detected="训练集中有、而开发集或测试集中没有的标签。",
    what_the_remedy_does="建议补充这些类别的数据，或并入其他类别。",
    not_detected="只有一两行的类别，其分数全凭运气（报告列出各类行数）。",
    source="Opitz、Burst，arXiv 1911.03347；Sechidis 等，2011。",
)

PITFALL = Pitfall("absent-classes", "split", Settings(), detect, remedy, ZH, rank=11)
