"""One kind of rows lies below its floor.

What goes wrong
    The model is good enough on the whole, and one class, channel or kind of text stays below what the gate asks for
    each of them.
Why it hurts
    The mean hides it; the customers behind that slice get wrong answers all the time.
How it is detected
    A condition of the gate on a slice failed. Of a class it is told how many of the training rows are its own.
What the remedy does
    Where the slice is a class (or the rare ones) that is smaller in training than an even share, weighs the classes by
    their rarity and leaves the answers in favour of the rare ones. Else advises to collect rows of that kind, or to
    look at what is cut off where long texts fail.
Not detected
    Slices without a floor in the recipe; see `weak-slice`.
Source
    Eyuboglu et al., Domino: Discovering Systematic Errors, arXiv 2203.14960; King and Zeng, Logistic Regression in Rare
    Events Data, 2001.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fittingroom.pitfalls.refusal import AFTER, Refused
from fittingroom.types import (
    Check,
    Expected,
    Finding,
    Frozen,
    Page,
    Pitfall,
    Remedy,
    Safety,
    Severity,
    Text,
    Verdict,
)

_HEAD, _CLASS, _RARE = "slices ", "slices class ", "slices frequency rare"


class Settings(Frozen):
    """The floors are the gate's own."""


def detect(refused: Refused, settings: Settings) -> Iterator[Finding]:
    """Fires on the slice that is farthest below its floor."""
    failed = [one for one in refused.checks if one.name.startswith(_HEAD) and one.verdict is Verdict.FAIL]
    if not failed:
        return
    worst = max(failed, key=lambda check: (check.limit - check.measured["value"], check.name))
    yield Finding(
        severity=Severity.WARN,
        summary=worst.reason,
        measured={**worst.measured, "slices": float(len(failed)), "share": _share(worst, refused)},
        limits={"value": worst.limit},
        strength=1 + worst.limit - worst.measured["value"],
    )


def _share(check: Check, refused: Refused) -> float:
    """Weight of the slice's rows in training over an even share of all classes; 1 where it is no class."""
    weights = {label: told.get("weight", 0.0) for label, told in refused.classes.items()}
    if not weights or not sum(weights.values()):
        return 1.0
    even = sum(weights.values()) / len(weights)
    if check.name == _RARE:
        return min(weights.values()) / even
    own = check.name.removeprefix(_CLASS)
    return weights[own] / even if own != check.name and own in weights else 1.0


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """Class weights for a class that is small in training, else rows of that kind."""
    if finding.measured["share"] < 1 and used["balance"]["method"] == "none":
        return Remedy(
            title=Text(en="Weigh classes by rarity", zh="按稀有程度给类别加权"),
            safety=Safety.AUTOMATIC,
            patch={"balance.method": "weights", "balance.correct_prior": False},
            expectation=Text(en="the slice rises to its floor", zh="该切片升到下限"),
            expected=Expected(change=-0.02),
        )
    return Remedy(
        title=Text(
            en="Collect rows of the slice that fails; where long texts fail, look at what is cut off "
            "(`train.max_length`)",
            zh="请补充未达标切片的数据；若是长文本出错，请检查被截断的内容（`train.max_length`）",
        ),
        safety=Safety.ADVICE,
    )


ZH = Page(
    title="某一类数据低于下限",
    what_goes_wrong="模型总体够好，但某个类别、渠道或某类文本低于门禁对每一类的要求。",
    why_it_hurts="平均数掩盖了它；那一类背后的顾客总是得到错误答案。",
    how_it_is_detected="门禁中关于某个切片的条件未通过。若切片是类别，还会说明训练数据中它占多少。",
    what_the_remedy_does="若切片是类别（或罕见类别），且在训练中少于平均份额，则按稀有程度加权，并保留对少见类别的偏向。"
    "否则建议补充这类数据；若是长文本出错，检查被截断的内容。",
    not_detected="配方中没有设下限的切片，见 `weak-slice`。",
    source="Eyuboglu 等，arXiv 2203.14960；King、Zeng，2001。",
)

PITFALL = Pitfall("slice-below-its-floor", AFTER, Settings(), detect, remedy, ZH, rank=47)
