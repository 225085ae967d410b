"""One kind of rows fails.

What goes wrong
    Long messages, one language, one source or the rows of one channel are hardly among the training rows, or are cut
    off: the model is good on the whole and poor there.
Why it hurts
    The mean hides it. The customers of that channel get wrong answers all the time.
How it is detected
    A slice of dev (length, script, source; of rankings also goods and customers, known and new) of at least 20
    rows whose score is surely lower: the upper end of its interval lies more than 0.1 below the score of all rows. The
    score is that of the job's slices: accuracy of a closed set, ROUGE-L, NDCG@10, attribute coverage.
What the remedy does
    Advises to collect rows of that kind, and to look at what is cut off where the slice is that of long texts.
Not detected
    Kinds of rows that no slice names. Slices by class are left to `confused-classes` and `class-imbalance`.
Source
    Eyuboglu et al., Domino: Discovering Systematic Errors, arXiv 2203.14960; practice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.evaluating.deciding import metric_name
from fittingroom.pitfalls.rows import advice
from fittingroom.types import Examination, Finding, Frozen, Page, Pitfall, Severity, Text

BY = {
    "length": ("length", "长度"),
    "script": ("script", "文字"),
    "source": ("source", "来源"),
    "goods": ("goods", "商品"),
    "customer": ("customer", "客户"),
    "history": ("history", "购买历史"),
}


class Settings(Frozen):
    """Limits."""

    behind: float = Field(default=0.1, gt=0, lt=1)
    """Score by which a slice may lie behind all rows, beyond doubt."""
    rows: int = Field(default=20, ge=1)
    """Rows from which on a slice counts."""


def detect(examined: Examination, settings: Settings) -> Iterator[Finding]:
    """Fires on the slice that is farthest behind."""
    slices = [
        one
        for one in examined.slices
        if one["by"] in BY and one["rows"] >= settings.rows and _metric(one) in one and _metric(one) in examined.scores
    ]
    if not slices:
        return
    worst = min(slices, key=lambda one: (one["high"] - examined.scores[_metric(one)], one["by"], str(one["value"])))
    metric = _metric(worst)
    whole, own, told = examined.scores[metric], float(worst[metric]), metric_name(metric)
    behind = whole - worst["high"]
    if behind <= settings.behind:
        return
    name = BY[worst["by"]]
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"{name[0]} {worst['value']}: {told.en} {own:.2f} on {worst['rows']} rows, {whole:.2f} on all",
            zh=f"{name[1]} {worst['value']}：{worst['rows']} 行上{told.zh}为 {own:.2f}，总体为 {whole:.2f}",
        ),
        measured={"behind": behind, metric: own, "rows": float(worst["rows"])},
        limits={"behind": settings.behind},
        strength=behind / settings.behind,
    )


def _metric(entry: Mapping[str, Any]) -> str:
    """What a slice is scored by; those of older examinations do not say."""
    return str(entry.get("metric", "accuracy"))


remedy = advice(
    "Collect rows of that kind; where long texts fail, look at what is cut off (`train.max_length`)",
    "请补充这类数据；若是长文本出错，请检查被截断的内容（`train.max_length`）",
)


ZH = Page(
    title="某一类数据表现差",
    what_goes_wrong="长消息、某种语言、某个来源或渠道的数据在训练中很少，或被截断：模型总体不错，唯独那里差。",
    why_it_hurts="平均数掩盖了它。那个渠道的顾客总是得到错误答案。",
    how_it_is_detected="开发集中至少 20 行的分组（长度、文字、来源；排序任务还有新旧商品与客户），分数确定更低："
    "其区间上端比总体分数低 0.1 以上。分数即该任务切片所用的指标：封闭集合的准确率、ROUGE-L、NDCG@10、属性覆盖率。",
    what_the_remedy_does="建议补充这类数据；若是长文本，检查被截断的内容。",
    not_detected="没有分组命名的那类数据。按类别的分组由 `confused-classes` 与 `class-imbalance` 负责。",
    source="Eyuboglu 等，arXiv 2203.14960；实践。",
)

PITFALL = Pitfall("weak-slice", "examine", Settings(), detect, remedy, ZH, rank=52)
