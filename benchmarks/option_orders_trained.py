"""Whether answers depend on the order in which options are shown: the same trainings with one order and with several.

    python benchmarks/option_orders_trained.py --data ../shared/data

The rows and the good configuration are those of `loop/` (see `loop/sets.py`), the model is the built-in one. Dev
answers are given again under four orders of the options that training had not seen (`facts.order` of a report). Writes
benchmarks/results/option_orders_trained.{json,md}.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("DO_NOT_TRACK", "1")
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "loop"), str(HERE)]

from sets import SETS, recipe, write_rows  # noqa: E402

from fittingroom import pipeline  # noqa: E402
from fittingroom.config import parse  # noqa: E402
from fittingroom.run import Run  # noqa: E402
from fittingroom.store import Store  # noqa: E402
from machine import machine  # noqa: E402

RESULTS = HERE / "results" / "option_orders_trained.json"
LISTED, LETTERS = {"list_labels": True}, {"letters": True}
TRAININGS: tuple[tuple[str, str, dict[str, Any], bool, float], ...] = (
    ("zh_nlu_smp2019", "labels, listed", {**LISTED, "permute": 0}, False, 6.0),
    ("zh_nlu_smp2019", "labels, listed", {**LISTED, "permute": 8}, False, 6.0),
    ("zh_shop_reviews", "letters", {**LETTERS, "permute": 2}, True, 8.0),
)
"""Set, how it is answered, the keys of `task`, whether many rows are taken, epochs."""


def trained(data: Path, root: Path, name: str, task: dict[str, Any], many: bool, epochs: float) -> dict[str, Any]:
    """One training, judged on dev."""
    this = SETS[name]._replace(most=SETS[name].many) if many else SETS[name]
    values = recipe(this)
    rows = write_rows(data, this, root)
    del values["task"]["list_labels"]
    values["task"] |= task
    values["train"] |= {"epochs": epochs, "early_stopping": 6}
    folder = root / "runs" / "orders"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "events.jsonl").unlink(missing_ok=True)
    run = Run(folder, Store(root), root=root, secret=b"benchmark-key-000")
    judged = pipeline.attempt(parse(values, "benchmark"), run)
    report, last = judged.report, judged.trained.evals[-1]
    return {
        "rows": rows,
        "macro_f1": round(report.model.metrics["macro_f1"].value, 3),
        "train_macro_f1": round(last["train_metric"], 3),
        "order": report.facts["order"],
    }


def told(found: list[dict[str, Any]], facts: dict[str, Any]) -> str:
    """The page."""
    about = (
        f"{facts['processor']}; the built-in model `nano`; by `benchmarks/option_orders_trained.py`, which says how. "
        "One seed. Stable: the same answer under all four orders that training had not seen. As served: the share of "
        "those answers that are the one given with the order that is served."
    )
    lines = [
        "# Whether the answer depends on the order of the options",
        "",
        about,
        "",
        "| set | rows | answers | orders in training | macro-F1 on seen rows | on dev | stable | as served |",
        "|---|--:|---|--:|--:|--:|--:|--:|",
    ]
    for one in found:
        order = one["order"]
        lines.append(
            f"| {one['set']} | {one['rows']:,} | {one['answers']} | {one['permute'] or 1} "
            f"| {one['train_macro_f1']:.2f} | {one['macro_f1']:.3f} | {order['stable']:.0%} | {order['agreeing']:.0%} |"
        )
    lines += [
        "",
        f"- Listed labels: {_moved(found[0])} of the answers change with the order after training on one order,",
        f"  {_moved(found[1])} after training on {found[1]['permute']}.",
        "- Letters need a model that can look up in the prompt what a letter stands for. `nano` cannot: it learns the",
        "  rows by heart and guesses on others. Take whole labels for so small a base (`letters: false`, the default).",
    ]
    return "\n".join(lines) + "\n"


def _moved(one: dict[str, Any]) -> str:
    return f"{1 - one['order']['stable']:.0%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("FITTINGROOM_DATA", "../shared/data")))
    parser.add_argument("--work", type=Path, help="folder of workspaces that are kept; else they go")
    given = parser.parse_args()
    found = []
    for name, answers, task, many, epochs in TRAININGS:
        with tempfile.TemporaryDirectory() as folder:
            root = (given.work or Path(folder)) / f"{name}-{task['permute']}"
            one = trained(given.data, root, name, task, many, epochs)
        found.append({"set": name, "answers": answers, "permute": task["permute"], **one})
        print(json.dumps(found[-1]), flush=True)
    facts = machine()
    RESULTS.write_text(json.dumps({"machine": facts, "found": found}, indent=1) + "\n", encoding="utf-8")
    RESULTS.with_suffix(".md").write_text(told(found, facts), encoding="utf-8")


if __name__ == "__main__":
    main()
