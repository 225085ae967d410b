"""The training labels are noisier than those of dev.

What goes wrong
    Dev was labelled with care, or looked through in review; the training rows carry stars, rules or hurried clicks. So
    many of their labels are wrong that even the model that audits them looks poor, and is not believed.
Why it hurts
    The audit says that it cannot judge, so nothing is mended, and the training learns the errors.
How it is detected
    The same linear model is right on dev, after learning from all training rows, clearly more often than on training
    rows that it has not seen: by more than 0.08 and two standard errors, on 50 rows of dev at least. Where labels are
    alike in both parts it is not. Measured once the gate said no.
What the remedy does
    Lets the audit mend the training part though its model looks poor, for on dev it is not: the bar of skill is lowered
    to 0.05, and up to 0.4 of a class may be changed.
Not detected
    Errors that dev has as well, as it does where rows were split at random: see `label-noise`.
Source
    Northcutt, Jiang, Chuang, Confident Learning, JAIR 2021, arXiv 1911.00068; own measurement (three labels in ten
    wrong in two classes: the auditor is right on 0.55 of unseen training rows).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.types import Examination, Expected, Finding, Frozen, Page, Pitfall, Remedy, Safety, Severity, Text

LEAST_SKILL = 0.05
MOST_SHARE = 0.4


class Settings(Frozen):
    """Limits."""

    apart: float = Field(default=0.08, gt=0, lt=1)
    """Accuracy on dev minus that on unseen training rows."""
    least: int = Field(default=50, ge=2)
    """Rows of dev from which on it is judged: a handful that is all right proves nothing."""


def detect(examined: Examination, settings: Settings) -> Iterator[Finding]:
    """Fires where a model that learnt from these labels agrees with those of dev more than with its own."""
    own, rows = examined.labels.get("model_accuracy", 0.0), examined.rows
    if examined.labels.get("changed"):  # what was measured was the labels before they were mended
        return
    if not own or not examined.data_curve or rows.get("dev", 0) < settings.least or not rows.get("train"):
        return
    dev = examined.data_curve[-1].get("accuracy", 0.0)
    chance = 2 * math.sqrt(own * (1 - own) / rows["train"] + dev * (1 - dev) / rows["dev"])
    if dev - own <= max(settings.apart, chance):
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"a linear model that learnt from the training labels is right on {dev:.0%} of dev, and on {own:.0%} of "
            "training rows it has not seen: these are labelled worse",
            zh=f"从训练标签学出的线性模型在开发集上答对 {dev:.0%}，在没见过的训练数据上只有 {own:.0%}：训练标签更差",
        ),
        measured={"apart": dev - own, "on_dev": dev, "on_train": own},
        limits={"apart": settings.apart},
        strength=(dev - own) / settings.apart,
    )


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """The audit mends with a lower bar; where it did already, people look."""
    audit = used["audit"]
    wanted = {
        "audit.mode": "mend",
        "audit.min_skill": min(LEAST_SKILL, float(audit["min_skill"])),
        "audit.max_share": max(MOST_SHARE, float(audit["max_share"])),
    }
    patch = {path: value for path, value in wanted.items() if audit[path.removeprefix("audit.")] != value}
    if not patch:
        return Remedy(
            title=Text(en="Have people label some of the training rows again", zh="请人工重新标注一部分训练数据"),
            safety=Safety.ADVICE,
        )
    return Remedy(
        title=Text(en="Mend the labels of the training part all the same", zh="仍然修正训练部分的标签"),
        safety=Safety.AUTOMATIC,
        patch=patch,
        expected=Expected(change=0.02),
    )


ZH = Page(
    title="训练标签比开发集差",
    what_goes_wrong="开发集是仔细标注或复核过的，训练数据的标签却来自星级、规则或匆忙的点击。错到连审计模型都显得很差，不被采信。",
    why_it_hurts="审计说无法判断，于是什么也没修正，训练把错误学了进去。",
    how_it_is_detected="同一个线性模型从全部训练数据学习后，在开发集上答对的比例明显高于没见过的训练数据："
    "超过 0.08 和两个标准误，且开发集至少 50 行。两部分标签质量相同时不会如此。门禁未通过后才测量。",
    what_the_remedy_does="审计模型虽显得差，仍让它修正训练部分，因为它在开发集上并不差："
    "把技能门槛降到 0.05，每类最多可改 0.4。",
    not_detected="开发集同样有的错误（随机划分时就是如此），见 `label-noise`。",
    source="Northcutt、Jiang、Chuang，JAIR 2021，arXiv 1911.00068；自测。",
)

PITFALL = Pitfall("noisier-training-labels", "examine", Settings(), detect, remedy, ZH, rank=10)
