"""Wrong labels planted in real data, and what `audit` makes of them: `python benchmarks/audit_noise.py`.

Needs the data sets in FITTINGROOM_DATA. Labels of a share of the rows are replaced by another one, drawn evenly, before
`label`; then `label`, `dedup`, `split` and `audit` run with their defaults. Precision is a lower bound: the original
labels hold mistakes of their own, which count as false here. Writes benchmarks/results/audit_noise.{json,md}.
"""

from __future__ import annotations

import csv
import json
import os
import random
import time
from pathlib import Path
from typing import Any

from fittingroom.engine import Context
from fittingroom.stages.audit import AuditConfig, audit
from fittingroom.stages.dedup import DedupConfig, dedup
from fittingroom.stages.label import LabelConfig, label
from fittingroom.stages.split import SplitConfig, split
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.types import Rows, dropped_schema, row_schema
from machine import machine

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("FITTINGROOM_DATA", HERE.parent.parent / "shared" / "data"))
RESULTS = HERE / "results" / "audit_noise"
SEED = 7
RATES = (0.0, 0.08, 0.2)
SETS = {
    "zh_shop_reviews sentiment": ("zh_shop_reviews/reviews.csv", "review", "label", 6000),
    "zh_shop_reviews category": ("zh_shop_reviews/reviews.csv", "review", "cat", 6000),
    "en_intent_banking77": ("en_intent_banking77/train.csv", "text", "category", 20000),
}
TASK = TaskConfig(kind="classify", input=["text"], target="label")
SCHEMA = row_schema(["text"], "label")


def load(file: str, text: str, target: str, limit: int) -> list[dict[str, Any]]:
    """Up to `limit` rows, drawn by a seed."""
    with (DATA / file).open(encoding="utf-8-sig", newline="") as lines:
        found = list(csv.DictReader(lines))
    random.Random(SEED).shuffle(found)
    empty = {
        "source": "s",
        "group": None,
        "time": None,
        "annotations": [],
        "cluster": None,
        "dup_count": 1,
        "edits": [],
    }
    return [
        {"id": f"r{number:06d}", "row_key": str(number), "input": {"text": row[text]}, "target": {"label": row[target]}}
        | empty
        for number, row in enumerate(found[:limit])
    ]


def planted(rows: list[dict[str, Any]], rate: float) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Rows with wrong labels, and the true label of every row."""
    dice = random.Random(SEED + 1)
    truth = {row["id"]: row["target"]["label"] for row in rows}
    kinds = sorted(set(truth.values()))
    chosen = {row["id"] for row in dice.sample(rows, round(rate * len(rows)))}
    wrong = {name: dice.choice([kind for kind in kinds if kind != truth[name]]) for name in sorted(chosen)}
    return [row | {"target": {"label": wrong.get(row["id"], truth[row["id"]])}} for row in rows], truth


def measure(rows: list[dict[str, Any]], rate: float) -> dict[str, Any]:
    """One table through the stages, held against the truth."""
    given, truth = planted(rows, rate)
    context = Context(root=HERE, scratch=HERE, secret=b"benchmark")
    start = Rows(kept=Table.records(given, SCHEMA), dropped=Table.records([], dropped_schema(SCHEMA)))
    labelled = label(start, label=LabelConfig(), task=TASK, context=context)
    unique = dedup(labelled, dedup=DedupConfig(), task=TASK, context=context)
    parts = split(unique, split=SplitConfig(), task=TASK, seed=SEED, context=context)
    began = time.process_time()
    out = audit(parts, audit=AuditConfig(), task=TASK, seed=SEED, context=context)
    seconds = time.process_time() - began
    before = {row["id"]: row["target"]["label"] for row in parts.train.dicts()}
    after = {row["id"]: row["target"]["label"] for row in out.train.dicts()}
    wrong = {name for name, kind in before.items() if kind != truth[name]}
    review = out.review.dicts() if out.review is not None else []
    flagged = {row["id"] for row in review if row["part"] == "train"}
    mended = {name for name, kind in before.items() if after.get(name) != kind}
    relabelled = mended & set(after)
    others = {row["id"]: row["target"]["label"] for part in ("dev", "test") for row in parts.parts()[part].dicts()}
    other_wrong = {name for name, kind in others.items() if kind != truth[name]}
    other_flagged = {row["id"] for row in review} & set(others)
    return {
        "rate": rate,
        "train": len(before),
        "planted": len(wrong),
        "model_accuracy": out.facts["model_accuracy"],
        "trusted": out.facts["trusted"],
        "flagged": _against(flagged, wrong),
        "mended": _against(mended, wrong),
        "dev_and_test": _against(other_flagged, other_wrong),
        "relabelled": len(relabelled),
        "relabelled_right": sum(after[name] == truth[name] for name in relabelled),
        "noise": {
            "before": len(wrong) / len(before),
            "after": sum(kind != truth[name] for name, kind in after.items()) / len(after),
            "estimated_before": out.facts["estimated_noise"],
            "estimated_after": out.facts["remaining_noise"],
        },
        "cpu_seconds": round(seconds, 1),
    }


def _against(found: set[str], wrong: set[str]) -> dict[str, Any]:
    hits = len(found & wrong)
    return {
        "rows": len(found),
        "precision": hits / len(found) if found else None,
        "recall": hits / len(wrong) if wrong else None,
    }


def table(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    about = (
        f"Made by `python benchmarks/audit_noise.py`, seed {SEED}, {results['date']}; all stages with their defaults. "
        "Labels were replaced evenly at random before `label`. Precision is a lower bound: mistakes that the data sets "
        "bring along count as false. P / R (rows): precision and recall of the rows flagged or mended, against planted."
    )
    head = (
        "Data | Planted | Model accuracy | Train flagged P / R | Train mended P / R | Relabelled right | "
        "Dev and test flagged P / R | True noise before → after | Estimated before → after | CPU s"
    )
    lines = ["# Wrong labels planted in real data", "", about, "", f"| {head} |", "|---" * 10 + "|"]
    for name, runs in results["sets"].items():
        for run in runs:
            noise = run["noise"]
            lines.append(
                f"| {name} | {run['rate']:.0%} | {run['model_accuracy']:.3f} | {_pair(run['flagged'])} "
                f"| {_pair(run['mended'])} | {run['relabelled_right']} of {run['relabelled']} "
                f"| {_pair(run['dev_and_test'])} | {noise['before']:.1%} → {noise['after']:.1%} "
                f"| {noise['estimated_before']:.1%} → {noise['estimated_after']:.1%} | {run['cpu_seconds']} |"
            )
    return "\n".join(lines) + "\n"


def _pair(found: dict[str, Any]) -> str:
    shown = ["-" if found[key] is None else f"{found[key]:.2f}" for key in ("precision", "recall")]
    return f"{' / '.join(shown)} ({found['rows']})"


def main() -> None:
    """All sets at all rates."""
    results: dict[str, Any] = {"date": time.strftime("%Y-%m-%d"), "machine": machine(), "sets": {}}
    for name, source in SETS.items():
        rows = load(*source)
        results["sets"][name] = [measure(rows, rate) for rate in RATES]
        print(json.dumps(results["sets"][name], ensure_ascii=False), flush=True)
    RESULTS.with_suffix(".json").write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    RESULTS.with_suffix(".md").write_text(table(results), encoding="utf-8")


if __name__ == "__main__":
    main()
