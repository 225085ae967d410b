"""A table's digest is about its rows, not about their order, their file or their writer."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa

from fittingroom.tables import Table
from fittingroom.types import row_schema

SCHEMA = pa.schema([("id", pa.string()), ("n", pa.int64()), ("s", pa.struct([("text", pa.string())]))])


def _records(count: int) -> list[dict[str, object]]:
    return [{"id": f"r{n}", "n": n, "s": {"text": f'第 {n} 行\n"引号"'}} for n in range(count)]


def test_digest_ignores_order_and_file(tmp_path: Path) -> None:
    records = _records(200)
    table = Table.records(records, SCHEMA)
    shuffled = records[:]
    random.Random(3).shuffle(shuffled)
    table.write(tmp_path / "t.parquet")
    assert Table.records(shuffled, SCHEMA).digest == table.digest
    assert Table.read(tmp_path / "t.parquet").digest == table.digest
    assert Table.of(table.frame()).digest == table.digest


def test_digest_sees_every_change() -> None:
    records = _records(50)
    digest = Table.records(records, SCHEMA).digest
    changed = [dict(record) for record in records]
    changed[7]["s"] = {"text": "x"}
    assert Table.records(changed, SCHEMA).digest != digest
    assert Table.records(records[:-1], SCHEMA).digest != digest
    assert Table.records([*records, records[0]], SCHEMA).digest != digest
    assert Table.records([*records, records[0], records[0]], SCHEMA).digest != digest


def test_digest_sees_the_schema() -> None:
    empty = Table.records([], SCHEMA)
    other = Table.records([], pa.schema([("id", pa.string())]))
    assert empty.digest != other.digest


def test_row_schema_survives_polars(tmp_path: Path) -> None:
    schema = row_schema(["review"], "sentiment")
    row = {
        "id": "a",
        "source": "s",
        "row_key": "k",
        "group": None,
        "time": None,
        "input": {"review": "好"},
        "target": {"sentiment": None},
        "annotations": [{"annotator": "p", "label": "x"}],
        "cluster": None,
        "dup_count": 1,
        "edits": [],
    }
    table = Table.records([row], schema)
    back = Table.of(table.frame())
    assert back.dicts() == table.dicts()
    assert back.digest == table.digest


def test_batches_cover_all_rows(tmp_path: Path) -> None:
    table = Table.records(_records(25), SCHEMA)
    table.write(tmp_path / "t.parquet")
    stored = Table.read(tmp_path / "t.parquet")
    assert sum(batch.num_rows for batch in stored.batches(10)) == 25 == stored.rows
    assert stored.columns == ["id", "n", "s"]
