"""The test is older than the training rows.

What goes wrong
    Rows of all times are shuffled into all parts although what customers write about changes with the season, the range
    of goods and the rules of the shop.
Why it hurts
    The model is asked about days on both sides of which it has learnt. In service every request is newer than all it
    knows, and the score was never measured there.
How it is detected
    Where the rows have times: the mix of labels of the newer half differs from that of the older half, by a population
    stability index of 0.1 beyond its noise and a p-value below 0.01, and the test does not stand at the end: at least
    one training row in ten is newer than the middle of the test.
What the remedy does
    Asks a person to split by time: the newest rows are the test. The test changes: scores from before are not
    comparable.
Not detected
    Texts that change under the same labels (drift of content is seen by `monitor`).
Source
    Lazaridou et al., arXiv 2102.01951; Kapoor and Narayanan, arXiv 2207.07048 (temporal leakage).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.pitfalls.rows import targets
from fittingroom.statistics.drift import category_shift, psi_noise
from fittingroom.types import Finding, Frozen, Page, Pitfall, Remedy, Safety, Severity, Splits, Text


class Settings(Frozen):
    """Limits."""

    moved: float = Field(default=0.1, gt=0)
    """Population stability index of the labels of the two halves, beyond its noise; 0.1 is the usual mark."""
    p_value: float = Field(default=0.01, gt=0, lt=0.5)
    """What its p-value may be at most."""
    newer: float = Field(default=0.1, ge=0, lt=1)
    """Share of the training rows that may be newer than the middle of the test."""


def detect(splits: Splits, settings: Settings) -> Iterator[Finding]:
    """Fires on labels that change with time, in a split that does not go by it."""
    dated = [
        (when, label)
        for part in splits.parts().values()
        for when, label in zip(part.arrow().column("time").to_pylist(), targets(part), strict=True)
        if when is not None
    ]
    tested = sorted(when for when in splits.test.arrow().column("time").to_pylist() if when is not None)
    trained = [when for when in splits.train.arrow().column("time").to_pylist() if when is not None]
    if len(dated) < 200 or len(tested) < 20 or not trained:
        return
    dated.sort(key=lambda one: one[0])
    half = len(dated) // 2
    before, after = (Counter(label for _, label in side) for side in (dated[:half], dated[half:]))
    shift = category_shift(before, after)
    moved = shift.size - psi_noise(len(before | after), half, len(dated) - half)
    newer = sum(when > tested[len(tested) // 2] for when in trained) / len(trained)
    if moved <= settings.moved or shift.p_value > settings.p_value or newer < settings.newer:
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"the mix of labels changes with time (index {moved:.2f}), and {newer:.0%} of train is newer "
            "than the middle "
            "of the test",
            zh=f"标签构成随时间变化（指数 {moved:.2f}），而训练集有 {newer:.0%} 比测试集的中间时刻更新",
        ),
        measured={"moved": moved, "newer_share": newer},
        limits={"moved": settings.moved, "newer_share": settings.newer},
        strength=max(1.0, moved / settings.moved),
    )


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """The newest rows become the test, when a person agrees."""
    if used["split"]["by_time"]:
        return None
    return Remedy(
        title=Text(en="Split by time: the newest rows are the test", zh="按时间划分：最新的行作测试集"),
        safety=Safety.ASK,
        patch={"split.by_time": True},
        expectation=Text(en="scores fall to what they are worth on newer requests", zh="分数回落到对新请求的真实水平"),
    )


ZH = Page(
    title="测试集比训练数据还旧",
    what_goes_wrong="顾客写的内容随季节、货品和店规变化，而各个时间的行却被打乱分到各部分。",
    why_it_hurts="考的那些日子，前后两边模型都学过。上线后每个请求都比它所知的一切更新，而这种情况从未测过。",
    how_it_is_detected="行有时间时：较新一半的标签构成与较旧一半不同，群体稳定性指数超出噪声 0.1 以上且 p 值低于"
    " 0.01；同时测试集不在末尾：至少十分之一的训练行比测试集的中间时刻更新。",
    what_the_remedy_does="请人确认后按时间划分：最新的行作测试集。测试集会变，之前的分数不可比。",
    not_detected="标签相同而文本内容变化的情况（内容漂移由 `monitor` 发现）。",
    source="Lazaridou 等，arXiv 2102.01951；Kapoor、Narayanan，arXiv 2207.07048。",
)

PITFALL = Pitfall("test-from-the-past", "split", Settings(), detect, remedy, ZH, rank=7)
