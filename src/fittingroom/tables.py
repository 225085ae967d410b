"""Table: the one datum that flows between stages, an immutable Arrow table in memory or in Parquet files.

A table's digest is an order-free combination of canonical row hashes plus the schema, never of file bytes or names: the
same rows in another order, or written by another Parquet writer, are the same table.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

_HASH_BATCH = 50_000


class Table:
    """Rows of one schema. Reading is lazy: `frame()` for polars, `arrow()` for Arrow, `batches()` to stream."""

    def __init__(self, *, arrow: pa.Table | None = None, path: Path | None = None) -> None:
        """Use `Table.of`, `Table.records` or `Table.read` instead."""
        if (arrow is None) == (path is None):
            raise ValueError("a Table has either rows in memory or a path")
        self._arrow = arrow
        self._path = path

    @classmethod
    def of(cls, rows: pa.Table | pl.DataFrame) -> Table:
        """From an Arrow table or a polars frame."""
        import pyarrow as pa

        return cls(arrow=rows if isinstance(rows, pa.Table) else rows.to_arrow(compat_level=_compat()))

    @classmethod
    def records(cls, records: Sequence[dict[str, Any]], schema: pa.Schema) -> Table:
        """From plain dictionaries, for small tables and tests."""
        import pyarrow as pa

        return cls(arrow=pa.Table.from_pylist(list(records), schema=schema))

    @classmethod
    def read(cls, path: Path) -> Table:
        """A Parquet file that stays on disk until it is asked for."""
        return cls(path=path)

    def arrow(self) -> pa.Table:
        """All rows as an Arrow table."""
        if self._arrow is not None:
            return self._arrow
        import pyarrow.parquet as pq

        return pq.read_table(self._path)

    def frame(self) -> pl.DataFrame:
        """All rows as a polars frame."""
        import polars as pl

        frame = pl.from_arrow(self.arrow())
        assert isinstance(frame, pl.DataFrame)
        return frame

    def lazy(self) -> pl.LazyFrame:
        """A lazy frame: a Parquet file is scanned, not loaded."""
        import polars as pl

        return pl.scan_parquet(self._path) if self._path is not None else self.frame().lazy()

    def batches(self, rows: int = _HASH_BATCH) -> Iterator[pa.RecordBatch]:
        """Arrow batches of at most `rows` rows, in stored order."""
        if self._arrow is not None:
            yield from self._arrow.to_batches(max_chunksize=rows)
            return
        import pyarrow.parquet as pq

        with pq.ParquetFile(self._path) as file:
            yield from file.iter_batches(batch_size=rows)

    def column(self, name: str) -> pa.ChunkedArray:
        """One column of all rows; of a file only that column is read."""
        if self._arrow is not None:
            return self._arrow.column(name)
        import pyarrow.parquet as pq

        return pq.read_table(self._path, columns=[name]).column(name)

    def dicts(self) -> list[dict[str, Any]]:
        """All rows as dictionaries; for small tables."""
        return list(self.arrow().to_pylist())

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema."""
        if self._arrow is not None:
            return self._arrow.schema
        import pyarrow.parquet as pq

        return pq.read_schema(self._path)

    @property
    def columns(self) -> list[str]:
        """Column names."""
        return list(self.schema.names)

    @cached_property
    def rows(self) -> int:
        """Number of rows."""
        if self._arrow is not None:
            return int(self._arrow.num_rows)
        import pyarrow.parquet as pq

        return int(pq.read_metadata(self._path).num_rows)

    def __len__(self) -> int:
        return self.rows

    def write(self, path: Path) -> None:
        """Write as Parquet."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if self._path is not None:
            shutil.copyfile(self._path, path)
            return
        import pyarrow.parquet as pq

        pq.write_table(self.arrow(), path, compression="zstd")

    @cached_property
    def digest(self) -> str:
        """Order-free digest: BLAKE2b-256 of each row's canonical JSON, summed in four 64-bit lanes, plus the schema.

        Sums (not XOR) keep the multiplicity of equal rows.
        """
        import numpy as np
        import polars as pl

        total = np.zeros(4, dtype=np.uint64)
        rows = 0
        for batch in self.batches():
            frame = pl.from_arrow(batch)
            assert isinstance(frame, pl.DataFrame)
            if not frame.height:
                continue
            lines = frame.select(sorted(frame.columns)).write_ndjson().encode().splitlines()
            hashes = b"".join(hashlib.blake2b(line, digest_size=32).digest() for line in lines)
            total += np.frombuffer(hashes, dtype="<u8").reshape(-1, 4).sum(axis=0, dtype=np.uint64)
            rows += frame.height
        seal = hashlib.blake2b(digest_size=16)
        seal.update(_canonical_schema(self.schema).encode())
        seal.update(str(rows).encode())
        seal.update(total.astype("<u8").tobytes())
        return seal.hexdigest()


class Writer:
    """A table that grows batch by batch in a Parquet file, in memory that does not grow with it. A context manager."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        import pyarrow.parquet as pq

        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._schema = path, schema
        self._file = pq.ParquetWriter(path, schema, compression="zstd")

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, rows: pa.Table) -> None:
        """Add rows; columns are cast to the schema."""
        if rows.num_rows:
            self._file.write_table(rows.cast(self._schema))

    def table(self) -> Table:
        """What was written; after the end of the context."""
        return Table.read(self._path)


def _canonical_schema(schema: pa.Schema) -> str:
    """Names and types, without the difference of string widths that writers choose for themselves."""
    fields = sorted(f"{field.name}:{field.type}" for field in schema)
    return ";".join(fields).replace("large_", "").replace("string_view", "string").replace("item:", "element:")


def _compat() -> Any:
    """Plain Arrow strings (no views), which every reader understands."""
    import polars as pl

    return pl.CompatLevel.oldest()
