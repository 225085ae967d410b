"""Two classes are taken for each other.

What goes wrong
    Two labels mean nearly the same, are told apart by something that is not in the text, or were given by people who
    drew the line in different places.
Why it hurts
    No training draws a line that the rows do not show. The score has a ceiling, and the errors look like the model's.
How it is detected
    On dev, at least 5 rows and a quarter of a class are answered as one other class, while the classes that are not
    part of such a pair are recognised (mean recall of 0.6 or more): a model that knows nothing confuses all.
What the remedy does
    Advises to unite the two (`task.aliases`), to describe the difference in `task.instruction`, or to have the rows of
    both labelled again.
Not detected
    Confusion among three or more classes in a ring.
Source
    Casanueva et al., arXiv 2003.04807; Ying and Thomas, Label Errors in BANKING77, 2022 (overlapping intents).
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean

from pydantic import Field

from fittingroom.pitfalls.rows import advice
from fittingroom.types import Examination, Finding, Frozen, Page, Pitfall, Severity, Text


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.25, gt=0, lt=1)
    """Share of a class that is answered as one other class."""
    rows: int = Field(default=5, ge=1)
    """Rows that these are at least."""
    others: float = Field(default=0.6, gt=0, lt=1)
    """Mean recall of the classes beside the pairs; below, the model is poor everywhere."""


def detect(examined: Examination, settings: Settings) -> Iterator[Finding]:
    """Fires on the largest pair, where the other classes are recognised."""
    pairs = [one for one in examined.confused if one.rows >= settings.rows and one.share >= settings.share]
    inside = {name for one in pairs for name in (one.true, one.predicted)}
    others = [told["recall"] for label, told in examined.classes.items() if label not in inside and told["support"]]
    if not pairs or not others or fmean(others) < settings.others:
        return
    worst = pairs[0]
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"{worst.rows} rows of `{worst.true}` ({worst.share:.0%}) are answered as `{worst.predicted}`",
            zh=f"`{worst.true}` 有 {worst.rows} 行（{worst.share:.0%}）被答为 `{worst.predicted}`",
        ),
        measured={"share": worst.share, "rows": float(worst.rows), "pairs": float(len(pairs))},
        limits={"share": settings.share, "rows": float(settings.rows)},
        strength=worst.share / settings.share,
    )


remedy = advice(
    "Unite the two classes (`task.aliases`), say the difference in `task.instruction`, or have their rows labelled",
    "请合并这两个类别（`task.aliases`）、在 `task.instruction` 中写明区别，或重新标注它们的数据",
)


ZH = Page(
    title="两个类别相互混淆",
    what_goes_wrong="两个标签意思几乎相同，区别不在文本里，或标注的人把界线划在不同的地方。",
    why_it_hurts="数据里没有的界线，怎么训练也划不出来。分数有上限，错误看起来却像是模型的。",
    how_it_is_detected="开发集中某类至少 5 行且四分之一被答为另一类，"
    "而不在这种对子里的类别能被认出（平均召回率 0.6 以上）："
    "什么都不懂的模型会混淆一切。",
    what_the_remedy_does="建议合并两类（`task.aliases`）、在 `task.instruction` 中说明区别，或重新标注两类数据。",
    not_detected="三个以上类别成环的混淆。",
    source="Casanueva 等，arXiv 2003.04807；Ying、Thomas，2022（BANKING77 中重叠的意图）。",
)

PITFALL = Pitfall("confused-classes", "examine", Settings(), detect, remedy, ZH, rank=51)
