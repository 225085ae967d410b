"""The device is almost full.

What goes wrong
    The estimate of memory fits the device, but leaves so little that the kernels' workspace, fragments and a few long
    rows fill it.
Why it hurts
    Training ends somewhere in the first epoch with "out of memory", or the machine starts to swap and takes days.
How it is detected
    The plan's estimate over the memory of the device that trains: more than 0.7. Several processes on one processor
    share its memory, and each is judged by its share. (What does not fit with a single row is refused before.)
What the remedy does
    Advises shorter rows, adapters instead of all weights, a smaller base model or a larger device. Passes are cut
    already until they fit.
Not detected
    Memory that other programs hold.
Source
    models/memory.py for the formula; PyTorch documentation, memory management.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice
from fittingroom.types import Finding, Frozen, Page, Pitfall, Plan, Severity, Text


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.7, gt=0, le=1)
    """Share of the device's memory that the estimate may take."""


def detect(plan: Plan, settings: Settings) -> Iterator[Finding]:
    """Fires when little is left."""
    whole = plan.preflight.get("device", {}).get("bytes", 0.0)
    if not whole or plan.memory_bytes / whole <= settings.share:
        return
    share = plan.memory_bytes / whole
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"training is estimated to take {share:.0%} of the {whole / 2**30:.1f} GiB that a process has of the "
            "device",
            zh=f"训练预计占用每个进程可用的 {whole / 2**30:.1f} GiB 设备内存的 {share:.0%}",
        ),
        measured={"share": share, "bytes": float(plan.memory_bytes)},
        limits={"share": settings.share},
        strength=share / settings.share,
    )


remedy = advice(
    "Shorten rows (`train.max_length`), use `train.method: lora`, a smaller base model or a larger device",
    "缩短每行（`train.max_length`）、改用 `train.method: lora`、更小的基座模型或更大的设备",
)


ZH = Page(
    title="设备内存快满了",
    what_goes_wrong="内存估计放得下，但剩余太少：计算内核的工作区、碎片和几行长数据就会占满。",
    why_it_hurts="训练在第一轮中途因内存不足而终止，或机器开始换页，要跑好几天。",
    how_it_is_detected="计划的内存估计与训练设备内存之比：超过 0.7。同一处理器上的多个进程分享内存，各按其份额判断。"
    "（一行都放不下的情况此前已拒绝。）",
    what_the_remedy_does="建议缩短每行、用适配器代替全部权重、换更小的基座模型或更大的设备。每次计算的行数已经减到放得下为止。",
    not_detected="其他程序占用的内存。",
    source="公式见 models/memory.py；PyTorch 文档（内存管理）。",
)

PITFALL = Pitfall("memory-almost-full", "configure", Settings(), detect, remedy, ZH, rank=26)
