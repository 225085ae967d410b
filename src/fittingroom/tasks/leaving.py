"""Rows that go: why, for which other row, and the streaming of a table into what stays and what went."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fittingroom.engine import Context
from fittingroom.tables import Table, Writer
from fittingroom.tasks.config import TaskConfig
from fittingroom.types import dropped_schema, row_schema

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


class Gone:
    """Per row, by position: why it goes (0: it stays), the row that speaks against it, and a score."""

    def __init__(self, rows: int, reasons: Sequence[str]) -> None:
        import numpy as np

        self._names = ["", *reasons]
        self.reason: NDArray[np.uint8] = np.zeros(rows, dtype=np.uint8)
        """Place of the reason in the list, counted from 1."""
        self.twin: NDArray[np.int64] = np.full(rows, -1, dtype=np.int64)
        """Position of the other row; -1 for none."""
        self.score: NDArray[np.float64] = np.full(rows, np.nan)
        """Not a number where there is none."""

    def drop(
        self,
        rows: NDArray[np.int64] | int,
        reason: str,
        twin: NDArray[np.int64] | int = -1,
        score: NDArray[np.float64] | float | None = None,
    ) -> None:
        """Let rows go."""
        self.reason[rows] = self._names.index(reason)
        self.twin[rows] = twin
        self.score[rows] = float("nan") if score is None else score

    @property
    def stays(self) -> NDArray[np.bool_]:
        """Whether each row stays."""
        stays: NDArray[np.bool_] = self.reason == 0
        return stays

    def by_reason(self) -> dict[str, int]:
        """How many rows go, by reason; a reason that nothing goes for is left out."""
        counts = {name: int((self.reason == code).sum()) for code, name in enumerate(self._names) if code}
        return {name: count for name, count in sorted(counts.items()) if count}

    def told(self, part: slice, ids: pa.ChunkedArray) -> dict[str, pa.Array | pa.ChunkedArray]:
        """The columns `reason`, `twin` and `score` of a run of rows."""
        import numpy as np
        import pyarrow as pa

        twins = self.twin[part]
        return {
            "reason": pa.array([self._names[code] or None for code in self.reason[part].tolist()], pa.string()),
            "twin": ids.take(pa.array(twins, mask=twins < 0)),
            "score": pa.array(self.score[part], mask=np.isnan(self.score[part])),
        }


Change = Callable[["pa.Table", slice], "pa.Table"]
"""(rows, their positions) -> the same rows with other values."""


def placed(table: Table) -> Iterator[tuple[slice, pa.Table]]:
    """A table batch by batch, each with the positions of its rows."""
    import pyarrow as pa

    start = 0
    for batch in table.batches():
        yield slice(start, start + batch.num_rows), pa.Table.from_batches([batch])
        start += batch.num_rows


def parted(
    table: Table, task: TaskConfig, context: Context, gone: Gone, ids: pa.ChunkedArray, change: Change
) -> tuple[Table, Table]:
    """Kept and dropped rows after `change`: every row lands in exactly one of the two, in the order of the table.

    Both are streamed to files of their own in the action's scratch folder.
    """
    import pyarrow as pa

    schema = row_schema(task.input, task.target)
    folder = Path(tempfile.mkdtemp(prefix="parted-", dir=context.scratch))
    with (
        Writer(folder / "kept.parquet", schema) as kept,
        Writer(folder / "dropped.parquet", dropped_schema(schema)) as dropped,
    ):
        for part, found in placed(table):
            rows = change(found, part)
            stays = gone.stays[part]
            kept.write(rows.filter(pa.array(stays)))
            if not stays.all():
                for name, values in gone.told(part, ids).items():
                    rows = rows.append_column(name, values)
                dropped.write(rows.filter(pa.array(~stays)))
    return kept.table(), dropped.table()


def with_column(rows: pa.Table, column: str, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    """The rows with one column changed."""
    return rows.set_column(rows.schema.get_field_index(column), column, values)
