"""Folds and parts that respect groups: rows that belong together never stand on two sides.

The assignment is greedy over whole groups, largest first: a group goes where its classes are missing most. Ties are
broken by a keyed hash of the group's name, so the result depends on neither row order nor Python's hash seed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


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


def connected(count: int, edges: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of the connected component of each of `count` nodes that `edges` [e, 2] tie together."""
    import numpy as np
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(edges), dtype=np.bool_), (edges[:, 0], edges[:, 1])), shape=(count, count))
    labels: NDArray[np.int64] = connected_components(graph.tocsr(), directed=False)[1]
    return labels


def first_of_component(component: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each row the first row of its component."""
    import numpy as np

    rows = len(component)
    first = np.empty(int(component.max(initial=-1)) + 1, dtype=np.int64)
    first[component[::-1]] = np.arange(rows - 1, -1, -1)  # the last one written is the smallest
    found: NDArray[np.int64] = first[component]
    return found


def tied(columns: Sequence[NDArray[np.int64]], rows: int) -> NDArray[np.int64]:
    """The same for tables that are large: `columns` hold a number per row, negative where a row has no value. Returns
    for every row [n] the first row of its component.
    """
    import numpy as np

    edges = [np.empty((0, 2), dtype=np.int64)]
    for column in columns:
        order = np.argsort(column, kind="stable")
        ranked = column[order]
        same = (ranked[1:] == ranked[:-1]) & (ranked[1:] >= 0)
        edges.append(np.column_stack([order[:-1][same], order[1:][same]]))
    return first_of_component(connected(rows, np.concatenate(edges)))


def keyed_ranks(seed: int, names: Sequence[str]) -> NDArray[np.uint64]:
    """`keyed_order` of many names as numbers [n, 2], of which the first weighs more."""
    import numpy as np

    digests = b"".join(hashlib.blake2b(f"{seed}\x1f{name}".encode(), digest_size=16).digest() for name in names)
    return np.frombuffer(digests, dtype=">u8").astype(np.uint64).reshape(-1, 2)


def assign(groups: Sequence[str], labels: Sequence[Hashable], shares: Sequence[float], *, seed: int) -> list[int]:
    """Part of every row: whole groups, each class spread over the parts by `shares` as evenly as groups allow.

    `shares` need not sum to one; a part with share 0 stays empty. Returns one index into `shares` per row.
    """
    import numpy as np

    names: dict[str, int] = {}
    classes: dict[Hashable, int] = {}
    of_group = np.array([names.setdefault(name, len(names)) for name in groups], dtype=np.int64)
    of_class = np.array([classes.setdefault(label, len(classes)) for label in labels], dtype=np.int64)
    part: list[int] = apportion(of_group, of_class, shares, keyed_ranks(seed, list(names)))[of_group].tolist()
    return part


def apportion(
    groups: NDArray[np.int64], labels: NDArray[np.int64], shares: Sequence[float], ranks: NDArray[np.uint64]
) -> NDArray[np.int8]:
    """Part of every group [g]. `groups` and `labels` [n] number the group and the class of each row from 0; of groups
    of one size those with the smaller `ranks` [g, 2] are placed first. Takes some 10 microseconds per group.
    """
    import numpy as np

    if not shares or min(shares) < 0 or sum(shares) <= 0:
        raise ValueError("shares must be non-negative and not all zero")
    share = [value / sum(shares) for value in shares]
    parts = [index for index, value in enumerate(share) if value > 0]
    part = np.zeros(len(ranks), dtype=np.int8)
    if not len(groups):
        return part
    width = int(labels.max()) + 1
    cells, counts = np.unique(groups * width + labels, return_counts=True)
    starts = np.searchsorted(cells // width, np.arange(len(ranks) + 1))
    sizes = np.bincount(groups, minlength=len(ranks))
    of_class: list[int] = np.bincount(labels, minlength=width).tolist()
    held = [[0] * width for _ in share]
    filled = [0] * len(share)
    for group in np.lexsort((ranks[:, 1], ranks[:, 0], -sizes)):
        mine = slice(starts[group], starts[group + 1])
        rows = list(zip((cells[mine] % width).tolist(), counts[mine].tolist(), strict=True))
        best, most = -1, (float("-inf"), float("-inf"))
        for index in parts:
            # How many rows the part still lacks: of the classes of this group first (rare ones weigh as much as common
            # ones), of all rows second.
            wanted, own = share[index], held[index]
            lacks = sum(count * (wanted * of_class[name] - own[name]) / of_class[name] for name, count in rows)
            missing = (round(lacks, 9), wanted * len(groups) - filled[index])
            if missing > most:
                best, most = index, missing
        part[group] = best
        for name, count in rows:
            held[best][name] += count
            filled[best] += count
    return part
