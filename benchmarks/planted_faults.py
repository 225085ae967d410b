"""What the data road finds of planted faults: `python benchmarks/planted_faults.py [--seed 7] [--rows N]
[--only NAME]`.

On the sample shop (both recipes) and on the reviews of `zh_shop_reviews` (in FITTINGROOM_DATA), into which the same
kinds of faults are planted. Writes benchmarks/results/planted_faults.{json,md}: figures only, no texts; tables
that were not made again are kept.

On real reviews "false" is an upper bound: what was there before anything was planted (real names, real wrong labels)
counts as false, save markup, which is looked up in the texts as they were.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fittingroom import Workspace
from fittingroom.journal import Journal
from fittingroom.sample import plant
from fittingroom.sample.check import measure
from fittingroom.sample.recipes import environment, sample_key
from fittingroom.sample.tally import Line, measure_broken, table
from fittingroom.sample.truth import Truth
from fittingroom.sources.rows import row_id
from fittingroom.store import Store
from fittingroom.types import Output, Rows, Splits
from machine import machine

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "planted_faults"
DATA = Path(os.environ.get("FITTINGROOM_DATA", HERE.parent.parent / "shared" / "data"))
STAGES: dict[str, type[Output]] = {"prepare": Rows, "label": Rows, "dedup": Rows, "split": Splits, "audit": Splits}

REAL_RECIPE = """\
name: planted-reviews
task: {kind: classify, input: [review], target: label}
sources:
  - {name: reviews, kind: csv, path: planted.csv, key: id}
split: {dev: 0.15, calibration: 0.05, test: 0.15}
"""


def stage_outputs(folder: Path, recipe: str) -> tuple[dict[str, Output], set[str]]:
    """Outputs of the data stages by name, and the pitfalls that were met: one walk of `check`, from its journal."""
    found = Workspace(folder).check(recipe)
    (checked,) = (folder / "checks").iterdir()
    store, outputs = Store(folder), {}
    for event in Journal(checked / "events.jsonl").read():
        if event["kind"] == "stage_done" and event["stage"] in STAGES:
            outputs[event["stage"]] = store.load(event["digest"], STAGES[event["stage"]])
    return outputs, {finding.pitfall for finding in found.findings}


def on_shop(seed: int, recipe: str, source: str, field: str, target: str) -> list[Line]:
    """The sample shop with one of its recipes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "shop"
        Workspace(folder).init(sample=True, seed=seed)
        told = json.loads((folder / "truth.json").read_text(encoding="utf-8"))["sources"]
        outputs, findings = stage_outputs(folder, recipe)
        lines = measure(
            Truth.model_validate(told[source]),
            outputs,
            source=source,
            field=field,
            target=target,
            row_id=ids(seed, source),
            findings=findings,
        )
        prepared = outputs["prepare"]
        assert isinstance(prepared, Rows)
        rejected = prepared.rejected.dicts() if prepared.rejected is not None else []
        for file in ("mentions", "log"):
            numbers = [row["line"] for row in rejected if row["source"] == file]
            if file in {row["source"] for row in rejected}:
                lines.append(measure_broken(file, told[file]["broken_lines"], numbers))
        return lines


def on_reviews(seed: int, rows: int) -> list[Line]:
    """Real reviews with planted faults."""
    origin = DATA / "zh_shop_reviews" / "reviews.csv"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        columns = ["--text", "review", "--label", "label", "--key", "id"]
        places = ["--csv", str(origin), "--out", str(folder / "planted.csv"), "--truth", str(folder / "truth.json")]
        plant.main([*columns, *places, "--seed", str(seed), *(["--rows", str(rows)] if rows else [])])
        (folder / "recipe.yaml").write_text(REAL_RECIPE, encoding="utf-8")
        (folder / ".env").write_text(environment(seed), encoding="utf-8")
        with origin.open(encoding="utf-8-sig", newline="") as file:
            untouched = {row["id"]: row["review"] for row in csv.DictReader(file)}
        truth = Truth.model_validate_json((folder / "truth.json").read_text(encoding="utf-8"))
        outputs, findings = stage_outputs(folder, "recipe.yaml")
        return measure(
            truth,
            outputs,
            source="reviews",
            field="review",
            target="label",
            row_id=ids(seed, "reviews"),
            findings=findings,
            untouched={key: text for key, text in untouched.items() if key in truth.labels},
        )


def ids(seed: int, source: str) -> Callable[[str], str]:
    """Primary key -> id, under the key of the sample shop."""
    secret = sample_key(seed).encode()
    return lambda key: row_id(secret, source, key)


def report(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    facts = results["machine"]
    intro = (
        f"Seed {results['seed']}; {facts['processor']}, {facts['cores']} cores. Written by "
        "`benchmarks/planted_faults.py`. A pair whose exact Jaccard index is above the threshold is no false one. On "
        "real reviews *false* is an upper bound: names and wrong labels that were there before are counted as false."
    )
    text = ["# Planted faults: found, missed, false", "", intro]
    for name, part in results["tables"].items():
        lines = [Line.model_validate(line) for line in part["lines"]]
        text += ["", f"## {name}", "", f"{part['minutes']} minutes.", "", table(lines).rstrip()]
    return "\n".join(text) + "\n"


def main() -> None:
    """Run all three and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rows", type=int, default=0, help="rows of the real reviews; 0: all")
    parser.add_argument("--only", default="", help="make only the tables whose name holds this")
    given = parser.parse_args()
    works: dict[str, Callable[[], list[Line]]] = {
        "Sample shop, service messages": lambda: on_shop(given.seed, "recipe.yaml", "messages", "message", "intent"),
        "Sample shop, reviews": lambda: on_shop(given.seed, "recipe-reviews.yaml", "reviews", "review", "sentiment"),
        "zh_shop_reviews": lambda: on_reviews(given.seed, given.rows),
    }
    path = RESULTS.with_suffix(".json")
    before = json.loads(path.read_text(encoding="utf-8"))["tables"] if path.exists() else {}
    tables = {name: before[name] for name in works if name in before}
    results: dict[str, Any] = {"seed": given.seed, "rows": given.rows, "machine": machine(), "tables": tables}
    for name, work in works.items():
        if given.only not in name:
            continue
        started = time.monotonic()
        lines = [line.model_dump() for line in work()]
        tables[name] = {"minutes": round((time.monotonic() - started) / 60, 1), "lines": lines}
        print(f"{name}\n{table([Line.model_validate(line) for line in lines])}", flush=True)
    RESULTS.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    RESULTS.with_suffix(".md").write_text(report(results), encoding="utf-8")


if __name__ == "__main__":
    main()
