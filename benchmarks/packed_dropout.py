"""Dropout in packs: what rows share is dropped once for all of them. Does the final score notice?

    python benchmarks/packed_dropout.py --seeds 5

The same trainings on `zh_shop_reviews` (sentiment) twice, packed (`train.packing: auto`, which has to come out as
shared-prefix) and one row by itself (`off`), with dropout 0.2: the same rows, batches and schedule, another draw.
Judged on the same dev rows, by the weights at the end. Differences are paired by seed. Writes
results/packed_dropout.{json,md}.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, Literal

from fittingroom.engine import Context
from fittingroom.models.load import ModelConfig
from fittingroom.stages.configure import configure
from fittingroom.stages.train import train
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.training.config import TrainConfig
from fittingroom.types import Splits, row_schema
from machine import machine

DATA = Path(os.environ.get("FITTINGROOM_DATA", "../shared/data"))
RESULTS = Path(__file__).parent / "results"
TASK = TaskConfig(
    kind="classify",
    input=["text"],
    target="label",
    instruction="判断下面这条商品评论的情感。只回答一个标签，不要解释，不要重复评论内容，也不要使用其他词语。"
    "评论可能谈到物流、价格、质量、包装、客服、尺码、口味或内容；按评论整体的态度判断，褒贬都有时看哪一方更重。",
)


def rows(count: int, dev: int) -> Splits:
    """The same rows for every training."""
    with (DATA / "zh_shop_reviews" / "reviews.csv").open(encoding="utf-8-sig", newline="") as file:
        all_rows = [row for row in csv.DictReader(file) if 8 <= len(row["review"]) <= 60]
    random.Random(3).shuffle(all_rows)

    def part(some: list[dict[str, str]]) -> Table:
        records = [
            {
                "id": row["id"],
                "source": "reviews",
                "input": {"text": row["review"]},
                "target": {"label": {"1": "好评", "0": "差评"}[row["label"]]},
            }
            for row in some
        ]
        return Table.records(records, row_schema(["text"], "label"))

    return Splits(
        train=part(all_rows[:count]),
        dev=part(all_rows[count : count + dev]),
        calibration=part([]),
        test=part([]),
        dropped=part([]),
    )


def trained(
    splits: Splits, packing: Literal["auto", "off"], method: Literal["full", "lora"], seed: int
) -> dict[str, Any]:
    """One training; its last evaluation."""
    section = TrainConfig(
        method=method,
        learning_rate=1e-3 if method == "full" else 3e-3,
        batch_size=32,
        epochs=3,
        dropout=0.2,
        packing=packing,
        early_stopping=None,
        eval_rows=2000,
    )
    with tempfile.TemporaryDirectory() as folder:

        def at(stage: str) -> Context:
            scratch = Path(folder) / stage
            scratch.mkdir()
            return Context(root=Path(folder), scratch=scratch, secret=b"benchmark", threads=1)

        plan = configure(splits, model=ModelConfig(), train=section, task=TASK, seed=seed, context=at("configure"))
        if plan.layout["kind"] != ("shared-prefix" if packing == "auto" else "padded"):
            raise SystemExit(f"packing {packing} came out as {plan.layout['kind']}: nothing would be compared")
        began = time.monotonic()
        done = train(plan, splits, model=ModelConfig(), train=section, task=TASK, seed=seed, context=at("train"))
    last = done.evals[-1]
    return {
        "macro_f1": round(last["dev_metric"], 5),
        "dev_loss": round(last["dev_loss"], 5),
        "computed": plan.layout["computed"],
        "seconds": round(time.monotonic() - began, 1),
    }


def difference(pairs: list[tuple[float, float]]) -> dict[str, float]:
    """Packed minus single, mean and its standard error over seeds."""
    each = [one - other for one, other in pairs]
    error = statistics.stdev(each) / math.sqrt(len(each)) if len(each) > 1 else math.nan
    return {"mean": round(statistics.fmean(each), 5), "standard_error": round(error, 5)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=1200)
    parser.add_argument("--dev", type=int, default=800)
    given = parser.parse_args()
    splits = rows(given.rows, given.dev)
    results: dict[str, Any] = {
        "machine": machine(),
        "rows": given.rows,
        "dev": given.dev,
        "dropout": 0.2,
        "methods": {},
    }
    methods: tuple[Literal["full", "lora"], ...] = ("full", "lora")
    for method in methods:
        runs = []
        for seed in range(1, given.seeds + 1):
            packed, single = (trained(splits, packing, method, seed) for packing in ("auto", "off"))  # type: ignore[arg-type]
            runs.append({"seed": seed, "packed": packed, "single": single})
            print(method, runs[-1], flush=True)
        results["methods"][method] = {
            "runs": runs,
            "macro_f1": difference([(run["packed"]["macro_f1"], run["single"]["macro_f1"]) for run in runs]),
            "dev_loss": difference([(run["packed"]["dev_loss"], run["single"]["dev_loss"]) for run in runs]),
        }
    write(results)


def write(results: dict[str, Any]) -> None:
    (RESULTS / "packed_dropout.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    said = [
        "# Dropout in packs",
        "",
        f"{results['machine']['processor']}, load {results['machine']['load_1min']}; the built-in ",
    ]
    said[-1] += (
        f"model `nano`, {results['rows']} train and {results['dev']} dev rows of `zh_shop_reviews`, "
        f"dropout {results['dropout']}."
    )
    said += ["", "| method | seed | macro-F1 packed | single | dev loss packed | single |", "|---|---|---|---|---|---|"]
    for method, found in results["methods"].items():
        for run in found["runs"]:
            one, other = run["packed"], run["single"]
            said.append(
                f"| {method} | {run['seed']} | {one['macro_f1']:.4f} | {other['macro_f1']:.4f} | "
                f"{one['dev_loss']:.4f} | {other['dev_loss']:.4f} |"
            )
    said += ["", "Packed minus single, mean over seeds ± its standard error:", ""]
    for method, found in results["methods"].items():
        score, loss = found["macro_f1"], found["dev_loss"]
        said.append(
            f"- {method}: macro-F1 {score['mean']:+.4f} ± {score['standard_error']:.4f}, dev loss "
            f"{loss['mean']:+.4f} ± {loss['standard_error']:.4f}"
        )
    (RESULTS / "packed_dropout.md").write_text("\n".join(said) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
