"""Records into Arrow batches of strings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fittingroom.sources.files import BATCH

if TYPE_CHECKING:
    import pyarrow as pa

LINE = "\x00line"
"""Column of every batch: the line or row number, as a string; of an element of an array `line:item`, as `number_of`
reads it. No source can have a column of this name."""


class Item(int):
    """The line on which an element of an array begins, and which element it is: many may begin on one line."""

    item: int

    def __new__(cls, line: int, item: int) -> Item:
        """`item` counts from 1."""
        made = super().__new__(cls, line)
        made.item = item
        return made


def number_of(cell: str) -> int:
    """The number in a cell of the column LINE."""
    line, _, item = cell.partition(":")
    return Item(int(line), int(item)) if item else int(line)


def _cell(number: int) -> str:
    return f"{int(number)}:{number.item}" if isinstance(number, Item) else str(number)


def batched(records: Iterable[tuple[int, Mapping[str, str | None]]]) -> Iterator[pa.RecordBatch]:
    """Batches of (number, record); the columns of a batch are all names that occur in it, in the order met."""
    chunk: list[tuple[int, Mapping[str, str | None]]] = []
    for record in records:
        chunk.append(record)
        if len(chunk) == BATCH:
            yield _batch(chunk)
            chunk = []
    if chunk:
        yield _batch(chunk)


def _batch(chunk: list[tuple[int, Mapping[str, str | None]]]) -> pa.RecordBatch:
    import pyarrow as pa

    names = list(dict.fromkeys(name for _, record in chunk for name in record))
    columns = [pa.array([record.get(name) for _, record in chunk], pa.string()) for name in names]
    lines = pa.array([_cell(number) for number, _ in chunk], pa.string())
    return pa.RecordBatch.from_arrays([lines, *columns], names=[LINE, *names])


def columnar(names: list[str], rows: Iterable[tuple[int, list[str | None]]]) -> Iterator[pa.RecordBatch]:
    """Batches of (number, values in the order of `names`); the same columns in every batch."""
    import pyarrow as pa

    def flush(chunk: list[tuple[int, list[str | None]]]) -> pa.RecordBatch:
        lines = pa.array([str(number) for number, _ in chunk], pa.string())
        columns = [pa.array(column, pa.string()) for column in zip(*(values for _, values in chunk), strict=True)]
        return pa.RecordBatch.from_arrays([lines, *columns], names=[LINE, *names])

    chunk: list[tuple[int, list[str | None]]] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == BATCH:
            yield flush(chunk)
            chunk = []
    if chunk:
        yield flush(chunk)


def parse_object(line: str) -> dict[str, Any]:
    """A JSON object whose numbers stay as they were written; ValueError says what is wrong with it."""
    try:
        value = json.loads(line, parse_int=str, parse_float=str, parse_constant=str)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at column {error.colno}") from None
    except RecursionError:
        raise ValueError("not JSON: nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


def flattened(value: Mapping[str, Any], prefix: str = "") -> dict[str, str | None]:
    """Nested objects as dotted names; a list as JSON; true and false in JSON's spelling."""
    flat: dict[str, str | None] = {}
    for name, item in value.items():
        if isinstance(item, dict):
            flat.update(flattened(item, f"{prefix}{name}."))
        else:
            flat[prefix + name] = as_text(item)
    return flat


def as_text(item: Any) -> str | None:
    """One value as a string, or None for null."""
    if item is None or isinstance(item, str):
        return item
    return json.dumps(item, ensure_ascii=False)
