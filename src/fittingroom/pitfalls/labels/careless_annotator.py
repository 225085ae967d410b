"""One person labels as if at random.

What goes wrong
    Among several annotators one clicks through, misunderstood the labels or is a program.
Why it hurts
    Where few people labelled a row, that vote decides. Agreement looks poor as if the task were at fault.
How it is detected
    The competence that Dawid and Skene's model gives each annotator (how often it is right): one is no more than 0.15
    above chance while the middle of all is at least 0.3 above that one.
What the remedy does
    Advises to leave this person's labels out, or to look at some of them together.
Not detected
    Several people who are careless in the same way, and annotators with few rows.
Source
    Dawid and Skene, Maximum Likelihood Estimation of Observer Error-Rates, 1979; Ipeirotis, Provost, Wang, Quality
    Management on Amazon Mechanical Turk, 2010.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import median

from pydantic import Field

from fittingroom.pitfalls.rows import advice
from fittingroom.types import Finding, Frozen, Page, Pitfall, Rows, Severity, Text


class Settings(Frozen):
    """Limits."""

    above_chance: float = Field(default=0.15, ge=0, lt=1)
    """How far above chance (one over the number of labels) a competence may be and still be careless."""
    below_others: float = Field(default=0.3, gt=0, lt=1)
    """How far below the middle of all it must be."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires on annotators who are no better than chance among better ones."""
    competence: Mapping[str, float] = (rows.facts.get("agreement") or {}).get("competence") or {}
    labels = len(rows.facts.get("classes") or {})
    if len(competence) < 3 or labels < 2:
        return
    middle, limit = median(competence.values()), 1 / labels + settings.above_chance
    careless = [value for value in competence.values() if value <= min(limit, middle - settings.below_others)]
    if not careless:
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"{len(careless)} of {len(competence)} annotators are right on {min(careless):.0%} (the "
            f"middle of all: {middle:.0%})",
            zh=f"{len(competence)} 位标注人中有 {len(careless)} 位答对 {min(careless):.0%}（全体中位数 {middle:.0%}）",
        ),
        measured={"competence": min(careless), "middle": middle, "annotators": float(len(careless))},
        limits={"competence": limit},
        strength=limit / max(min(careless), 0.05),
    )


remedy = advice(
    "Leave this person's labels out (the facts of `label` name who), or look at some of them together",
    "不用此人的标签（`label` 的事实里写明是谁），或一起复看其中一些",
)


ZH = Page(
    title="有人近乎随意地标注",
    what_goes_wrong="几位标注人中有一位只是一路点过去，或误解了标签，或其实是程序。",
    why_it_hurts="标注人数少的行，这一票就能定局。一致性看上去很差，像是任务本身有问题。",
    how_it_is_detected="Dawid-Skene 模型给出的每位标注人的能力（答对的比例）：有人仅比随机高不到 0.15，而中位数"
    "比他高出至少 0.3。",
    what_the_remedy_does="建议不用此人的标签，或一起复看其中一些。",
    not_detected="以同样方式随意标注的几个人；标注很少的人。",
    source="Dawid、Skene，1979；Ipeirotis、Provost、Wang，2010。",
)

PITFALL = Pitfall("careless-annotator", "label", Settings(), detect, remedy, ZH, rank=5)
