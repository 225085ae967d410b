"""Signals of drift: one comparison each of two sides of traffic, with its size, its limit and a sentence for people.

What the limits are is the business of the caller; whether a signal is drift is decided over all of them together
(`judged`), because several tests raise several false alarms.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pydantic import Field

from fittingroom.statistics.drift import (
    Shift,
    binned,
    category_shift,
    holm,
    number_shift,
    psi,
    psi_noise,
    share_shift,
    text_shift,
)
from fittingroom.types import Frozen, Text

_UNSURE = 0.05  # the quantile of the reference's confidence below which a request counts as unfamiliar


class Signal(Frozen):
    """One comparison."""

    name: str
    """classes, confidence, unfamiliar, length, script or content."""
    size: float
    limit: float
    p_value: float
    corrected: float
    """The p-value corrected for all signals (Holm)."""
    drifted: bool
    measured: dict[str, float] = Field(default_factory=dict)
    summary: Text


class Side(NamedTuple):
    """One side of the comparison as plain columns."""

    texts: list[str]
    labels: list[str]
    scripts: list[str]
    confidence: list[float]
    """Of the rows that have one."""


def judged(signals: Sequence[Signal], level: float) -> list[Signal]:
    """The signals with corrected p-values; drift is what reaches its limit and is significant at `level`."""
    corrected = holm([signal.p_value for signal in signals])
    return [
        signal.model_copy(update={"corrected": value, "drifted": signal.size >= signal.limit and value <= level})
        for signal, value in zip(signals, corrected, strict=True)
    ]


def classes(before: Side, now: Side, limit: float) -> Signal:
    """The mix of answers: PSI beyond its noise."""
    return _categories("classes", before.labels, now.labels, limit, ("mix of answers", "答案构成"))


def scripts(before: Side, now: Side, limit: float) -> Signal:
    """The mix of scripts: PSI beyond its noise."""
    return _categories("script", before.scripts, now.scripts, limit, ("scripts", "文字种类"))


def _categories(
    name: str, reference: Sequence[str], window: Sequence[str], limit: float, title: tuple[str, str]
) -> Signal:
    before, now = tally(reference), tally(window)
    shift = category_shift(before, now)
    noise = psi_noise(len(before | now), len(reference), len(window))
    moved, was, is_now = _most_moved(before, now)
    summary = Text(
        en=f"{title[0]}: PSI {shift.size:.3f} (of it luck: {noise:.3f}); most moved: {moved},"
        f" {was:.1%} -> {is_now:.1%}",
        zh=f"{title[1]}：PSI {shift.size:.3f}（其中偶然约 {noise:.3f}）；"
        f"变化最大的是 {moved}，{was:.1%} → {is_now:.1%}",
    )
    measured = {"psi": shift.size, "noise": noise}
    return _signal(name, Shift(max(shift.size - noise, 0.0), shift.p_value), limit, measured, summary)


def lengths(before: Side, now: Side, limit: float) -> Signal:
    """Lengths in characters: Kolmogorov-Smirnov."""
    reference, window = [len(text) for text in before.texts], [len(text) for text in now.texts]
    return _numbers("length", reference, window, limit, ("length", "长度"), "{:.0f}")


def confidence(before: Side, now: Side, limit: float) -> Signal:
    """Confidence of the answers: Kolmogorov-Smirnov."""
    return _numbers("confidence", before.confidence, now.confidence, limit, ("confidence", "置信度"), "{:.2f}")


def _numbers(
    name: str, reference: Sequence[float], window: Sequence[float], limit: float, title: tuple[str, str], form: str
) -> Signal:
    """A distribution of numbers: Kolmogorov-Smirnov decides, PSI over deciles is told."""
    shift, index = number_shift(reference, window), psi(*binned(reference, window))
    was, is_now = (form.format(sorted(values)[len(values) // 2]) for values in (reference, window))
    summary = Text(
        en=f"{title[0]}: distance {shift.size:.3f} (PSI {index:.3f}); median {was} -> {is_now}",
        zh=f"{title[1]}：距离 {shift.size:.3f}(PSI {index:.3f})；中位数 {was} → {is_now}",
    )
    return _signal(name, shift, limit, {"ks": shift.size, "psi": index}, summary)


def unfamiliar(before: Side, now: Side, limit: float) -> Signal:
    """Share of requests on which the model is as unsure as on the most unsure 5 % of the reference: its rise."""
    ranked = sorted(before.confidence)
    mark = ranked[int(_UNSURE * len(ranked))]
    unsure_before = sum(value <= mark for value in before.confidence)
    unsure_now = sum(value <= mark for value in now.confidence)
    shift = share_shift((unsure_before, len(before.confidence)), (unsure_now, len(now.confidence)))
    was, is_now = unsure_before / len(before.confidence), unsure_now / len(now.confidence)
    summary = Text(
        en=f"requests on which the model is unsure (confidence up to {mark:.2f}): {was:.1%} -> {is_now:.1%}",
        zh=f"模型没有把握的请求（置信度不超过 {mark:.2f}）：{was:.1%} → {is_now:.1%}",
    )
    return _signal("unfamiliar", shift, limit, {"reference": was, "window": is_now}, summary)


def content(before: Side, now: Side, limit: float, *, most: int, permutations: int, seed: int) -> Signal:
    """How well a classifier tells the requests from the reference, on at most `most` texts of each side."""
    reference, window = (_sample(side.texts, most, seed) for side in (before, now))
    shift = text_shift(reference, window, seed=seed, permutations=permutations)
    summary = Text(
        en=f"content: a classifier tells requests from reference with ROC-AUC {shift.size:.3f} (0.5: not at all)",
        zh=f"内容：分类器区分新请求与参照数据的 ROC-AUC 为 {shift.size:.3f}（0.5 表示无法区分）",
    )
    measured = {"auc": shift.size, "rows": float(len(reference) + len(window))}
    return _signal("content", shift, limit, measured, summary)


def _signal(name: str, shift: Shift, limit: float, measured: dict[str, float], summary: Text) -> Signal:
    return Signal(
        name=name,
        size=shift.size,
        limit=limit,
        p_value=shift.p_value,
        corrected=shift.p_value,
        drifted=False,
        measured=measured,
        summary=summary,
    )


def _most_moved(reference: dict[str, int], window: dict[str, int]) -> tuple[str, float, float]:
    """The category whose share moved most: name, share before, share now."""
    total_r, total_w = max(sum(reference.values()), 1), max(sum(window.values()), 1)
    shares = {
        name: (reference.get(name, 0) / total_r, window.get(name, 0) / total_w) for name in sorted(reference | window)
    }
    name = max(shares, key=lambda name: (abs(shares[name][1] - shares[name][0]), name))
    return name, *shares[name]


def _sample(texts: list[str], most: int, seed: int) -> list[str]:
    """At most `most` texts, without replacement, in their order."""
    import numpy as np

    if len(texts) <= most:
        return texts
    chosen = np.random.default_rng(seed).choice(len(texts), most, replace=False)
    return [texts[place] for place in sorted(chosen.tolist())]


def tally(values: Sequence[str]) -> dict[str, int]:
    """value -> rows, in sorted order."""
    counts: dict[str, int] = {}
    for value in sorted(values):
        counts[value] = counts.get(value, 0) + 1
    return counts
