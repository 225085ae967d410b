"""Small tables for the tests of stages."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.types import Rows, Splits, dropped_schema, row_schema

SCHEMA_FIELDS = (["text"], "label")
MakeRows = Callable[..., Rows]

PRAISE = ("质量很好", "喜欢这件", "物流很快", "great fit", "lovely colour", "很满意")
BLAME = ("质量太差", "要求退款", "物流太慢", "does not fit", "broken zip", "很失望")
ASKING = ("有货吗", "什么时候发货", "哪个颜色好", "which size", "is it in stock", "怎么洗")
FILLING = (
    "衣服",
    "鞋子",
    "the shirt",
    "裤子",
    "order",
    "昨天",
    "my size",
    "客服",
    "包装",
    "领口",
    "袖子",
    "zip",
    "coat",
)


@pytest.fixture
def task() -> TaskConfig:
    """One input field, one label."""
    return TaskConfig(kind="classify", input=["text"], target="label")


@pytest.fixture
def make_rows() -> MakeRows:
    """make_rows([(text, label), …] or dictionaries with any column) -> Rows with ids r000, r001, …"""

    def make(found: Sequence[Any]) -> Rows:
        records = []
        for number, one in enumerate(found):
            given = one if isinstance(one, dict) else {"text": one[0], "label": one[1]}
            record = {
                "id": f"r{number:03d}",
                "source": "s",
                "row_key": str(number),
                "group": None,
                "time": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number),
                "input": {"text": given["text"]},
                "target": {"label": given["label"]},
                "annotations": [],
                "cluster": None,
                "dup_count": 1,
                "edits": [],
            }
            records.append(record | {name: value for name, value in given.items() if name in record})
        schema = row_schema(*SCHEMA_FIELDS)
        return Rows(kept=Table.records(records, schema), dropped=Table.records([], dropped_schema(schema)))

    return make


@pytest.fixture
def shop_rows(make_rows: MakeRows) -> Callable[..., Rows]:
    """shop_rows(n, seed) -> Rows of three classes that a model can learn, each row its own cluster."""

    def make(count: int, seed: int = 1) -> Rows:
        dice = random.Random(seed)
        found = []
        for number in range(count):
            label = dice.choice(["praise", "blame", "ask"])
            words = {"praise": PRAISE, "blame": BLAME, "ask": ASKING}[label]
            stray = [dice.choice([*PRAISE, *BLAME, *ASKING])] if dice.random() < 0.3 else []
            text = [dice.choice(words), *stray, *dice.sample(FILLING, k=4), str(number)]
            dice.shuffle(text)
            found.append({"text": ",".join(text), "label": label, "cluster": f"c{number}", "group": f"g{number // 2}"})
        return make_rows(found)

    return make


@pytest.fixture
def as_splits() -> Callable[..., Splits]:
    """as_splits(rows, {part: row numbers}) -> Splits; parts not named are empty."""

    def make(rows: Rows, parts: dict[str, Sequence[int]]) -> Splits:
        import pyarrow as pa

        table = rows.kept.arrow()
        tables = {
            name: Table.of(table.take(pa.array(parts.get(name, []), type=pa.int64())))
            for name in ("train", "dev", "calibration", "test")
        }
        return Splits(**tables, dropped=rows.dropped)

    return make
