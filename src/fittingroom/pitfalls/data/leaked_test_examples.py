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
    conversation with train. The worst part counts. Of a part and train of more than 100,000 rows together, near copies
    are looked for in a sample of 100,000 in which copies meet; their share is then a lower bound. Where rows are
    moments of customers (`recommend`), a customer who comes again is what is predicted: then only rows of one customer
    at one time, on both sides, count.
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

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import Field

from fittingroom.pitfalls.likeness import named, near
from fittingroom.pitfalls.rows import MOST_EXAMPLES, column, examples
from fittingroom.tables import Table
from fittingroom.types import Finding, Frozen, Page, Pitfall, Remedy, Safety, Severity, Splits, Text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

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
    """Rows of one part that have a relative in train, by kind of relation (estimated where a part is large)."""

    part: str
    share: float
    rows: float
    kinds: dict[str, float]
    examples: tuple[str, ...]


def detect(splits: Splits, settings: Settings) -> Iterator[Finding]:
    """Fires on the part with the largest leaked share."""
    parts = {name: table for name, table in splits.parts().items() if name in HELD_OUT and table.rows}
    if splits.facts.get("moments"):
        leaks = [_torn_moments(name, table, splits.train) for name, table in parts.items()]
    else:
        known = {kind: named(splits.train, kind) for kind in ("cluster", "group")}
        leaks = [_leak(name, table, splits.train, known, settings.alike) for name, table in parts.items()]
    worst = max(leaks, key=lambda leak: leak.share, default=None)
    if worst is None or worst.share <= settings.share or worst.rows < settings.least:
        return
    counts = worst.kinds
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
        examples=worst.examples,
        strength=worst.share / max(settings.share, 1e-3),
    )


def _torn_moments(name: str, part: Table, train: Table) -> _Leak:
    """Rows of which another one of the same customer and time (of the same basket, where there is no time) is in train.

    That a customer comes again later is what is predicted, and that two bought the same is no copy.
    """
    there = set(zip(column(train, "group"), train.column("time").to_pylist(), strict=True))
    here = zip(column(part, "group"), part.column("time").to_pylist(), strict=True)
    torn = [place for place, moment in enumerate(here) if moment[0] and moment in there]
    kinds = {"near_copies": 0.0, "shared_cluster": 0.0, "shared_group": float(len(torn))}
    return _Leak(name, len(torn) / part.rows, float(len(torn)), kinds, examples(part, torn[:MOST_EXAMPLES]))


def _leak(name: str, part: Table, train: Table, known: Mapping[str, NDArray[np.uint64]], alike: float) -> _Leak:
    """All rows are looked at for a shared cluster and group; for near copies those that `near` looks at."""
    import numpy as np

    tied = {}
    for kind, there in known.items():
        here = named(part, kind)
        tied[kind] = (here != 0) & np.isin(here, there)
    related = np.logical_or.reduce(list(tied.values()))
    copied = near(part, train, alike)
    more = [place for place in copied.found if not related[place]]
    # Of the rows that were looked at, those with a copy and no other relation stand for such rows of the whole part.
    rows = int(related.sum()) + copied.share(more) * part.rows
    kinds = {"near_copies": float(round(copied.share(copied.found) * part.rows))}
    kinds |= {f"shared_{kind}": float(found.sum()) for kind, found in tied.items()}
    places = [*np.flatnonzero(related)[:MOST_EXAMPLES].tolist(), *sorted(more)[:MOST_EXAMPLES]]
    return _Leak(name, rows / part.rows, rows, kinds, examples(part, places))


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
    "与训练集同属一个近似簇（数字与姓名已遮盖）、或与训练集同属一位顾客或一段会话的行所占比例，以最严重的部分为准。"
    "某部分与训练集合计超过 10 万行时，近似重复在 10 万行的样本中查找（互为重复的行会一同入样），其比例为下限。"
    "若各行是顾客的购买时刻（`recommend`），顾客再次光临正是要预测的内容：此时只统计同一顾客同一时刻分在两边的行。",
    what_the_remedy_does="按被拆散的关系划分：按簇、按组或两者，关联数据都落在同一边。"
    "若簇没有拆散仍有泄漏，则去除近似重复并放宽聚簇。按组划分不丢数据，但测试集会变，之前的分数不可比。",
    not_detected="自由改写、翻译、数据源没有标明的顾客，以及基座模型预训练时读过的内容。",
    source="Elangovan 等，arXiv 2102.01818。",
)

PITFALL = Pitfall("leaked-test-examples", "split", Settings(), detect, remedy, ZH, rank=5)
