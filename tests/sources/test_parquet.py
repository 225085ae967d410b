"""Parquet: every type as a string."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fittingroom.engine import Context
from fittingroom.errors import SourceError
from fittingroom.sources import open_source
from sources.reading import read, source


def test_types(context: Context) -> None:
    table = pa.table(
        {
            "id": pa.array([123456789012345678, 2], pa.int64()),
            "price": pa.array([Decimal("1.10"), None], pa.decimal128(10, 2)),
            "at": pa.array(
                [datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)] * 2, pa.timestamp("us", tz="UTC")
            ),
            "who": pa.array([{"name": "a", "age": 3}, None]),
            "tags": pa.array([["x"], None]),
            "raw": pa.array([b"abc", None]),
            "code": pa.array(["a", "b"]).dictionary_encode(),
            "on": [True, False],
        }
    )
    pq.write_table(table, context.root / "t.parquet")
    config = source(kind="parquet", path="t.parquet")
    rows, _ = read(config, context)
    assert rows[0]["id"] == "123456789012345678"
    assert rows[0]["price"] == "1.10"
    assert str(rows[0]["at"]).startswith("2024-01-02 03:04:05")
    assert (rows[0]["who.name"], rows[0]["who.age"], rows[1]["who.name"]) == ("a", "3", None)
    assert (rows[0]["tags"], rows[0]["raw"], rows[0]["code"], rows[0]["on"]) == ('["x"]', "abc", "a", "true")
    assert open_source(config).size(config, context) == 2


def test_no_parquet(context: Context) -> None:
    (context.root / "t.parquet").write_bytes(b"PAR1 is not enough")
    with pytest.raises(SourceError, match="not a whole Parquet file"):
        read(source(kind="parquet", path="t.parquet"), context)
