"""Rows that a linear model can learn: texts of invented words, some of which a label prefers."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

from fittingroom.config import RunConfig
from fittingroom.engine import Context
from fittingroom.stages.prepare import prepare
from fittingroom.tables import Table
from fittingroom.types import Rows, Splits, dropped_schema, row_schema

LABELS = ("refund", "delivery", "praise", "size")
SCHEMA = row_schema(["text"], "label")
_SYLLABLES = ("ba", "ke", "lo", "mi", "nu", "ra", "se", "ti", "vo", "zu", "pa", "do", "ge", "fi", "hu")


def words(count: int, seed: int) -> list[str]:
    """Different words of three syllables, the same for the same seed."""
    draw = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        found["".join(draw.choice(_SYLLABLES) for _ in range(3))] = None
    return list(found)


def texts(labels: Sequence[str], *, seed: int, length: int = 10, clear: float = 0.35) -> list[str]:
    """One text per label; `clear` is the share of words that its label prefers."""
    draw = random.Random(seed)
    every = words(400, 0)
    prefers = {label: every[place * 25 : place * 25 + 25] for place, label in enumerate(sorted(set(labels)))}
    return [
        " ".join(draw.choice(prefers[label] if draw.random() < clear else every) for _ in range(length))
        for label in labels
    ]


def record(number: int, text: str, label: str | None, **columns: Any) -> dict[str, Any]:
    """One row; `columns` replace the defaults."""
    row = {
        "id": f"row{number:05d}",
        "source": "made",
        "row_key": str(number),
        "group": None,
        "time": None,
        "input": {"text": text},
        "target": {"label": label},
        "annotations": [],
        "cluster": None,
        "dup_count": 1,
        "edits": [],
    }
    return {**row, **columns}


def made(count: int, *, seed: int = 0, clear: float = 0.35) -> list[dict[str, Any]]:
    """Rows of all labels in turn."""
    labels = [LABELS[number % len(LABELS)] for number in range(count)]
    return [
        record(n, text, label)
        for n, (text, label) in enumerate(zip(texts(labels, seed=seed, clear=clear), labels, strict=True))
    ]


def rows(records: Sequence[dict[str, Any]]) -> Rows:
    """All of them kept."""
    return Rows(kept=Table.records(records, SCHEMA), dropped=Table.records([], dropped_schema(SCHEMA)))


def splits(train: Sequence[dict[str, Any]], dev: Sequence[dict[str, Any]] = ()) -> Splits:
    """Parts as they are given; calibration and test are empty."""
    empty = Table.records([], SCHEMA)
    return Splits(
        train=Table.records(train, SCHEMA),
        dev=Table.records(dev, SCHEMA),
        calibration=empty,
        test=empty,
        dropped=Table.records([], dropped_schema(SCHEMA)),
    )


def objects(count: int, **columns: Any) -> list[dict[str, Any]]:
    """Rows as a source holds them."""
    return [{"id": row["id"], "text": row["input"]["text"], **row["target"], **columns} for row in made(count)]


def prepared(records: Sequence[dict[str, Any]], config: RunConfig, context: Context) -> Rows:
    """What the stage `prepare` makes of a file of objects."""
    lines = [json.dumps(row, ensure_ascii=False) for row in records]
    (context.root / "rows.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return prepare(sources=config.sources, prepare=config.prepare, task=config.task, context=context)
