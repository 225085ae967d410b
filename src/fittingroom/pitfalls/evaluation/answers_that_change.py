"""The same question is answered otherwise the second time.

What goes wrong
    Answers are drawn by lot (the settings that come with many models sample at a temperature of 0.6), or depend on
    which other questions they are computed with: padding on the wrong side, rounding in half precision.
Why it hurts
    Two judgements of one model differ by luck, and the better of two is taken for progress. In service a customer who
    asks twice gets two answers.
How it is detected
    Some judged rows are answered a second time, each alone instead of in a batch: more than 1 of 20 answers differ.
    Measured where answers are written freely; the answers of a closed set are scored, not drawn.
What the remedy does
    Advises to answer greedily (temperature 0) and to compute as the judged bundle does.
Not detected
    Answers that differ on another machine.
Source
    vLLM issue 15281 (a model's own generation settings sample by default); Unsloth issue 9708 (padding on the right).
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice
from fittingroom.types import EvalReport, Finding, Frozen, Page, Pitfall, Severity, Text


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.05, ge=0, lt=1)
    """Share of the answers that may differ: rounding turns a near tie now and then."""


def detect(report: EvalReport, settings: Settings) -> Iterator[Finding]:
    """Fires on answers that differ the second time."""
    again = report.facts.get("again", {})
    rows, differing = int(again.get("rows", 0)), int(again.get("differing", 0))
    share = differing / rows if rows else 0.0
    if share <= settings.share:
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"{differing} of {rows} rows were answered otherwise the second time",
            zh=f"{rows} 行再次作答时，有 {differing} 行答案不同",
        ),
        measured={"share": share, "rows": float(rows)},
        limits={"share": settings.share},
        strength=share / max(settings.share, 1e-3),
    )


remedy = advice(
    "Answer greedily (temperature 0), and judge with the arithmetic that serves",
    "请用贪心解码（温度 0），并以服务时的计算方式评判",
)


ZH = Page(
    title="同一问题两次答案不同",
    what_goes_wrong="答案靠抽样产生（许多模型自带的设置以 0.6 的温度抽样），或取决于和哪些问题一起计算："
    "填充方向不对、半精度舍入。",
    why_it_hurts="同一模型的两次评判因运气而不同，把较好的一次当成进步；服务中顾客问两次得到两个答案。",
    how_it_is_detected="部分评判过的行再单独作答一次（不与别的行同批）：超过二十分之一的答案不同。"
    "只在自由作答时测量；封闭集合的答案是打分得出的，不抽样。",
    what_the_remedy_does="建议使用贪心解码（温度 0），并与被评判的模型包同样计算。",
    not_detected="换一台机器才不同的答案。",
    source="vLLM issue 15281；Unsloth issue 9708。",
)

PITFALL = Pitfall("answers-that-change", "evaluate", Settings(), detect, remedy, ZH, rank=20)
