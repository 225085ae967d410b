"""Wrong labels planted in real data: what `audit` finds, and what that does to a model's score.

    python benchmarks/audit_noise.py [--sets NAME] [--rates 0.08] [--seeds 7 8 9]

Needs the data sets in FITTINGROOM_DATA. Labels of a share of all rows, those of dev and test too, are replaced by
another one, drawn evenly, before `label`; then `label`, `dedup`, `split` and `audit` run with their defaults and see
nothing but the labels given. A seed draws the rows, the mistakes, the parts and the folds.

Found: precision and recall of the rows flagged and mended. Precision is a lower bound: the original labels hold
mistakes of their own, which count as false here. Score: the linear baseline of `evaluate` (TF-IDF, SVM) is trained on
the same training part four times and judged on the same dev and test rows **with their true labels**: with the true
labels ("without noise"), with the labels given, with what the audit left, and with that after people looked at the
first rows of the review queue, 5 % of all rows, and said the truth. The audit changes training rows only.

Cells that were measured are kept, `--again` measures them anew. `audit_noise_trained.py` does the same with the
built-in model. Writes benchmarks/results/audit_noise.{json,md}.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import tempfile
import time
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from audit_noise_report import report
from fittingroom.config import RunConfig
from fittingroom.engine import Context
from fittingroom.reviewing import queue
from fittingroom.stages.audit import audit
from fittingroom.stages.dedup import dedup
from fittingroom.stages.label import label
from fittingroom.stages.split import split
from fittingroom.statistics.intervals import confusion_matrix, counts_of, metrics_of
from fittingroom.statistics.judging import Exam, indices
from fittingroom.statistics.linear import fit_linear
from fittingroom.tables import Table
from fittingroom.types import Rows, Splits, dropped_schema, row_schema
from machine import machine

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("FITTINGROOM_DATA", HERE.parent.parent / "shared" / "data"))
RESULTS = HERE / "results" / "audit_noise"
SEEDS = (7, 8, 9)
RATES = (0.0, 0.03, 0.08, 0.2)
LOOKED_AT = 0.05
"""Rows of the review queue that people work off, as a share of all rows."""
SETS = {
    "zh_shop_reviews sentiment": ("zh_shop_reviews/reviews.csv", "review", "label", 6000),
    "zh_shop_reviews category": ("zh_shop_reviews/reviews.csv", "review", "cat", 6000),
    "en_intent_banking77": ("en_intent_banking77/train.csv", "text", "category", 20000),
}
CONFIG = RunConfig.model_validate(
    {
        "task": {"kind": "classify", "input": ["text"], "target": "label"},
        "sources": [{"kind": "csv", "path": "rows.csv", "key": "id"}],
    }
)
SCHEMA = row_schema(["text"], "label")


class Audited(NamedTuple):
    """One table after the stages; `truth` is the true label of every id, which no stage sees."""

    truth: dict[str, str]
    labelled: Rows
    parts: Splits
    out: Splits
    cpu_s: float


def load(file: str, text: str, target: str, limit: int, seed: int) -> list[dict[str, Any]]:
    """Up to `limit` rows, drawn by a seed."""
    with (DATA / file).open(encoding="utf-8-sig", newline="") as lines:
        found = list(csv.DictReader(lines))
    random.Random(seed).shuffle(found)
    none = dict.fromkeys(("group", "time", "cluster"))
    return [
        {"id": f"r{number:06d}", "row_key": str(number), "input": {"text": row[text]}, "target": {"label": row[target]}}
        | none
        | {"source": "s", "annotations": [], "dup_count": 1, "edits": []}
        for number, row in enumerate(found[:limit])
    ]


def planted(rows: list[dict[str, Any]], rate: float, seed: int) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Rows with wrong labels, and the true label of every row."""
    dice = random.Random(seed + 1)
    truth = {row["id"]: row["target"]["label"] for row in rows}
    kinds = sorted(set(truth.values()))
    chosen = {row["id"] for row in dice.sample(rows, round(rate * len(rows)))}
    wrong = {name: dice.choice([kind for kind in kinds if kind != truth[name]]) for name in sorted(chosen)}
    return [row | {"target": {"label": wrong.get(row["id"], truth[row["id"]])}} for row in rows], truth


def audited(name: str, rate: float, seed: int, scratch: Path) -> Audited:
    """A set with mistakes, through the stages with their defaults; tables may lie in `scratch`."""
    given, truth = planted(load(*SETS[name], seed), rate, seed)
    context = Context(root=scratch, scratch=scratch, secret=b"benchmark", threads=1)
    task = CONFIG.task
    start = Rows(kept=Table.records(given, SCHEMA), dropped=Table.records([], dropped_schema(SCHEMA)))
    labelled = label(start, label=CONFIG.label, task=task, context=context)
    unique = dedup(labelled, dedup=CONFIG.dedup, task=task, context=context)
    parts = split(unique, split=CONFIG.split, task=task, seed=seed, context=context)
    began = time.process_time()
    out = audit(parts, audit=CONFIG.audit, task=task, seed=seed, context=context)
    return Audited(truth, labelled, parts, out, round(time.process_time() - began, 1))


def measure(name: str, rate: float, seed: int) -> dict[str, Any]:
    """One cell of the tables."""
    with tempfile.TemporaryDirectory() as scratch:
        done = audited(name, rate, seed, Path(scratch))
        cell = {"set": name, "rate": rate, "seed": seed, "cpu_seconds": done.cpu_s}
        return cell | {"found": found(done), "scores": scored(done, seed)}


def found(done: Audited) -> dict[str, Any]:
    """What the audit flagged and mended, held against the truth."""
    truth, out = done.truth, done.out
    before, after = _labels(done.parts.train), _labels(out.train)
    wrong = {name for name, kind in before.items() if kind != truth[name]}
    review = out.review.dicts() if out.review is not None else []
    mended = {name for name, kind in before.items() if after.get(name) != kind}
    relabelled = mended & set(after)
    others = _labels(done.parts.dev) | _labels(done.parts.test)
    return {
        "train": len(before),
        "planted": len(wrong),
        "model_accuracy": out.facts["model_accuracy"],
        "trusted": out.facts["trusted"],
        "flagged": _against({row["id"] for row in review if row["part"] == "train"}, wrong),
        "mended": _against(mended, wrong),
        "dev_and_test": _against(
            {row["id"] for row in review} & set(others), {name for name, kind in others.items() if kind != truth[name]}
        ),
        "relabelled": len(relabelled),
        "relabelled_right": sum(after[name] == truth[name] for name in relabelled),
        "removed": len(before) - len(after),
        "noise": {
            "before": len(wrong) / len(before),
            "after": sum(kind != truth[name] for name, kind in after.items()) / len(after),
            "estimated_before": out.facts["estimated_noise"],
            "estimated_after": out.facts["remaining_noise"],
        },
    }


def scored(done: Audited, seed: int) -> dict[str, Any]:
    """The same model, trained on the training part as it should be, as it was given, audited, and reviewed too."""
    given, left = _exam(done.parts.train), _exam(done.out.train)
    rows = len(done.truth)
    first = queue(done.out, done.labelled, CONFIG)[: round(LOOKED_AT * rows)]
    decided = {str(row["id"]) for row in first}
    after = dict(zip(left.ids, left.targets, strict=True))
    after |= {name: done.truth[name] for name in given.ids if name in decided}
    stays = given.only([place for place, name in enumerate(given.ids) if name in after])
    variants = {
        "without_noise": replace(given, targets=[done.truth[name] for name in given.ids]),
        "with_noise": given,
        "audited": left,
        "reviewed": replace(stays, targets=[after[name] for name in stays.ids]),
    }
    looked = {"rows": len(first), "wrong": sum(row["given"] != done.truth[str(row["id"])] for row in first)}
    looked["in_train"] = sum(row["part"] == "train" for row in first)
    return {"looked_at": looked} | {name: _judged(train, done, seed) for name, train in variants.items()}


def _judged(train: Exam, done: Audited, seed: int) -> dict[str, Any]:
    """Accuracy and macro-F1 on dev and test by the true labels, and on dev by those that a user has."""
    model = fit_linear(train.texts(), train.targets, seed=seed, groups=train.units)
    found: dict[str, Any] = {"train_rows": len(train)}
    kinds = sorted(set(done.truth.values()))
    for part in ("dev", "test"):
        exam = _exam(done.parts.parts()[part])
        said = indices(model.predict(exam.texts()), kinds)
        by = {part: [done.truth[name] for name in exam.ids]} | ({"dev_as_given": exam.targets} if part == "dev" else {})
        for name, labels in by.items():
            metrics = metrics_of(counts_of(confusion_matrix(indices(labels, kinds), said, len(kinds))))
            found[name] = {metric: round(float(metrics[metric]), 5) for metric in ("accuracy", "macro_f1")}
    return found


def _exam(rows: Table) -> Exam:
    return Exam.of(rows, ["text"], "label")


def _labels(rows: Table) -> dict[str, str]:
    return {row["id"]: row["target"]["label"] for row in rows.dicts()}


def _against(found: set[str], wrong: set[str]) -> dict[str, Any]:
    hits = len(found & wrong)
    precision, recall = (hits / len(found) if found else None), (hits / len(wrong) if wrong else None)
    return {"rows": len(found), "precision": precision, "recall": recall}


def stored() -> dict[str, Any]:
    """What was measured before."""
    path = RESULTS.with_suffix(".json")
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return kept if "cells" in kept else {"cells": [], "trained": []}


def store(results: dict[str, Any]) -> None:
    """Keep results, in the order of the sets, and the page of them."""
    for cells in (results["cells"], results["trained"]):
        cells.sort(key=lambda cell: (list(SETS).index(cell["set"]), cell["rate"], cell["seed"]))
    text = json.dumps(results, ensure_ascii=False, indent=1)
    RESULTS.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
    RESULTS.with_suffix(".md").write_text(report(results), encoding="utf-8")


def same(cells: list[dict[str, Any]], name: str, rate: float, seed: int) -> list[dict[str, Any]]:
    """The cells of this set, rate and seed."""
    return [cell for cell in cells if (cell["set"], cell["rate"], cell["seed"]) == (name, rate, seed)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--rates", nargs="+", type=float, default=list(RATES))
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--again", action="store_true", help="measure also what was measured before")
    parser.add_argument("--report", action="store_true", help="only write the page anew")
    given = parser.parse_args()
    for name, seed, rate in [] if given.report else product(given.sets, given.seeds, given.rates):
        if given.again or not same(stored()["cells"], name, rate, seed):
            told, cell = machine(), measure(name, rate, seed)
            print(json.dumps(cell, ensure_ascii=False), flush=True)
            results = stored()  # read again: several sets may be measured side by side
            old = same(results["cells"], name, rate, seed)
            results["cells"] = [one for one in results["cells"] if one not in old] + [cell]
            store(results | {"machine": told, "date": time.strftime("%Y-%m-%d")})
    store(stored())


if __name__ == "__main__":
    main()
