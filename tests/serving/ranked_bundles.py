"""A bundle that ranks, around the tiny random model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fittingroom.serving.bundle import SHELF, seal
from fittingroom.store import MANIFEST
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.shelf import Shelf
from serving.bundles import make_bundle

COUNTS = {"good quality": 9, "size price": 7, "尺码 颜色": 5, "refund": 3, "where is my order": 1, "bad": 0}
PAIRS = [("good quality", "refund", 0.4), ("size price", "尺码 颜色", 0.2)]


def make_ranking_bundle(folder: Path, task: TaskConfig, **changes: Any) -> Path:
    """Write a sealed bundle; `changes` replace keys of bundle.json."""
    given = {"task": task.model_dump(mode="json"), "labels": [], "max_tokens": 16, "temperature": 1.0}
    make_bundle(folder, **{**given, **changes})
    (folder / MANIFEST).unlink()
    Shelf(COUNTS, PAIRS).write(folder / SHELF)
    seal(folder)
    return folder


def told(folder: Path) -> dict[str, Any]:
    """bundle.json."""
    found: dict[str, Any] = json.loads((folder / "bundle.json").read_text("utf-8"))
    return found
