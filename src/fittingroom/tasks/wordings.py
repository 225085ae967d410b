"""What every row of a table says, as it is compared: match keys, masks and guards, spooled to disk.

`label` looks here for equal texts with different labels, `dedup` for copies and for what belongs together. Strings lie
in an Arrow file and are read where they are asked for; what is held per row are digests and a length.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fittingroom.engine import Context
from fittingroom.tables import Table
from fittingroom.tasks.config import QUESTION, TaskConfig
from fittingroom.tasks.rows import texts
from fittingroom.text.bands import Bands, sketched
from fittingroom.text.masking import wording

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

BATCH = 20_000
"""Rows of a batch, and strings of a sketching task."""
KEY, MASK = 1, 2
"""What a wording is: the key of a row, its mask, or (both bits) each for some row."""


class Wordings:
    """The rows' match keys, masks and guards by position. A context manager: its folder goes with it."""

    def __init__(self, table: Table, task: TaskConfig, folder: Path, context: Context, *, what: str) -> None:
        import numpy as np
        import pyarrow as pa

        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.folder, self._context = folder, context
        self.rows = table.rows
        self.lengths: NDArray[np.int32] = np.empty(self.rows, dtype=np.int32)
        """Characters of each row's text."""
        self.keys: NDArray[np.uint64] = np.empty((self.rows, 2), dtype=np.uint64)
        """Digest of each row's match key."""
        self.masks: NDArray[np.uint64] = np.empty((self.rows, 2), dtype=np.uint64)
        """Digest of each row's mask; where it has no numbers or names, that of its key."""
        self.guards: NDArray[np.uint64] = np.empty((self.rows, 2), dtype=np.uint64)
        """Digest of what distinguishes near copies in each row: its numbers and negations."""
        path = folder / "wordings.arrow"
        done = 0
        with pa.ipc.new_file(path, _schema()) as writer:
            for batch in context.map(_worded, ((texts(part, task), _asked(part, task)) for part in _slices(table))):
                stop = done + batch.num_rows
                self.lengths[done:stop] = batch.column("length")
                for held, name in ((self.keys, "key"), (self.masks, "mask"), (self.guards, "guard")):
                    held[done:stop] = _digests(batch.column(f"{name}_digest"))
                writer.write_batch(batch.select(_schema().names))
                done = stop
                context.progress(what, done, self.rows)
        # Read batch by batch, not mapped: pages of a mapped file count as memory of the process.
        self._file = pa.ipc.open_file(pa.OSFile(str(path)))

    def __enter__(self) -> Wordings:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.folder)

    def read(self, column: Literal["key", "mask", "guard"], rows: NDArray[np.int64]) -> list[str]:
        """The strings of rows, in the order given. A mask that equals the key is read as the key."""
        import numpy as np
        import pyarrow as pa

        order = np.argsort(rows, kind="stable")
        found: list[str] = [""] * len(rows)
        edges = np.searchsorted(rows[order], np.arange(0, self.rows + BATCH, BATCH))
        for number in range(len(edges) - 1):
            places = order[edges[number] : edges[number + 1]]
            if len(places):
                batch, wanted = self._file.get_batch(number), pa.array(rows[places] - number * BATCH)
                values = batch.column(column).take(wanted).to_pylist()
                if column == "mask":
                    keys = batch.column("key").take(wanted).to_pylist()
                    values = [key if value is None else value for value, key in zip(values, keys, strict=True)]
                for place, value in zip(places.tolist(), values, strict=True):
                    found[place] = value
        return found

    def sketch(self, bands: Bands, column: Literal["key", "mask"], rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Add the strings of `rows` (rising) to `bands`; the position of each there, -1 for one too short to be like
        another.
        """
        import numpy as np

        places: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
        pieces = (rows[start : start + BATCH] for start in range(0, len(rows), BATCH))
        for sketch in self._context.map(sketched, ((self.read(column, piece),) for piece in pieces)):
            own = np.full(len(sketch.long), -1, dtype=np.int64)
            own[sketch.long] = np.arange(bands.count, bands.count + len(sketch.sizes))
            bands.keep(sketch)
            places.append(own)
        return np.concatenate(places)


class Distinct:
    """The different wordings of a table, keys and masks; equal strings have one number, in the order of first rows."""

    def __init__(self, said: Wordings) -> None:
        import numpy as np

        self._said = said
        self._mask_rows = np.flatnonzero((said.masks != said.keys).any(axis=1))
        self._first, numbers = first_of_equal(np.concatenate([said.keys, said.masks[self._mask_rows]]))
        self.count = len(self._first)
        self.of_key: NDArray[np.int64] = numbers[: said.rows]
        """Row -> number of its key."""
        self.of_mask: NDArray[np.int64] = self.of_key.copy()
        """Row -> number of its mask."""
        self.of_mask[self._mask_rows] = numbers[said.rows :]
        self.kinds: NDArray[np.uint8] = np.zeros(self.count, dtype=np.uint8)
        """Number -> KEY, MASK or both."""
        self.kinds[self.of_key] |= KEY
        self.kinds[self.of_mask] |= MASK

    def sketch(self, bands: Bands) -> NDArray[np.int64]:
        """Add every wording that is long enough to `bands`; number -> position there, -1 where it is too short."""
        import numpy as np

        keys = self._first < self._said.rows
        return np.concatenate(
            [
                self._said.sketch(bands, "key", self._first[keys]),
                self._said.sketch(bands, "mask", self._mask_rows[self._first[~keys] - self._said.rows]),
            ]
        )

    def read(self, numbers: NDArray[np.int64]) -> list[str]:
        """The wordings of these numbers."""
        import numpy as np

        first = self._first[numbers]
        keys = first < self._said.rows
        found = np.empty(len(numbers), dtype=object)
        found[keys] = self._said.read("key", first[keys])
        found[~keys] = self._said.read("mask", self._mask_rows[first[~keys] - self._said.rows])
        return list(found)


def first_of_equal(digests: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of digests [n, k]: the first index of each different one, rising, and for every index the number of its like."""
    import numpy as np

    if not len(digests):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    order = np.lexsort(digests.T)
    ranked = digests[order]
    starts = np.concatenate([[True], (ranked[1:] != ranked[:-1]).any(axis=1)])
    first = order[starts]  # the sort is stable: the first of a run of equals has the smallest index
    renumbered = np.empty(len(first), dtype=np.int64)
    renumbered[np.argsort(first, kind="stable")] = np.arange(len(first))
    numbers = np.empty(len(digests), dtype=np.int64)
    numbers[order] = renumbered[np.cumsum(starts) - 1]
    return np.sort(first), numbers


def _slices(table: Table) -> Iterator[pa.RecordBatch]:
    """Batches of exactly `BATCH` rows (the last may be shorter), of the columns that hold the text."""
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    count = 0
    for batch in table.batches(BATCH):
        held.append(batch)
        count += batch.num_rows
        while count >= BATCH:
            whole = pa.Table.from_batches(held).combine_chunks()
            yield whole.slice(0, BATCH)
            rest = whole.slice(BATCH)
            held, count = rest.to_batches(), rest.num_rows
    if count:
        yield pa.Table.from_batches(held).combine_chunks()


def _schema() -> pa.Schema:
    import pyarrow as pa

    return pa.schema([("key", pa.string()), ("mask", pa.string()), ("guard", pa.string())])


def _asked(part: pa.RecordBatch, task: TaskConfig) -> list[str] | None:
    """What each row is asked; None where all are asked the same."""
    import pyarrow.compute as pc

    return pc.struct_field(part.column("input"), QUESTION).to_pylist() if task.questions else None


def _worded(said: Sequence[str], asked: Sequence[str] | None = None) -> pa.RecordBatch:
    """What is compared of each text. Pure, so that it can be done anywhere.

    `asked`: rows that are asked different questions are no copies, however alike their texts are.
    """
    import pyarrow as pa

    keys, masks, guards = zip(*map(wording, said), strict=True)
    if asked is not None:
        guards = tuple(f"{guard}\0{question}" for guard, question in zip(guards, asked, strict=True))
    digests = [pa.array([_digest(value) for value in column], pa.binary(16)) for column in (keys, masks, guards)]
    others = [None if mask == key else mask for mask, key in zip(masks, keys, strict=True)]
    strings = [pa.array(column, pa.string()) for column in (keys, others, guards)]
    return pa.RecordBatch.from_arrays(
        [*strings, *digests, pa.array([len(text) for text in said], pa.int32())],
        names=["key", "mask", "guard", "key_digest", "mask_digest", "guard_digest", "length"],
    )


def _digest(value: str) -> bytes:
    return hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _digests(column: Any) -> NDArray[np.uint64]:
    """A column of 16-byte digests as [n, 2] numbers."""
    import numpy as np

    return np.frombuffer(b"".join(column.to_pylist()), dtype="<u8").reshape(-1, 2)
