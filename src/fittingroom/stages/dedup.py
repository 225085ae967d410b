"""Dedup: keep one row of each set of near copies, and remember who belongs together.

Domain data repeats itself: one complaint, many customers. Copies over-weigh their topic and leak from train into test.
Two thresholds with two jobs: above `threshold` a row is a copy and goes (unless label, numbers or negations differ);
above the lower `cluster_threshold`, with numbers and names masked, rows stay but share a `cluster`, which `split` keeps
on one side.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from pydantic import Field

from fittingroom.engine import Context
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.rows import Drop, labels, ordered, parted, replaced, texts
from fittingroom.text.similarity import Pair, clusters, distinguishing, match_key, near_pairs
from fittingroom.types import Frozen, Rows

VERSION = 1
LIBRARIES = ("pyarrow", "rensa")


class DedupConfig(Frozen):
    """What counts as a copy, and what only belongs together."""

    method: Literal["near", "exact", "none"] = "near"
    """`near`: copies by Jaccard index; `exact`: same wording but for case, width, spaces and punctuation; `none`:
    nothing goes. Clusters are made in any case."""
    threshold: float = Field(default=0.8, ge=0.5, le=1)
    """Share of character 5-grams that two texts have in common to be copies."""
    cluster_threshold: float = Field(default=0.6, ge=0.3, le=1)
    """The same share, with numbers and names masked, from which rows must not be torn apart by `split`."""
    largest_cluster: float = Field(default=0.1, gt=0, le=1)
    """Share of all rows that a cluster may reach before its threshold is raised: likeness is not transitive, and chains
    of it can tie a whole data set together."""


def dedup(rows: Rows, *, dedup: DedupConfig, task: TaskConfig, context: Context) -> Rows:
    """Rows without copies; dropped: "exact duplicate", "near duplicate" with the surviving twin and the Jaccard index.

    Of a set of copies the row with the most annotations stays, then the longest text, then the smallest id; its
    `dup_count` grows by those of the rows it stands for. Rows that differ in label, numbers or negations never merge.
    """
    table = ordered(rows.kept.arrow(), task)
    ids: list[str] = table.column("id").to_pylist()
    said = texts(table, task)
    keys = [match_key(text) for text in said]
    guards = [f"{distinguishing(text)}\x1f{name}" for text, name in zip(said, labels(table, task), strict=True)]
    votes = [len(found or []) for found in table.column("annotations").to_pylist()]
    ranked = sorted(range(len(ids)), key=lambda index: (-votes[index], -len(said[index]), ids[index]))
    context.progress("dedup", 1, 3)
    drops: dict[int, Drop] = {}
    pairs: list[Pair] = []
    exact = 0
    if dedup.method != "none":
        drops = _exact(ranked, ids, keys, guards)
        exact = len(drops)
    if dedup.method == "near":
        left = [index for index in range(len(ids)) if index not in drops]
        found = near_pairs([keys[index] for index in left], dedup.threshold, guard=[guards[index] for index in left])
        pairs = [(left[one], left[other], score) for one, other, score in found]
        drops |= _near([index for index in ranked if index not in drops], ids, pairs)
    context.progress("dedup", 2, 3)
    together, cluster_facts = _clusters(said, keys, dedup)
    smallest: dict[int, str] = {}
    for index, root in enumerate(together):
        smallest[root] = min(smallest.get(root, ids[index]), ids[index])
    table = replaced(table, task, "cluster", [smallest[root] for root in together])
    table = replaced(table, task, "dup_count", _counts(table.column("dup_count").to_pylist(), ids, drops))
    kept, dropped = parted(table, task, drops)
    facts = {
        "in": len(ids),
        "kept": kept.rows,
        "exact": exact,
        "near": len(drops) - exact,
        "pairs": len(pairs),
        "dropped_by_reason": dict(sorted(Counter(drop.reason for drop in drops.values()).items())),
        **cluster_facts,
    }
    context.progress("dedup", 3, 3)
    return Rows(kept=kept, dropped=dropped, facts=facts)


def _exact(ranked: Sequence[int], ids: Sequence[str], keys: Sequence[str], guards: Sequence[str]) -> dict[int, Drop]:
    first: dict[tuple[str, str], int] = {}
    drops: dict[int, Drop] = {}
    for index in ranked:
        standing = first.setdefault((keys[index], guards[index]), index)
        if standing != index:
            drops[index] = Drop("exact duplicate", ids[standing], 1.0)
    return drops


def _near(ranked: Iterable[int], ids: Sequence[str], pairs: Sequence[Pair]) -> dict[int, Drop]:
    """Greedy, best row first: a row goes only for one that stays and is itself that much alike, never by a chain."""
    alike: defaultdict[int, list[tuple[float, int]]] = defaultdict(list)
    for one, other, score in pairs:
        alike[one].append((score, other))
        alike[other].append((score, one))
    stays: set[int] = set()
    drops: dict[int, Drop] = {}
    for index in ranked:
        twins = [(-score, ids[other], other) for score, other in alike[index] if other in stays]
        if twins:
            score, twin, _ = min(twins)
            drops[index] = Drop("near duplicate", twin, -score)
        else:
            stays.add(index)
    return drops


def _counts(before: Sequence[int | None], ids: Sequence[str], drops: dict[int, Drop]) -> list[int]:
    """`dup_count` after dropping. A twin of an exact copy may itself go as a near copy: counts travel to who stays."""
    place = {name: index for index, name in enumerate(ids)}
    counts = [value or 1 for value in before]
    own = list(counts)
    for index in drops:
        standing = index
        while standing in drops:
            standing = place[drops[standing].twin or ""]
        counts[standing] += own[index]
    return counts


_NUMBER = re.compile(
    r"[a-z]*\d[a-z0-9]*(?:[.,:/-]\d+)*"
    r"|[〇零一二两三四五六七八九十百千万亿半几]+(?=[元块个件号天次年月日斤公克米码折盒瓶包箱只双张条台套点星])"
)
_HONORIFIC = re.compile(r"[\u4e00-\u9fff]{1,2}(?=先生|女士|小姐|太太|经理|师傅|老师|同学|阿姨|大叔)")
_TITLE = re.compile(r"\b(mr|mrs|ms|miss|mx|dr|prof)\b\.?\s+[A-Za-z][a-z]+", re.IGNORECASE)
_CAPITAL = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{2,}(?: [A-Z][a-z]+)*")


def masked(text: str) -> str:
    """The match key of a text in which numbers and recognisable names are all the same."""
    text = unicodedata.normalize("NFKC", text)
    text = _CAPITAL.sub("N", _TITLE.sub(r"\1 N", _HONORIFIC.sub("N", text)))
    return match_key(_NUMBER.sub("0", text.casefold()))


def _clusters(said: Sequence[str], keys: Sequence[str], config: DedupConfig) -> tuple[list[int], dict[str, Any]]:
    """For each row the root of its cluster; copies by the higher threshold share one whatever the cap says."""
    masks = [masked(text) for text in said]
    copies = near_pairs(keys, max(config.threshold, config.cluster_threshold))
    loose = [*near_pairs(masks, config.cluster_threshold), *near_pairs(keys, config.cluster_threshold)]
    roots = clusters(len(said), [*copies, *loose])
    cap = max(2.0, config.largest_cluster * len(said))
    threshold, raised = config.cluster_threshold, 0
    while max(Counter(roots).values(), default=0) > cap and threshold < 1:
        threshold = min(1.0, threshold + 0.05)
        big = {root for root, size in Counter(roots).items() if size > cap}
        loose = [pair for pair in loose if roots[pair[0]] not in big or pair[2] >= threshold]
        raised = len(big)
        roots = clusters(len(said), [*copies, *loose])
    sizes = Counter(roots)
    return roots, {
        "clusters": len(sizes),
        "largest_cluster": max(sizes.values(), default=0),
        "clusters_over_cap": raised,
        "cluster_threshold_used": round(threshold, 2),
    }
