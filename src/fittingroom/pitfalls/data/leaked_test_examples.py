"""Held-out rows have relatives in train.

What goes wrong
    A message comes back with another name and number, or a customer complains twice: one lands in train, the other in
    dev or test.
Why it hurts
    The score then measures memory, not skill: it rises in the lab and falls after release. Attempts are chosen by a dev
    score that cannot be trusted, and probabilities are calibrated on rows the model knows.
How it is detected
    For each held-out part the share of its rows that have a near copy in train (0.8 of the character 5-grams, whatever
    the label), that share a cluster of near copies with train (numbers and names masked), or that share a customer or
    conversation with train. The worst part counts.
What the remedy does
    Splits by what was torn apart: by cluster, by group, or both; then all relatives fall on one side. Where copies leak
    although clusters stay together, near copies are removed and clusters made wider. No example is lost by grouping,
    but the test changes: scores from before are not comparable.
Not detected
    Free paraphrases, translations, customers that the source does not name, and what the base model read before.
Source
    Elangovan et al., Memorization vs. Generalization: Quantifying Data Leakage in NLP Performance Evaluation, arXiv
    2102.01818.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import Field

from fittingroom.pitfalls.rows import column, examples, texts
from fittingroom.tables import Table
from fittingroom.text.similarity import match_key, pairs_across
from fittingroom.types import Finding, Frozen, Page, Pitfall, Remedy, Safety, Severity, Splits, Text

WIDE_CLUSTERS = 0.6
HELD_OUT = {"dev": "开发集", "calibration": "校准集", "test": "测试集"}


class Settings(Frozen):
    """Limits."""

    alike: float = Field(default=0.8, gt=0.2, le=1)
    """Share of character 5-grams that two texts have in common to be copies."""
    share: float = Field(default=0.01, ge=0, lt=1)
    """Share of a part that may have relatives in train: so much of its score may be memory."""
    least: int = Field(default=3, ge=1)
    """Rows from which on a leak counts; a part of fifty rows is not blocked for one."""


class _Leak(NamedTuple):
    """Rows of one part (by place) that have a relative in train, by kind of relation."""

    part: str
    rows: int
    kinds: dict[str, set[int]]

    @property
    def leaked(self) -> list[int]:
        return sorted(set().union(*self.kinds.values()))

    @property
    def share(self) -> float:
        return len(self.leaked) / self.rows


def detect(splits: Splits, settings: Settings) -> Iterator[Finding]:
    """Fires on the part with the largest leaked share."""
    train_keys = [match_key(text) for text in texts(splits.train)]
    parts = {name: table for name, table in splits.parts().items() if name in HELD_OUT and table.rows}
    leaks = [_leak(name, table, splits.train, train_keys, settings.alike) for name, table in parts.items()]
    worst = max(leaks, key=lambda leak: leak.share, default=None)
    if worst is None or worst.share <= settings.share or len(worst.leaked) < settings.least:
        return
    counts = {kind: float(len(places)) for kind, places in worst.kinds.items()}
    yield Finding(
        severity=Severity.BLOCK,
        summary=Text(
            en=f"{worst.share:.1%} of {worst.part} have relatives in train: {counts['near_copies']:.0f} near copies, "
            f"{counts['shared_cluster']:.0f} rows of a shared cluster, {counts['shared_group']:.0f} of a shared group",
            zh=f"{HELD_OUT[worst.part]}中 {worst.share:.1%} 与训练集有关联：近似重复 {counts['near_copies']:.0f} 行，"
            f"同簇 {counts['shared_cluster']:.0f} 行，同组 {counts['shared_group']:.0f} 行",
        ),
        measured={"leaked_share": worst.share, **counts},
        limits={"leaked_share": settings.share, "alike": settings.alike},
        examples=examples(parts[worst.part], worst.leaked),
        strength=worst.share / max(settings.share, 1e-3),
    )


def _leak(name: str, part: Table, train: Table, train_keys: Sequence[str], alike: float) -> _Leak:
    copies = pairs_across([match_key(text) for text in texts(part)], train_keys, alike)
    kinds = {"near_copies": {place for place, _, _ in copies}}
    for kind in ("cluster", "group"):
        known = set(column(train, kind)) - {None}
        kinds[f"shared_{kind}"] = {place for place, value in enumerate(column(part, kind)) if value in known}
    return _Leak(name, part.rows, kinds)


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """What was torn apart is split as one; where that is done already, copies go and clusters grow."""
    measured = finding.measured
    grouped = list(used["split"]["group_by"])
    missing = [kind for kind in ("group", "cluster") if kind not in grouped and measured[f"shared_{kind}"]]
    if measured["near_copies"] and "cluster" not in [*grouped, *missing]:
        missing.append("cluster")
    patch: dict[str, Any] = {"split.group_by": [*grouped, *missing]} if missing else _no_copies(finding, used["dedup"])
    if not patch:
        return None
    return Remedy(
        title=Text(en=f"Split by {' and '.join(missing)}", zh=f"按 {'、'.join(missing)} 划分")
        if missing
        else Text(en="Remove near copies and widen clusters", zh="去除近似重复并放宽聚簇"),
        safety=Safety.AUTOMATIC,
        patch=patch,
        expectation=Text(
            en="no held-out row has a relative in train; scores fall to what they are worth",
            zh="留出数据在训练集中不再有关联行；分数回落到真实水平",
        ),
    )


def _no_copies(finding: Finding, dedup: Mapping[str, Any]) -> dict[str, Any]:
    """Clusters that are as wide as copies were found, and no copies."""
    if not finding.measured["near_copies"]:
        return {}
    alike = finding.limits["alike"]
    patch: dict[str, Any] = {}
    if dedup["method"] != "near":
        patch["dedup.method"] = "near"
    if float(dedup["threshold"]) > alike:
        patch["dedup.threshold"] = max(0.5, alike)
    if float(dedup["cluster_threshold"]) > min(alike, WIDE_CLUSTERS):
        patch["dedup.cluster_threshold"] = min(alike, WIDE_CLUSTERS)
    return patch


ZH = Page(
    title="留出数据泄漏进训练集",
    what_goes_wrong="同一条消息换个名字和数字再来一次，同一位顾客投诉两次：一条进了训练集，另一条进了开发集或测试集。",
    why_it_hurts="分数量的是记忆而不是能力：实验室里高，上线后掉。尝试之间按不可信的开发集分数挑选，"
    "概率也在模型见过的数据上校准。",
    how_it_is_detected="对每个留出部分统计：在训练集中有近似重复（字符 5-gram 0.8 相同，不论标签）、"
    "与训练集同属一个近似簇（数字与姓名已遮盖）、或与训练集同属一位顾客或一段会话的行所占比例，以最严重的部分为准。",
    what_the_remedy_does="按被拆散的关系划分：按簇、按组或两者，关联数据都落在同一边。"
    "若簇没有拆散仍有泄漏，则去除近似重复并放宽聚簇。按组划分不丢数据，但测试集会变，之前的分数不可比。",
    not_detected="自由改写、翻译、数据源没有标明的顾客，以及基座模型预训练时读过的内容。",
    source="Elangovan 等，arXiv 2102.01818。",
)

PITFALL = Pitfall("leaked-test-examples", "split", Settings(), detect, remedy, ZH, rank=5)
