"""Three real sets, cut to what a core trains in a minute or two, and the good hand-made configuration for each."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple


class Set(NamedTuple):
    """What is taken of a data set."""

    file: str
    text: str
    target: str
    labels: int
    """The most frequent labels of the file that are used."""
    most: int
    """Rows of a label at most."""
    many: int
    """The same for faults of the labels."""
    longest: int
    """Characters of a text; longer ones are left out."""
    names: dict[str, str]
    instruction: str
    judged_only: bool
    """No limit of any detector was chosen by looking at it."""


SETS = {
    "zh_shop_reviews": Set(
        "zh_shop_reviews/reviews.csv", "review", "label", 2, 400, 1000, 40, {"0": "负面", "1": "正面"},
        "判断评价的情感。", judged_only=False,
    ),
    "en_intent_banking77": Set(
        "en_intent_banking77/train.csv", "text", "category", 8, 75, 180, 80, {}, "", judged_only=False
    ),
    "zh_nlu_smp2019": Set("zh_nlu_smp2019/nlu.jsonl", "text", "domain", 8, 80, 180, 40, {}, "", judged_only=True),
}  # fmt: skip

HAND: dict[str, Any] = {
    "method": "full", "learning_rate": 1e-3, "batch_size": 16, "epochs": 6, "schedule": "cosine", "weight_decay": 0.01,
    "dropout": 0.0, "early_stopping": 3, "eval_rows": 120,
}  # fmt: skip
"""The good hand-made configuration of `train`: the same for all three sets, found by hand before any state was run."""


def recipe(this: Set) -> dict[str, Any]:
    """The good recipe as plain values; the gate is put in by whoever knows what to ask for."""
    return {
        "name": "loop",
        "seed": 7,
        "task": {"kind": "classify", "input": ["text"], "target": "label", "instruction": this.instruction,
                 "list_labels": False},
        "sources": [{"kind": "jsonl", "path": "rows.jsonl", "key": "id"}],
        "split": {"dev": 0.2, "calibration": 0.05, "test": 0.25},
        "audit": {"mode": "review"},
        "model": {"base": "nano"},
        "train": dict(HAND),
        "evaluate": {"baselines": ["majority"], "replicates": 200},
        "gate": {"metric": "macro_f1", "at_least": 0.99, "better_than": [], "decide": "point"},
        "adapt": {"max_attempts": 4, "max_minutes": 60, "search": False},
    }  # fmt: skip


def write_rows(data: Path, this: Set, folder: Path) -> int:
    """`rows.jsonl` in a workspace: the chosen rows, no text twice, in an order that depends on their texts alone."""
    found = {text: label for text, label in _read(data / this.file, this) if 0 < len(text) <= this.longest}
    often = Counter(found.values())
    used = sorted(often, key=lambda label: (-often[label], label))[: this.labels]
    taken: Counter[str] = Counter()
    lines = []
    for text in sorted(found, key=lambda text: hashlib.sha256(text.encode()).hexdigest()):
        label = found[text]
        if label in used and taken[label] < this.most:
            taken[label] += 1
            row = {"id": f"{len(lines):06d}", "text": text, "label": this.names.get(label, label)}
            lines.append(json.dumps(row, ensure_ascii=False))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(lines)


def _read(file: Path, this: Set) -> Iterator[tuple[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        rows = map(json.loads, lines) if file.suffix == ".jsonl" else csv.DictReader(lines)
        for row in rows:
            yield str(row[this.text]).strip(), str(row[this.target])
