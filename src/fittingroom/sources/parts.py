"""Tables that grow batch by batch on disk and come out sorted, in memory that does not grow with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fittingroom.tables import Table

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

Mend = Callable[["pa.Table"], "pa.Table"]
"""A last change of rows before they are written; it keeps ids and their order."""
_HELD = 100_000
_HELD_BYTES = 256_000_000
_BUCKETS = "0123456789abcdef"


class SortedParts:
    """Takes batches in any order; `finish` gives one Parquet table sorted by `id`.

    Up to 100,000 rows (or 256 MB) are held in memory. Beyond that they go to 16 files by the first digit of the id (a
    digest, so the files are of one size), and each file is sorted by itself.
    """

    def __init__(self, folder: Path, name: str, schema: pa.Schema) -> None:
        self._path = folder / f"{name}.parquet"
        self._schema = schema
        self._held: list[pa.Table] = []
        self._count = 0
        self._bytes = 0
        self._spills: dict[str, pq.ParquetWriter] = {}
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(f"{name}*.parquet"):  # of an attempt that was killed
            left.unlink()

    def add(self, records: list[dict[str, Any]]) -> None:
        """Rows as dictionaries of the schema's columns."""
        import pyarrow as pa

        if records:
            self.take(pa.Table.from_pylist(records, schema=self._schema))

    def take(self, table: pa.Table) -> None:
        """The same, of rows that are a table already."""
        if table.num_rows:
            self._held.append(table)
            self._count += table.num_rows
            self._bytes += table.nbytes
            if self._count >= _HELD or self._bytes >= _HELD_BYTES:
                self._spill()

    def finish(self, mend: Mend | None = None) -> Table:
        """Close the files and put them together."""
        import pyarrow.parquet as pq

        if self._spills and self._held:
            self._spill()
        with pq.ParquetWriter(self._path, self._schema, compression="zstd") as writer:
            for table in self._sorted():
                writer.write_table(mend(table) if mend else table)
        return Table.read(self._path)

    def _spill(self) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        table = pa.concat_tables(self._held)
        first = pc.utf8_slice_codeunits(table.column("id"), 0, 1)
        for digit in _BUCKETS:
            if digit not in self._spills:
                path = self._path.with_name(f"{self._path.stem}.part-{digit}.parquet")
                self._spills[digit] = pq.ParquetWriter(path, self._schema, compression="zstd")
            self._spills[digit].write_table(table.filter(pc.equal(first, digit)))
        self._held, self._count, self._bytes = [], 0, 0

    def _sorted(self) -> Iterator[pa.Table]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not self._spills:
            whole = pa.concat_tables(self._held) if self._held else self._schema.empty_table()
            yield whole.sort_by("id")
            return
        for digit in _BUCKETS:
            path = Path(self._spills[digit].where)
            self._spills[digit].close()
            yield pq.read_table(path, schema=self._schema).sort_by("id")
            path.unlink()


class SideTable:
    """Rows whose columns are only known when all sources of a role are read: goods, events."""

    def __init__(self, folder: Path, name: str) -> None:
        import pyarrow as pa

        cell = pa.struct([("name", pa.string()), ("value", pa.string())])
        head = [("source", pa.string()), ("row_key", pa.string()), ("group", pa.string())]
        self._head = [("id", pa.string()), *head, ("time", pa.timestamp("us", tz="UTC"))]
        self._parts = SortedParts(folder, f"{name}-cells", pa.schema([*self._head, ("cells", pa.list_(cell))]))
        self._path = folder / f"{name}.parquet"
        self._names: set[str] = set()

    def add(self, records: list[dict[str, Any]], cells: list[dict[str, str | None]]) -> None:
        """`records` with id, source, row_key, group and time; `cells` with the values beside them."""
        for record, values in zip(records, cells, strict=True):
            self._names.update(values)
            record["cells"] = [{"name": name, "value": value} for name, value in values.items()]
        self._parts.add(records)

    def finish(self, mend: Mend | None = None) -> Table:
        """id, source, row_key, group, time, and every column that any source had, in alphabetical order."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        taken = {name for name, _ in self._head}
        names = sorted(self._names)
        shown = [f"{name}_" if name in taken else name for name in names]
        schema = pa.schema([*self._head, *((name, pa.string()) for name in shown)])
        long = self._parts.finish(mend)
        with pq.ParquetWriter(self._path, schema, compression="zstd") as writer:
            for batch in long.batches():
                wide = [{cell["name"]: cell["value"] for cell in row} for row in batch.column("cells").to_pylist()]
                head = [batch.column(name) for name, _ in self._head]
                columns = [pa.array([row.get(name) for row in wide], pa.string()) for name in names]
                writer.write_table(pa.Table.from_arrays([*head, *columns], schema=schema))
        return Table.read(self._path)
