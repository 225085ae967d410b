"""The model is surer than it is right.

What goes wrong
    Fine-tuning on the cross-entropy drives the probabilities towards 0 and 1, also where the answers are wrong.
Why it hurts
    A threshold for handing over to people, set by these probabilities, lets the wrong answers through: nine in ten said
    to be right are seven in ten.
How it is detected
    On the judged part the mean confidence in the answer given lies above the share that is right by more than 0.1, over
    what the number of rows leaves to chance (two standard errors).
What the remedy does
    Advises to give more rows to the calibration part, on which one temperature is fitted for all answers, and to smooth
    labels or train fewer passes. It is no cause of a low score: a temperature changes no answer.
Not detected
    Confidence that is right on the whole and wrong in parts; see the reliability table and the slices.
Source
    Guo, Pleiss, Sun, Weinberger, On Calibration of Modern Neural Networks, ICML 2017, arXiv 1706.04599.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice
from fittingroom.types import EvalReport, Finding, Frozen, Page, Pitfall, Severity, Text


class Settings(Frozen):
    """Limits."""

    surer: float = Field(default=0.1, gt=0, lt=1)
    """Mean confidence minus accuracy."""


def detect(report: EvalReport, settings: Settings) -> Iterator[Finding]:
    """Fires on answers that are surer than they are right."""
    bins = report.facts.get("calibration", {}).get("bins", [])
    rows = sum(one["rows"] for one in bins)
    if not rows:
        return
    sure = sum(one["rows"] * one["confidence"] for one in bins) / rows
    right = sum(one["rows"] * one["accuracy"] for one in bins) / rows
    chance = 2 * math.sqrt(max(right * (1 - right), 1e-9) / rows)
    if sure - right <= settings.surer + chance:
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"the model is {sure:.0%} sure on average and right on {right:.0%} of {rows} rows",
            zh=f"模型平均把握为 {sure:.0%}，而 {rows} 行中只答对 {right:.0%}",
        ),
        measured={"surer": sure - right, "confidence": sure, "accuracy": right},
        limits={"surer": settings.surer},
        strength=(sure - right) / settings.surer,
    )


remedy = advice(
    "Do not set thresholds by these probabilities yet: give more rows to `split.calibration`, smooth labels "
    "(`train.label_smoothing`) or train fewer passes",
    "暂勿按这些概率设阈值：请增大 `split.calibration`、使用标签平滑（`train.label_smoothing`）或减少轮数",
)


ZH = Page(
    title="答案过度自信",
    what_goes_wrong="用交叉熵微调会把概率推向 0 和 1，答错的地方也一样。",
    why_it_hurts="按这些概率设的转人工阈值会放过错误答案：号称九成对的，实际只有七成。",
    how_it_is_detected="在评测集上，对所给答案的平均把握高出实际正确率 0.1 以上，且超出行数本身的偶然（两个标准误）。",
    what_the_remedy_does="建议给校准集更多数据（在其上为所有答案拟合一个温度），并使用标签平滑或减少轮数。"
    "它不是分数低的原因：温度不改变任何答案。",
    not_detected="总体合适而局部不合适的把握；见可靠性表与分组结果。",
    source="Guo 等，ICML 2017，arXiv 1706.04599。",
)

PITFALL = Pitfall("overconfident-answers", "evaluate", Settings(), detect, remedy, ZH, rank=64)
