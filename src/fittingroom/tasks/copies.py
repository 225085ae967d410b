"""Which rows are copies of which: exact ones by digest, near ones by MinHash and an exact check; the best row stays."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.rows import labels
from fittingroom.tasks.wordings import Wordings, first_of_equal
from fittingroom.text.bands import Bands
from fittingroom.text.similarity import alike

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

EXACT, NEAR = 1, 2
REASONS = {EXACT: "exact duplicate", NEAR: "near duplicate"}


class Marked:
    """What decides between copies, by position of the row: annotations, length, label; and the ids."""

    def __init__(self, table: Table, task: TaskConfig, said: Wordings) -> None:
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        self._codes: dict[str, int] = {}
        ids: list[pa.Array] = []
        self.label: NDArray[np.uint64] = np.empty(said.rows, dtype=np.uint64)
        self.counts: NDArray[np.int64] = np.empty(said.rows, dtype=np.int64)
        """`dup_count` as it came."""
        votes = np.empty(said.rows, dtype=np.int64)
        for start, batch in _placed(table):
            part = slice(start, start + batch.num_rows)
            ids.append(batch.column("id"))
            votes[part] = pc.fill_null(pc.list_value_length(batch.column("annotations")), 0)
            self.counts[part] = pc.fill_null(batch.column("dup_count"), 1)
            named = labels(pa.Table.from_batches([batch]), task)
            self.label[part] = [self._codes.setdefault(name, len(self._codes)) for name in named]
        self.ids: pa.ChunkedArray = pa.chunked_array(ids, pa.string())
        self.order: NDArray[np.int64] = np.lexsort((-said.lengths, -votes))
        """Rows in the order in which they stay: most annotations, longest text, smallest id (rows are sorted by id)."""


@dataclass
class Gone:
    """Per row: why it goes (0: it stays), for which row, and how much alike the two are."""

    reason: NDArray[np.uint8]
    twin: NDArray[np.int64]
    score: NDArray[np.float64]

    @classmethod
    def none(cls, rows: int) -> Gone:
        """Every row stays."""
        import numpy as np

        return cls(np.zeros(rows, dtype=np.uint8), np.full(rows, -1, dtype=np.int64), np.ones(rows))

    def by_reason(self) -> dict[str, int]:
        """How many rows go, by reason; a reason that nothing goes for is left out."""
        counts = {name: int((self.reason == code).sum()) for code, name in REASONS.items()}
        return {name: count for name, count in counts.items() if count}

    def counts(self, before: NDArray[np.int64]) -> NDArray[np.int64]:
        """`dup_count` after dropping. A twin of an exact copy may itself go as a near copy: counts travel to who
        stays; a row that goes keeps what it stood for itself.
        """
        import numpy as np

        gone = np.flatnonzero(self.reason)
        standing = self.twin[gone]
        while (moving := self.reason[standing] > 0).any():
            standing = np.where(moving, self.twin[standing], standing)
        counts = before.copy()
        np.add.at(counts, standing, before[gone])
        return counts


def exact_copies(marked: Marked, said: Wordings) -> Gone:
    """Of rows with the same key, guard and label the best one stays."""
    import numpy as np

    gone = Gone.none(said.rows)
    same = np.column_stack([said.keys, said.guards, marked.label])[marked.order]
    first, numbers = first_of_equal(same)
    standing = marked.order[first[numbers]]
    copies = standing != marked.order
    gone.reason[marked.order[copies]] = EXACT
    gone.twin[marked.order[copies]] = standing[copies]
    return gone


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
    left = np.flatnonzero((gone.reason == 0) & (place >= 0))
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
            gone.reason[row], gone.score[row], gone.twin[row] = NEAR, -twin[0], twin[1]
    return len(pairs)


def _placed(table: Table) -> Iterator[tuple[int, Any]]:
    """Batches with the position of their first row."""
    start = 0
    for batch in table.batches():
        yield start, batch
        start += batch.num_rows
