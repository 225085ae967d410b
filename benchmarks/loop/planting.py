"""Faults of the data, planted into the training rows behind the split; the other parts stay as they are.

`split` stands in for the stage of that name: it calls the real one, then plants. What was planted belongs to its key.
"""

from __future__ import annotations

import contextlib
import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import planting_unseen

from fittingroom.engine import Context
from fittingroom.models.render import Rendered, Renderer
from fittingroom.stages import split as real
from fittingroom.stages.split import SplitConfig
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.types import Rows, Splits

VERSION = real.VERSION
LIBRARIES = real.LIBRARIES
_PROMPT = "prompt_in_the_loss"
PLANTED: dict[str, float] = {}
"""What the state under way asks for; set by `planted`."""


def observes() -> dict[str, str]:
    """The planted fault is a fact of the world."""
    return {"planted": json.dumps(PLANTED, sort_keys=True)}


def split(rows: Rows, *, split: SplitConfig, task: TaskConfig, seed: int, context: Context) -> Splits:
    """The real split, its training part spoilt."""
    made = real.split(rows, split=split, task=task, seed=seed, context=context)
    if not PLANTED:
        return made
    records = sorted(made.train.dicts(), key=lambda row: row["id"])
    spoilt = _few(records, PLANTED, seed)
    spoilt = _uneven(spoilt, PLANTED, task.target, seed)
    spoilt = _noisy(spoilt, PLANTED, task.target, seed)
    spoilt = planting_unseen.spoil(spoilt, PLANTED, task.target, seed)
    train = Table.records(spoilt, made.train.arrow().schema)
    counts = dict(sorted(Counter(row["target"][task.target] for row in spoilt).items()))
    classes = {**made.facts["classes"], "train": counts}
    facts = {**made.facts, "parts": {**made.facts["parts"], "train": train.rows}, "classes": classes}
    return made.model_copy(update={"train": train, "facts": facts})


def _few(rows: list[dict[str, Any]], planted: Mapping[str, float], seed: int) -> list[dict[str, Any]]:
    """So many of the rows, drawn."""
    if "rows" not in planted:
        return rows
    drawn = random.Random(seed).sample(rows, min(len(rows), int(planted["rows"])))
    return sorted(drawn, key=lambda row: row["id"])


def _uneven(rows: list[dict[str, Any]], planted: Mapping[str, float], target: str, seed: int) -> list[dict[str, Any]]:
    """Classes thinned out, from all of the first to a fraction of the last, in even steps of their logarithms."""
    if "imbalance" not in planted:
        return rows
    ratio, chance = float(planted["imbalance"]), random.Random(seed)
    labels = sorted({row["target"][target] for row in rows})
    kept: list[dict[str, Any]] = []
    for place, label in enumerate(labels):
        own = [row for row in rows if row["target"][target] == label]
        share = ratio ** -(place / max(1, len(labels) - 1))
        kept += chance.sample(own, max(2, round(share * len(own))))
    return sorted(kept, key=lambda row: row["id"])


def _noisy(rows: list[dict[str, Any]], planted: Mapping[str, float], target: str, seed: int) -> list[dict[str, Any]]:
    """A share of the labels drawn anew among the others."""
    if "noise" not in planted:
        return rows
    chance = random.Random(seed)
    labels = sorted({row["target"][target] for row in rows})
    wrong = set(chance.sample(range(len(rows)), round(float(planted["noise"]) * len(rows))))
    found = []
    for place, row in enumerate(rows):
        said = row["target"][target]
        new = chance.choice([label for label in labels if label != said]) if place in wrong else said
        found.append({**row, "target": {target: new}})
    return found


@contextlib.contextmanager
def planted(data: Mapping[str, float], plant: str = "") -> Iterator[None]:
    """The road with this fault in it."""
    from fittingroom import pipeline

    before, example = pipeline.split, Renderer.example
    if plant not in ("", _PROMPT, *planting_unseen.BEYOND_A_RECIPE):
        raise ValueError(f"no such fault to plant: {plant}")
    PLANTED.clear()
    PLANTED.update(data)
    if plant:
        PLANTED[plant] = planting_unseen.BEYOND_A_RECIPE.get(plant, 1.0)
    try:
        pipeline.split = split  # type: ignore[attr-defined]
        if plant == _PROMPT:
            Renderer.example = _whole(example)  # type: ignore[method-assign]
        yield
    finally:
        pipeline.split, Renderer.example = before, example  # type: ignore[attr-defined,method-assign]
        PLANTED.clear()


def _whole(example: Any) -> Any:
    def spoilt(self: Renderer, messages: Any, answer: str, max_length: int, answer_room: int = 0) -> Rendered:
        made: Rendered = example(self, messages, answer, max_length, answer_room)
        return Rendered(made.ids, 1, made.truncated)

    return spoilt
