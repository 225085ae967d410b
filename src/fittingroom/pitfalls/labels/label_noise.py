"""Many labels are wrong.

What goes wrong
    The button next to the right one was pressed, a star rating stands for the parcel service instead of the goods, a
    rule of yesterday labelled the rows: a part of the labels does not say what the text says.
Why it hurts
    The model learns the errors, by heart when it is large enough, and what it would score on rightly labelled rows
    stays unknown. Every cure of rate and fit is misled, for well-learnt noise looks like overfitting.
How it is detected
    The audit counts, by confident learning on out-of-fold probabilities of a linear model, the share of the training
    labels that are probably wrong and were left as they are: above 0.05 and what so few rows leave to chance (two
    standard errors). A poor auditor is not believed: then only that is told.
What the remedy does
    Lets the audit mend the training part: a label is replaced where all repetitions agree on another one with high
    probability, otherwise the row goes; no class loses more than its limit, which is raised to what is estimated to be
    wrong, up to 0.4. Labels of dev and test are for people.
Not detected
    Errors that are consistent (a whole class meant otherwise), and labels that a linear model on characters cannot
    judge, such as irony.
Source
    Northcutt, Jiang, Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels, JAIR 2021, arXiv 1911.00068.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.pitfalls.rows import MOST_EXAMPLES
from fittingroom.types import Expected, Finding, Frozen, Page, Pitfall, Remedy, Safety, Severity, Splits, Text

MOST_SHARE = 0.4
"""Of the rows of a class that the audit may change: where more are wrong, the rows are of no use."""
MENDED = {"relabelled", "removed"}


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.05, ge=0, lt=1)
    """Share of the training labels that may be wrong and left so. A clean set of shop reviews is estimated at 0.02."""


def detect(splits: Splits, settings: Settings) -> Iterator[Finding]:
    """Fires on the noise that the audit left; tells when it could not be measured."""
    if splits.facts.get("free"):
        return  # answers are free texts, and no classes
    facts = splits.facts
    if not facts["trusted"]:
        yield _unmeasured(facts)
        return
    share = float(facts["remaining_noise"])
    if share <= beyond_chance(settings.share, splits.train.rows):
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"about {share:.1%} of the training labels are probably wrong ({facts['flagged']} were flagged, "
            f"{facts['relabelled'] + facts['removed']} mended)",
            zh=f"约 {share:.1%} 的训练标签可能是错的(标出 {facts['flagged']} 条，"
            f"已修正 {facts['relabelled'] + facts['removed']} 条)",
        ),
        measured={"wrong_share": share, "wrong_share_before": float(facts["estimated_noise"])},
        limits={"wrong_share": settings.share},
        examples=_left(splits),
        strength=share / max(settings.share, 1e-3),
    )


def beyond_chance(limit: float, rows: int) -> float:
    """The share from which on more than `limit` of so many rows are wrong, and not by chance: two standard errors."""
    return limit + 2 * math.sqrt(limit * (1 - limit) / max(1, rows))


def share_to_mend(allowed: float, wrong: float) -> dict[str, float]:
    """The patch that lets the audit change as much of a class as is estimated to be wrong; {} where it may already."""
    needed = round(min(MOST_SHARE, max(allowed, 1.2 * wrong)), 2)
    return {"audit.max_share": needed} if needed > allowed else {}


def _unmeasured(facts: Mapping[str, Any]) -> Finding:
    why_en, why_zh = "the audit is off or has too few rows", "审计已关闭或数据太少"
    if facts["audited"]:
        accuracy = float(facts["model_accuracy"])
        why_en = f"the auditing model is right on {accuracy:.0%} of unseen rows only and is not believed"
        why_zh = f"审计模型在未见数据上只答对 {accuracy:.0%}，不予采信"
    return Finding(
        severity=Severity.INFO,
        summary=Text(en=f"the labels were not checked: {why_en}", zh=f"标签未经检查：{why_zh}"),
        measured={"model_accuracy": float(facts["model_accuracy"])},
    )


def _left(splits: Splits) -> tuple[str, ...]:
    """Training rows that were flagged and not mended, the surest first."""
    if splits.review is None:
        return ()
    rows = [row for row in splits.review.dicts() if row["part"] == "train" and row["reason"] not in MENDED]
    rows.sort(key=lambda row: (-row["confidence"], row["id"]))
    return tuple(row["id"] for row in rows[:MOST_EXAMPLES])


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """The audit mends, of a class as many labels as are estimated to be wrong; then people look at what it flagged."""
    if finding.severity is Severity.INFO:
        return None
    raised = share_to_mend(float(used["audit"]["max_share"]), finding.measured["wrong_share_before"])
    if used["audit"]["mode"] == "mend" and not raised:
        return Remedy(
            title=Text(
                en="Have people look at the review list (`fittingroom review`)",
                zh="请人工查看复核清单（`fittingroom review`）",
            ),
            safety=Safety.ADVICE,
        )
    return Remedy(
        title=Text(en="Mend the labels of the training part", zh="修正训练部分的标签"),
        safety=Safety.AUTOMATIC,
        patch={"audit.mode": "mend", **raised},
        expected=Expected(change=0.02),
        expectation=Text(
            en=f"fewer than {finding.limits['wrong_share']:.0%} of the training labels are estimated to be wrong",
            zh=f"估计错误的训练标签低于 {finding.limits['wrong_share']:.0%}",
        ),
    )


ZH = Page(
    title="标签错误多",
    what_goes_wrong="按错了旁边的按钮，星级评的是快递而不是商品，数据由昨天的规则打标：一部分标签与文本不符。",
    why_it_hurts="模型把错误也学进去，模型够大时甚至背下来；在正确标签上能得多少分无从知道。"
    "学会的噪声看起来像过拟合，会误导所有关于学习率和拟合的补救。",
    how_it_is_detected="审计用线性模型的折外概率做置信学习，统计训练标签中可能错误而未修正的比例："
    "超过 0.05，且超出行数本身的偶然（两个标准误）。"
    "审计模型太差时不采信，只作说明。",
    what_the_remedy_does="让审计修正训练部分：各次重复都以高概率同意另一标签时替换，否则去掉该行；"
    "每类损失不超过上限，上限按估计的错误比例放宽，最多 0.4。开发集与测试集的标签交给人工。",
    not_detected="一贯的错误（整个类别被理解成别的意思）；字符线性模型判断不了的标签，如反讽。",
    source="Northcutt、Jiang、Chuang,Confident Learning,JAIR 2021,arXiv 1911.00068。",
)

PITFALL = Pitfall("label-noise", "audit", Settings(), detect, remedy, ZH, rank=9)
