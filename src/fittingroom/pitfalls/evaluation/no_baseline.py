"""There is nothing to compare the score with.

What goes wrong
    The model is judged alone: no baseline was asked for, or every one that was asked for failed.
Why it hurts
    A macro-F1 of 0.8 is poor where a linear model reaches 0.9, and excellent where the commonest answer is right one
    time in a hundred. Money is spent on a large model that a few lines of code would beat.
How it is detected
    No baseline of the report has a score.
What the remedy does
    Advises to judge beside the commonest answer, a linear model and the untuned model (`evaluate.baselines`), and names
    why those failed that were asked for.
Not detected
    Baselines that are too weak to say anything.
Source
    Casanueva et al., arXiv 2003.04807; public results on BANKING77, where a tuned encoder (94.0) beats tuned generators
    of 1-8 billion parameters (90-92).
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice
from fittingroom.types import EvalReport, Finding, Frozen, Page, Pitfall, Severity, Text


class Settings(Frozen):
    """Limits."""

    scored: int = Field(default=1, ge=1)
    """Baselines that must have a score."""


def detect(report: EvalReport, settings: Settings) -> Iterator[Finding]:
    """Fires where too few baselines were scored."""
    scored = [one.name for one in report.baselines if one.metrics]
    if len(scored) >= settings.scored:
        return
    failed = [one.name for one in report.baselines if not one.metrics]
    why_en = f"{', '.join(failed)} failed" if failed else "none was asked for"
    why_zh = f"{'、'.join(failed)} 运行失败" if failed else "没有要求任何基线"
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"the score stands alone: {why_en}",
            zh=f"分数没有任何参照：{why_zh}",
        ),
        measured={"scored": float(len(scored)), "failed": float(len(failed))},
        limits={"scored": float(settings.scored)},
        strength=1.0 + settings.scored - len(scored),
    )


remedy = advice(
    "Judge beside simple baselines: `evaluate.baselines: [majority, tfidf, untuned]`",
    "请与简单基线一起评测：`evaluate.baselines: [majority, tfidf, untuned]`",
)


ZH = Page(
    title="没有基线可比",
    what_goes_wrong="只评测模型自己：没有要求任何基线，或要求的基线全部失败。",
    why_it_hurts="线性模型能到 0.9 的地方，0.8 的 macro-F1 算差；最常见答案百次只对一次的地方，它又算很好。"
    "花了大模型的钱，几行代码就能胜过它。",
    how_it_is_detected="报告中没有一个基线有分数。",
    what_the_remedy_does="建议与最常见答案、线性模型和未微调模型一起评测（`evaluate.baselines`），并说明失败的是哪些。",
    not_detected="弱到说明不了问题的基线。",
    source="Casanueva 等，arXiv 2003.04807；BANKING77 公开结果：微调编码器 94.0，10–80 亿参数生成模型 90–92。",
)

PITFALL = Pitfall("no-baseline", "evaluate", Settings(), detect, remedy, ZH, rank=63)
