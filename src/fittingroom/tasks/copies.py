"""Which rows are copies of which: exact ones by digest, near ones by MinHash and an exact check; the best row stays."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.leaving import Gone, placed
from fittingroom.tasks.rows import labels
from fittingroom.tasks.wordings import Wordings, first_of_equal
from fittingroom.text.bands import Bands
from fittingroom.text.similarity import alike

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

EXACT, NEAR = "exact duplicate", "near duplicate"


class Marked:
    """What decides between copies, by position of the row: annotations, length, label; and the ids."""

    def __init__(self, table: Table, task: TaskConfig, said: Wordings) -> None:
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        self.codes: dict[str, int] = {}
        """Label -> its number in `label`."""
        ids: list[pa.Array] = []
        self.label: NDArray[np.uint64] = np.empty(said.rows, dtype=np.uint64)
        self.counts: NDArray[np.int64] = np.empty(said.rows, dtype=np.int64)
        """`dup_count` as it came."""
        votes = np.empty(said.rows, dtype=np.int64)
        for part, rows in placed(table):
            ids += rows.column("id").chunks
            votes[part] = pc.fill_null(pc.list_value_length(rows.column("annotations")), 0)
            self.counts[part] = pc.fill_null(rows.column("dup_count"), 1)
            self.label[part] = [self.codes.setdefault(name, len(self.codes)) for name in labels(rows, task)]
        self.ids: pa.ChunkedArray = pa.chunked_array(ids, pa.string())
        self.order: NDArray[np.int64] = np.lexsort((-said.lengths, -votes))
        """Rows in the order in which they stay: most annotations, longest text, smallest id (rows are sorted by id)."""


def exact_copies(marked: Marked, said: Wordings, gone: Gone) -> None:
    """Of rows with the same key, guard and label that are there still, the best one stays."""
    import numpy as np

    order = marked.order[gone.stays[marked.order]]
    same = np.column_stack([said.keys, said.guards, marked.label])[order]
    first, numbers = first_of_equal(same)
    standing = order[first[numbers]]
    copies = standing != order
    gone.drop(order[copies], EXACT, standing[copies], 1.0)


def near_copies(
    marked: Marked,
    said: Wordings,
    place: NDArray[np.int64],
    bands: Bands,
    threshold: float,
    gone: Gone,
) -> int:
    """Mark near copies among the rows that stay; how many pairs there are. `place`: row -> position in `bands`, or -1.

    Greedy, best row first: a row goes only for one that stays and is itself that much alike, never by a chain.
    """
    import numpy as np

    rank = np.empty(said.rows, dtype=np.int64)
    rank[marked.order] = np.arange(said.rows)
    left = np.flatnonzero(gone.stays & (place >= 0))
    marks = said.guards[left, 0] ^ (said.guards[left, 1] << np.uint64(1)) ^ (marked.label[left] << np.uint64(32))
    found = left[bands.candidates(threshold, entries=place[left], marks=marks, rank=rank[left])]
    # Marks of 64 bits can fall together by chance; meaning must not: the whole of it is compared.
    one, other = found.T
    same = (said.guards[one] == said.guards[other]).all(axis=1) & (marked.label[one] == marked.label[other])
    pairs, scores = alike(found[same], lambda rows: said.read("key", rows), threshold)
    neighbours: defaultdict[int, list[tuple[float, int]]] = defaultdict(list)
    for (first, second), score in zip(pairs.tolist(), scores.tolist(), strict=True):
        neighbours[first].append((-score, second))
        neighbours[second].append((-score, first))
    stays: set[int] = set()
    for row in sorted(neighbours, key=rank.__getitem__):
        # Rows are sorted by id: of twins that are equally alike, the smaller position is the smaller id.
        twin = min(((score, other) for score, other in neighbours[row] if other in stays), default=None)
        if twin is None:
            stays.add(row)
        else:
            gone.drop(row, NEAR, twin[1], -twin[0])
    return len(pairs)


def counted(before: NDArray[np.int64], gone: Gone) -> NDArray[np.int64]:
    """`dup_count` after dropping. A twin of an exact copy may itself go as a near copy: counts travel to who stays; a
    row that goes keeps what it stood for itself. A twin beyond the table is none of its rows.
    """
    import numpy as np

    went = np.flatnonzero(~gone.stays & (gone.twin < len(before)))
    standing = gone.twin[went]
    while (moving := gone.reason[standing] > 0).any():
        standing = np.where(moving, gone.twin[standing], standing)
    counts = before.copy()
    np.add.at(counts, standing, before[went])
    return counts
