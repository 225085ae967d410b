"""Purchases of a small shop, as rows of a recommending task."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.types import row_schema

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def task(fields: Iterable[str] = ("history",), **settings: Any) -> TaskConfig:
    """A recommending task."""
    given = {"kind": "recommend", "input": list(fields), "target": "title", "recommend": settings}
    return TaskConfig.model_validate(given)


def rows(found: Iterable[dict[str, Any]], of: TaskConfig) -> Table:
    """Rows from `title`, the input fields, and where wanted `group`, `day`, `id`."""
    records = []
    for number, one in enumerate(found):
        records.append(
            {
                "id": one.get("id", f"r{number:04d}"),
                "source": "s",
                "row_key": str(number),
                "group": one.get("group"),
                "time": BEGIN + timedelta(days=one["day"]) if "day" in one else None,
                "input": {name: one.get(name, "") for name in of.input},
                "target": {of.target: one["title"]},
                "annotations": [],
                "cluster": None,
                "dup_count": one.get("copies", 1),
                "edits": [],
            }
        )
    return Table.records(records, row_schema(of.input, of.target))
