"""A simple baseline is as good.

What goes wrong
    The tuned model is not clearly better than always answering the commonest label, than a linear model on character
    n-grams, or than the model before tuning.
Why it hurts
    A shop would pay for a large model and get what a few lines of code give. A small classifier beats large generators
    on many classification jobs.
How it is detected
    The interval of the paired difference to a baseline, on the same rows, does not lie above zero; by the first metric
    of the job (macro-F1, NDCG@10, ROUGE-L, attribute coverage). The former champion is no baseline here: to be as good
    as what is served already is no fault of a training, and the gate has `no_worse_than_champion` for it.
What the remedy does
    Advises to take the baseline or a larger base model. It names no change of its own, for it is no cause: what else
    was found says why the model falls short.
Not detected
    Baselines that were not run; a baseline that is better by another metric.
Source
    Casanueva et al., arXiv 2003.04807, and public results on BANKING77, where a tuned encoder (94.0) beats tuned
    generators of 1-8 billion parameters (90-92).
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice
from fittingroom.tasks.jobs import job_judged_by
from fittingroom.types import EvalReport, Finding, Frozen, Page, Pitfall, Severity, Text

NOT_SIMPLE = ("champion",)
"""Contestants that no few lines of code replace: what is deployed already."""


class Settings(Frozen):
    """Limits."""

    metric: str = ""
    """Which paired difference is looked at; empty: that of the first metric of the job."""
    margin: float = Field(default=0.0, ge=0, lt=1)
    """The lower end of the difference must be above this."""


def detect(report: EvalReport, settings: Settings) -> Iterator[Finding]:
    """One finding for all baselines that were not beaten."""
    metric = settings.metric or _first(report)
    unbeaten = [
        (baseline.name, baseline.difference[metric])
        for baseline in report.baselines
        if baseline.name not in NOT_SIMPLE
        and metric in baseline.difference
        and baseline.difference[metric].low <= settings.margin
    ]
    if not unbeaten:
        return
    name, worst = min(unbeaten, key=lambda item: item[1].value)
    verb_en = "beats the model" if worst.high < 0 else "is not clearly beaten"
    verb_zh = "优于本模型" if worst.high < 0 else "没有被明显超过"
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"{name} {verb_en}: difference {worst.value:+.3f} [{worst.low:+.3f}, {worst.high:+.3f}]",
            zh=f"{name} {verb_zh}：差值 {worst.value:+.3f} [{worst.low:+.3f}, {worst.high:+.3f}]",
        ),
        measured={
            "lower_end": worst.low,
            **{f"difference_to_{other}": difference.value for other, difference in unbeaten},
        },
        limits={"lower_end": settings.margin},
        strength=1 + max(0.0, settings.margin - worst.value),
    )


def _first(report: EvalReport) -> str:
    """The first metric of the job that was judged, told by the metrics that it has."""
    job = job_judged_by(report.model.metrics)
    return job.metrics[0] if job is not None else ""


remedy = advice(
    "Take the baseline, or a larger base model (`model.base`)", "采用基线，或换更大的基座模型（`model.base`）"
)


ZH = Page(
    title="简单基线同样好",
    what_goes_wrong="微调后的模型并不明显优于总答多数类、字符 n-gram 线性模型，或微调前的模型。",
    why_it_hurts="商店花了大模型的钱，得到几行代码就能给的结果。许多分类任务上小分类器胜过大生成模型。",
    how_it_is_detected="在同一批样本上，与某个基线的配对差值区间没有完全高于零；按任务的第一个指标"
    "（macro-F1、NDCG@10、ROUGE-L、属性覆盖率）。现役模型不算基线：与已上线的一样好不是训练的错，"
    "门禁另有 `no_worse_than_champion`。",
    what_the_remedy_does="建议采用基线，或换更大的基座模型。它本身不是原因，因此不提出改动：模型为何不足，要看其他诊断结果。",
    not_detected="没有跑过的基线；在其他指标上更好的基线。",
    source="Casanueva 等，arXiv 2003.04807；BANKING77 公开结果：微调编码器 94.0，10–80 亿参数生成模型 90–92。",
)

PITFALL = Pitfall("baseline-not-beaten", "evaluate", Settings(), detect, remedy, ZH, rank=60)
