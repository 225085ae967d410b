"""Rows of a three-class task, for tests of the stages that train."""

from __future__ import annotations

import random
from typing import Any

from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.types import Splits, row_schema

WORDS = {
    "praise": ["good quality", "thank you", "很快"],
    "refund": ["refund", "broken", "破损"],
    "where": ["where is", "late", "物流"],
}
FILLERS = ["the", "order", "box", "尺码", "颜色", "price"]
TASK = TaskConfig(kind="classify", input=["text"], target="label")


def table(rows: int, seed: int, **changes: Any) -> Table:
    """Rows whose label is told by one of its words."""
    chance = random.Random(seed)
    records = []
    for number in range(rows):
        label = sorted(WORDS)[number % 3]
        text = " ".join([*chance.choices(FILLERS, k=chance.randint(1, 6)), chance.choice(WORDS[label])])
        records.append(
            {
                "id": f"{seed}-{number:05d}",
                "source": "shop",
                "input": {"text": text},
                "target": {"label": label},
                **changes,
            }
        )
    return Table.records(records, row_schema(["text"], "label"))


def splits(rows: int = 60, **changes: Any) -> Splits:
    """The four parts."""
    train = table(rows, 1)
    parts: dict[str, Any] = {
        "train": train, "dev": table(30, 2), "calibration": table(30, 3), "test": table(12, 4),
        "dropped": Table.of(train.arrow().slice(0, 0)),
    }  # fmt: skip
    return Splits(**{**parts, **changes})
