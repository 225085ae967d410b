"""Reading a source in a test: rows as dictionaries, and what was rejected."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from fittingroom.engine import Context
from fittingroom.sources import open_source
from fittingroom.sources.batching import LINE
from fittingroom.sources.config import SourceConfig

_ADAPTER: TypeAdapter[Any] = TypeAdapter(SourceConfig)


def source(**values: Any) -> SourceConfig:
    """A source's configuration, checked like a recipe's."""
    checked: SourceConfig = _ADAPTER.validate_python(values)
    return checked


def read(config: SourceConfig, context: Context) -> tuple[list[dict[str, str | None]], list[tuple[int, str, str]]]:
    """(rows without the line column, rejected)."""
    rejected: list[tuple[int, str, str]] = []
    batches = open_source(config).read(config, context, lambda *found: rejected.append(found))
    rows = [row for batch in batches for row in batch.to_pylist()]
    for row in rows:
        assert all(value is None or isinstance(value, str) for value in row.values())
        row.pop(LINE)
    return rows, rejected
