"""Rows that are known already: copies of a reference (an earlier delivery, another data set, a test set) go."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fittingroom.engine import Context
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.copies import Marked
from fittingroom.tasks.leaving import Gone, placed
from fittingroom.tasks.rows import in_order, targets
from fittingroom.tasks.wordings import Wordings, first_of_equal
from fittingroom.text.bands import Bands
from fittingroom.text.similarity import alike

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

REFERENCE = "reference"
"""Name of the side table."""
KNOWN = "copy of a reference row"
_ANY = -1
"""The label of a reference row that has none: it may be a copy of a row of any label."""


class Reference:
    """What was there before. A context manager: what it spools to disk goes with it.

    Its rows are named by positions that follow those of the rows which are looked through.
    """

    def __init__(self, table: Table, task: TaskConfig, folder: Path, context: Context, marked: Marked) -> None:
        import numpy as np

        table = in_order(table, task)
        self.said = Wordings(table, task, folder, context, what="reference")
        self.label: NDArray[np.int64] = np.empty(table.rows, dtype=np.int64)
        ids: list[pa.Array] = []
        unknown = len(marked.codes)
        for part, rows in placed(table):
            ids += rows.column("id").chunks
            found = targets(rows, task)
            self.label[part] = [_ANY if name is None else marked.codes.get(name, unknown) for name in found]
        self._ids: list[pa.Array] = ids
        self.rows = table.rows

    def after(self, ids: pa.ChunkedArray) -> pa.ChunkedArray:
        """These ids, and behind them those of the reference."""
        import pyarrow as pa

        return pa.chunked_array([*ids.chunks, *self._ids], pa.string())

    def __enter__(self) -> Reference:
        return self

    def __exit__(self, *told: object) -> None:
        self.said.__exit__(*told)

    def exact(self, marked: Marked, said: Wordings, gone: Gone) -> None:
        """Rows with the key, the guard and (where the reference has one) the label of a reference row go."""
        import numpy as np

        left = np.flatnonzero(gone.stays)
        rows = np.column_stack([said.keys, said.guards, marked.label])[left]
        known = np.column_stack([self.said.keys, self.said.guards, self.label.astype(np.uint64)])
        free = self.label == _ANY
        found = np.minimum(_first_like(rows[:, :4], known[:, :4], free), _first_like(rows, known, ~free))
        copies = found < self.said.rows
        gone.drop(left[copies], KNOWN, said.rows + found[copies], 1.0)

    def near(
        self, marked: Marked, said: Wordings, place: NDArray[np.int64], bands: Bands, threshold: float, gone: Gone
    ) -> None:
        """Rows go that are as much alike a reference row as copies are, of the same numbers, negations and (where it
        is known) label. `place`: row -> position in `bands`, or -1; the reference is added to them.
        """
        import numpy as np

        once, _ = first_of_equal(np.column_stack([self.said.keys, self.said.guards, self.label.astype(np.uint64)]))
        own = self.said.sketch(bands, "key", once)
        old, own = once[own >= 0], own[own >= 0]
        left = np.flatnonzero(gone.stays & (place >= 0))
        both = np.concatenate([left, said.rows + old])
        guards = np.concatenate([said.guards[left], self.said.guards[old]])
        pairs = bands.candidates(
            threshold,
            entries=np.concatenate([place[left], own]),
            marks=guards[:, 0] ^ (guards[:, 1] << np.uint64(1)),
            rank=np.concatenate([np.arange(len(left)) + len(old), np.arange(len(old))]),
            sides=np.arange(len(both)) >= len(left),
        )
        rows, others = both[pairs].T
        label = self.label[others - said.rows]
        same = (said.guards[rows] == self.said.guards[others - said.rows]).all(axis=1)
        same &= (label == _ANY) | (label == marked.label[rows].astype(np.int64))

        def keys(wanted: NDArray[np.int64]) -> list[str]:
            edge = np.searchsorted(wanted, said.rows)
            return [*said.read("key", wanted[:edge]), *self.said.read("key", wanted[edge:] - said.rows)]

        found, scores = alike(both[pairs][same], keys, threshold)
        # The most alike of every row; of equally alike ones the smaller id.
        order = np.lexsort((found[:, 1], -scores, found[:, 0]))
        rows, where = np.unique(found[order, 0], return_index=True)
        gone.drop(rows, KNOWN, found[order[where], 1], scores[order[where]])


def _first_like(rows: NDArray[np.uint64], known: NDArray[np.uint64], looked_at: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each of `rows` [n, k] the first of `known` [m, k] that equals it, of those looked at; m where none does."""
    import numpy as np

    places = np.flatnonzero(looked_at)
    first, numbers = first_of_equal(np.concatenate([known[places], rows]))
    found = first[numbers[len(places) :]]
    met = found < len(places)
    out = np.full(len(rows), len(known), dtype=np.int64)
    out[met] = places[found[met]]
    return out
