"""Parquet files. Nested columns are reached with dots; lists become JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fittingroom.engine import Context
from fittingroom.errors import SourceError
from fittingroom.sources.batching import LINE, as_text
from fittingroom.sources.config import ParquetSource
from fittingroom.sources.files import BATCH, Reject, digest, locate

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq


def check(config: ParquetSource, context: Context) -> None:
    """The file is there and is Parquet."""
    _open(config, context).close()


def fingerprint(config: ParquetSource, context: Context) -> str:
    """Digest of the file's bytes."""
    return digest(config.path, context)


def size(config: ParquetSource, context: Context) -> int:
    """The number of rows, from the file's own account."""
    with _open(config, context) as file:
        return int(file.metadata.num_rows)


def read(config: ParquetSource, context: Context, reject: Reject) -> Iterator[pa.RecordBatch]:
    """All rows. Raises SourceError when a part of the file is broken: Parquet has no single broken rows."""
    import pyarrow as pa

    start = 0
    with _open(config, context) as file:
        batches = file.iter_batches(batch_size=BATCH)
        while True:
            try:
                batch = next(batches, None)
            except (pa.ArrowException, OSError) as error:
                raise _broken(config, f"rows after {start} cannot be read") from error
            if batch is None:
                return
            flat = _flat(pa.Table.from_batches([batch]))
            lines = pa.array([str(number) for number in range(start + 1, start + batch.num_rows + 1)], pa.string())
            columns = [_strings(flat.column(place)) for place in range(flat.num_columns)]
            yield pa.RecordBatch.from_arrays([lines, *columns], names=[LINE, *flat.column_names])
            start += batch.num_rows


def _open(config: ParquetSource, context: Context) -> pq.ParquetFile:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = locate(config.path, context)
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise _broken(config, "is not a whole Parquet file") from error


def _broken(config: ParquetSource, what: str) -> SourceError:
    return SourceError(
        f"{what}; write it again from where it came", "不是完整的 Parquet 文件；请重新导出", place=config.path
    )


def _flat(table: pa.Table) -> pa.Table:
    """Structs as columns with dotted names."""
    import pyarrow as pa

    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    return table


def _strings(column: pa.ChunkedArray) -> pa.Array:
    """Any column as strings: numbers and times as Arrow writes them, lists and maps as JSON, bytes as UTF-8."""
    import pyarrow as pa

    merged = column.combine_chunks()
    if isinstance(merged, pa.ChunkedArray):
        merged = merged.chunk(0) if merged.num_chunks else pa.array([], column.type)
    kind = merged.type
    if pa.types.is_dictionary(kind):
        return _strings(pa.chunked_array([merged.dictionary_decode()]))
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return pa.array([as_text(_plain(item)) for item in merged.to_pylist()], pa.string())
    return merged.cast(pa.string())


def _plain(item: Any) -> Any:
    """JSON values only: what JSON does not know, as text."""
    if isinstance(item, bytes):
        return item.decode("utf-8", "replace")
    if isinstance(item, dict):
        return {str(name): _plain(value) for name, value in item.items()}
    if isinstance(item, (list, tuple)):
        return [_plain(value) for value in item]
    return item if item is None or isinstance(item, (str, int, float, bool)) else str(item)
