"""The plan was far from what happened.

What goes wrong
    A training takes several times the minutes or the memory that its plan said, or a fraction of them: other work on
    the same machine, a slow disk, passes far longer than those that were timed, a model the estimate does not know.
Why it hurts
    Budgets, prices and the bounds of the loop are set by the plan; a machine is rented too large, or work is cut off.
How it is detected
    Minutes (for the steps that were done) and the peak of memory, as measured during training, against the plan's: off
    by more than a factor of two and by more than minutes or a gibibyte, so that small trainings say nothing.
What the remedy does
    Says what to look at: free the machine, or let the size of passes be found by trying (`train.pass_tokens: find`).
Not detected
    Time spent before and after training. On a processor memory is that of the whole process since before the model
    was loaded; memory that was free inside it by then is used again without being seen.
Source
    Own measurements, `benchmarks/memory_estimate`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.types import Finding, Frozen, Page, Pitfall, Remedy, Safety, Severity, Text, Trained


class Settings(Frozen):
    """From when on a plan counts as missed."""

    factor: float = Field(default=2.0, gt=1)
    """How many times too much or too little."""
    minutes: float = Field(default=2.0, ge=0)
    """A smaller difference says nothing."""
    gibibytes: float = Field(default=1.0, ge=0)
    """A smaller difference says nothing."""


def detect(trained: Trained, settings: Settings) -> Iterator[Finding]:
    """Fires when minutes or memory were off."""
    told = trained.timing
    kinds = (
        ("minutes", "planned_minutes", "minutes", 1.0, settings.minutes, ("minutes", "分钟")),
        ("memory", "planned_bytes", "peak_bytes", 2.0**30, settings.gibibytes, ("GiB of memory", "GiB 内存")),
    )
    for name, planned, happened, unit, least, words in kinds:
        if planned not in told or happened not in told:
            continue
        plan, came = told[planned] / unit, told[happened] / unit
        factor = came / plan if plan > 0 else 0.0
        off = max(factor, 1 / factor) if factor > 0 else 0.0
        if off <= settings.factor or abs(came - plan) <= least:
            continue
        yield Finding(
            severity=Severity.INFO,
            summary=Text(
                en=f"training took {came:.1f} {words[0]}, the plan said {plan:.1f}",
                zh=f"训练实际用了 {came:.1f} {words[1]}，计划为 {plan:.1f}",
            ),
            measured={f"{name}_factor": round(off, 2), f"{name}_planned": round(plan, 3), name: round(came, 3)},
            limits={f"{name}_factor": settings.factor},
            strength=off / settings.factor,
        )


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy:
    """For people."""
    if "memory" in finding.measured:
        title = Text(
            en="Let the size of passes be tried (`train.pass_tokens: find`), and plan the machine by what was measured",
            zh="让程序实测每次前向的规模（`train.pass_tokens: find`），并按实测值规划机器",
        )
    else:
        title = Text(
            en="Look for other work on this machine; set `adapt.max_minutes` and prices by what was measured",
            zh="检查本机是否有其他任务；按实测用时设置 `adapt.max_minutes` 与价格",
        )
    return Remedy(title=title, safety=Safety.ADVICE)


ZH = Page(
    title="计划与实际相差太大",
    what_goes_wrong="训练的用时或内存是计划的数倍，或只有计划的几分之一：同机有其他任务、磁盘慢、实际的前向比计时的长得多，"
    "或估算不了解这种模型。",
    why_it_hurts="预算、价格与循环的限度都按计划设定；机器可能租得过大，工作也可能被中途截断。",
    how_it_is_detected="比较训练中实测的用时（折算到实际步数）、内存峰值与计划：相差两倍以上，"
    "且差值超过数分钟或 1 GiB，小规模训练因此不会误报。",
    what_the_remedy_does="指出该看哪里：腾出机器，或让程序实测前向规模（`train.pass_tokens: find`）。",
    not_detected="训练前后的时间。在处理器上，内存是整个进程自加载模型前的增长，进程内当时空闲的内存再次使用时看不到。",
    source="自有测量，见 `benchmarks/memory_estimate`。",
)

PITFALL = Pitfall("plan-missed", "train", Settings(), detect, remedy, ZH, rank=95)
