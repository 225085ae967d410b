"""Answers end where the room ends.

What goes wrong
    A model that thinks or writes at length reaches the limit of tokens before it has come to its answer. What is judged
    is half a thought or half a sentence.
Why it hurts
    The score tells of the limit, not of the model; a cut thought holds no answer at all. With another limit in service
    customers get another model than the one that was judged.
How it is detected
    Judged answers that ended because no tokens were left (finish reason "length"): more than 2 of 100.
What the remedy does
    Advises to raise the limit of tokens of an answer, or to train and ask without thinking. Cut answers count as wrong.
Not detected
    Answers that are whole, and too long for whoever reads them.
Source
    DeepSeek API documentation (finish_reason "length"); practice.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice
from fittingroom.types import EvalReport, Finding, Frozen, Page, Pitfall, Severity, Text


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.02, ge=0, lt=1)
    """Share of the judged answers that may have been cut off."""


def detect(report: EvalReport, settings: Settings) -> Iterator[Finding]:
    """Fires on answers that ran into the limit of tokens."""
    cut = max(int(report.facts.get(name, 0)) for name in ("cut_answers", "truncated_thoughts"))
    share = cut / report.rows if report.rows else 0.0
    if share <= settings.share:
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"{cut} of {report.rows} judged answers ({share:.0%}) were cut off by the limit of tokens",
            zh=f"评测的 {report.rows} 个答案中有 {cut} 个（{share:.0%}）被词元上限截断",
        ),
        measured={"share": share},
        limits={"share": settings.share},
        strength=share / max(settings.share, 1e-3),
    )


remedy = advice(
    "Raise the limit of tokens of an answer, or train and ask without thinking",
    "请提高答案的词元上限，或在训练与提问时不使用思考过程",
)


ZH = Page(
    title="答案被截断",
    what_goes_wrong="会思考或写得长的模型还没说到答案就到了词元上限，被评测的是半截思考或半句话。",
    why_it_hurts="分数反映的是上限而不是模型；被截断的思考里根本没有答案。服务时上限不同，顾客得到的就是另一个模型。",
    how_it_is_detected="因词元用尽而结束的答案（结束原因为 length）超过百分之二。",
    what_the_remedy_does="建议提高答案的词元上限，或训练与提问都不使用思考。被截断的答案按错误计。",
    not_detected="完整却对读者来说太长的答案。",
    source="DeepSeek API 文档（finish_reason 为 length）；实践。",
)

PITFALL = Pitfall("answers-cut-off", "evaluate", Settings(), detect, remedy, ZH, rank=21)
