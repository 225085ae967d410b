"""JSON lines: one object per line, nested objects reached with dots. Numbers stay as they were written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fittingroom.engine import Context
from fittingroom.errors import SourceError
from fittingroom.sources import document
from fittingroom.sources.batching import batched, flattened
from fittingroom.sources.config import JsonlSource
from fittingroom.sources.files import Reject, digest, encoding_of, line_count, lines, locate

if TYPE_CHECKING:
    import pyarrow as pa


def check(config: JsonlSource, context: Context) -> None:
    """The file is there and is no JSON array."""
    encoding = encoding_of(locate(config.path, context), config.encoding, config.path)
    for _, line in lines(context.path(config.path), encoding):
        start = line[:1000].lstrip("\ufeff \t\r\n")
        if start.startswith("["):
            raise SourceError(
                "is a JSON array, not JSON lines; write one object per line (jq -c '.[]')",
                "是一个 JSON 数组，不是 JSON Lines；请每行写一个对象（jq -c '.[]'）",
                place=config.path,
            )
        if start:
            return


def fingerprint(config: JsonlSource, context: Context) -> str:
    """Digest of the file's bytes."""
    return digest(config.path, context)


def size(config: JsonlSource, context: Context) -> int:
    """About as many rows as lines."""
    return line_count(config.path, context)


def read(config: JsonlSource, context: Context, reject: Reject) -> Iterator[pa.RecordBatch]:
    """All rows; a line that is no JSON object is rejected."""
    yield from batched((number, flattened(value)) for number, value in objects(config, context, reject))


def objects(config: JsonlSource, context: Context, reject: Reject) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """(line number, object); empty lines are no rows."""
    check(config, context)
    yield from document.objects(locate(config.path, context), config.path, reject, encoding=config.encoding)
