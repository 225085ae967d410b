"""Folds and parts that respect groups: rows that belong together never stand on two sides.

The assignment is greedy over whole groups, largest first: a group goes where its classes are missing most. Ties are
broken by a keyed hash of the group's name, so the result depends on neither row order nor Python's hash seed.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Hashable, Sequence


def keyed_order(seed: int, name: str) -> str:
    """A random-looking but reproducible sort key of `name`."""
    return hashlib.blake2b(f"{seed}\x1f{name}".encode(), digest_size=16).hexdigest()


def components(*columns: Sequence[str | None], ids: Sequence[str]) -> list[str]:
    """Rows that share a value in any column, directly or through others, form one component.

    `columns` hold one value per row, None where a row has none. Returns for every row the name of its component: the
    smallest of its members' ids, so the names do not depend on row order.
    """
    parent = list(range(len(ids)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for column in columns:
        first: dict[str, int] = {}
        for index, value in enumerate(column):
            if value is None:
                continue
            left, right = root(first.setdefault(value, index)), root(index)
            parent[max(left, right)] = min(left, right)
    smallest: dict[int, str] = {}
    roots = [root(index) for index in range(len(ids))]
    for index, name in zip(roots, ids, strict=True):
        smallest[index] = min(name, smallest.get(index, name))
    return [smallest[index] for index in roots]


def assign(groups: Sequence[str], labels: Sequence[Hashable], shares: Sequence[float], *, seed: int) -> list[int]:
    """Part of every row: whole groups, each class spread over the parts by `shares` as evenly as groups allow.

    `shares` need not sum to one; a part with share 0 stays empty. Returns one index into `shares` per row.
    """
    if not shares or min(shares) < 0 or sum(shares) <= 0:
        raise ValueError("shares must be non-negative and not all zero")
    total = sum(shares)
    share = [value / total for value in shares]
    members: dict[str, Counter[Hashable]] = {}
    for group, label in zip(groups, labels, strict=True):
        members.setdefault(group, Counter())[label] += 1
    classes = Counter(labels)
    rows = len(groups)
    held: list[Counter[Hashable]] = [Counter() for _ in share]
    filled = [0] * len(share)
    part: dict[str, int] = {}

    def missing(index: int, counts: Counter[Hashable]) -> tuple[float, float]:
        """How many rows part `index` still lacks: of the classes of this group first (rare ones weigh as much as common
        ones), of all rows second."""
        of_class = sum(
            count * (share[index] * classes[label] - held[index][label]) / classes[label]
            for label, count in counts.items()
        )
        return round(of_class, 9), share[index] * rows - filled[index]

    open_parts = [index for index, value in enumerate(share) if value > 0]
    order = {group: (-counts.total(), keyed_order(seed, group)) for group, counts in members.items()}
    for group in sorted(members, key=order.__getitem__):
        counts = members[group]
        best = max(open_parts, key=lambda index: (*missing(index, counts), -index))
        part[group] = best
        held[best].update(counts)
        filled[best] += counts.total()
    return [part[group] for group in groups]
