"""The traffic changed and no signal said so.

What goes wrong
    One request in ten is of a kind that the model never met. Each measure of drift is an average over all requests, and
    none of them moves past its limit.
Why it hurts
    The new kind is answered with the labels of the old ones, with confidence. It is found weeks later, by complaints.
How it is detected
    Where a comparison had enough rows and no signal counted as drift: more than 2 % of the requests (and at least five)
    got an answer that never came on the reference, or none; or at least two signals are half way to their limit, each
    with a p-value of 0.05 or less by itself.
What the remedy does
    Advises that people label a sample of the requests on which the model is least sure, before drift is declared.
Not detected
    A new kind that is answered with an old label and full confidence.
Source
    Measured on shop reviews with 10 % of a new category: PSI of length 0.033, AUC of a domain classifier 0.548;
    Rabanser, Günnemann, Lipton, Failing Loudly, arXiv 1810.11953.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from pydantic import Field

from fittingroom.pitfalls.rows import advice
from fittingroom.statistics.signals import Signal
from fittingroom.types import Finding, Frozen, Page, Pitfall, Severity, Text

_NONE = 0.5
"""The area under the curve of a classifier that sees no difference."""


class Settings(Frozen):
    """Limits."""

    unknown: float = Field(default=0.02, gt=0, lt=1)
    """Share of the requests that may get an answer that never came on the reference."""
    least: int = Field(default=5, ge=1)
    """Such requests from which on it counts."""
    half_way: float = Field(default=0.5, gt=0, lt=1)
    """How far to its limit a signal must be to be a weak one."""
    p_value: float = Field(default=0.05, gt=0, lt=0.5)
    """What its p-value may be, not corrected for the other signals."""
    weak: int = Field(default=2, ge=1)
    """Weak signals that are a finding together; one alone comes by chance in one comparison of twenty."""


class Compared(Protocol):
    """What `monitor` puts out, as far as it is read here."""

    @property
    def enough(self) -> bool: ...
    @property
    def drifted(self) -> bool: ...
    @property
    def rows_window(self) -> int: ...
    @property
    def signals(self) -> list[Signal]: ...
    @property
    def classes(self) -> dict[str, dict[str, int]]: ...


def detect(report: Compared, settings: Settings) -> Iterator[Finding]:
    """Fires on a comparison that is calm though something moved."""
    if not report.enough or report.drifted:
        return
    known = sum(counts["reference"] for counts in report.classes.values())
    new = sum(counts["window"] for counts in report.classes.values() if not counts["reference"]) if known else 0
    share = new / report.rows_window
    weak = [signal.name for signal in report.signals if _is_weak(signal, settings)]
    unknown = new >= settings.least and share > settings.unknown
    if not unknown and len(weak) < settings.weak:
        return
    named = ", ".join(weak) or "-"
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"no signal reached its limit, but {share:.1%} of the requests got an answer that never came "
            "on the reference, "
            f"and weak signals are: {named}",
            zh=f"没有信号越过限值，但 {share:.1%} 的请求得到了参照数据上从未出现的答案；较弱的信号：{named}",
        ),
        measured={"unknown_share": share, "weak_signals": float(len(weak))},
        limits={"unknown_share": settings.unknown, "weak_signals": float(settings.weak)},
        strength=max(1.0, share / settings.unknown),
    )


def _is_weak(signal: Signal, settings: Settings) -> bool:
    """Whether a signal is half way to its limit, and hardly luck by itself."""
    nothing = _NONE if signal.name == "content" else 0.0
    far = signal.size - nothing >= settings.half_way * (signal.limit - nothing)
    return far and signal.p_value <= settings.p_value


remedy = advice(
    "Have people label a sample of the recorded requests, the least sure first, and look for a kind that is new",
    "请人标注一部分记录的请求（从最没把握的开始），看有没有新的类型",
)


ZH = Page(
    title="流量已变而没有信号报警",
    what_goes_wrong="每十个请求里有一个是模型没见过的类型。各种漂移指标都是对全部请求求平均，没有一个越过限值。",
    why_it_hurts="新类型被自信地答成旧标签。几周之后才由投诉暴露出来。",
    how_it_is_detected="一次对比有足够的行而没有信号被判为漂移时：超过 2%（且不少于五个）的请求得到了参照数据上"
    "从未出现的答案，或没有答案；或至少两个信号到了限值的一半，且各自的 p 值不超过 0.05。",
    what_the_remedy_does="建议在宣布漂移之前，请人标注一部分模型最没把握的请求。",
    not_detected="以旧标签和十足把握作答的新类型。",
    source="在店铺评论上混入 10% 新类别的实测：长度 PSI 0.033，领域分类器 AUC 0.548；Rabanser、Günne"
    "mann、Lipton，arXiv 1810.11953。",
)

PITFALL = Pitfall("silent-drift", "monitor", Settings(), detect, remedy, ZH, rank=6)
