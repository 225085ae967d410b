"""Labels of real crowds against the truth, by three ways to merge them: `python benchmarks/crowd_labels.py`.

Needs `en_crowd_complaints` and `en_crowd_product_match` in FITTINGROOM_DATA. Every item goes through `label` with
`merge: majority`, `dawid_skene` and `crowdlab`; equal texts are not settled (`conflicts: keep`). An item without a
label (a tie, under `majority`) counts as wrong; with ties broken by the alphabet it stands beside it. Beside CROWDLAB
as we use it (its model learns what Dawid and Skene's model believes) stands CROWDLAB with a model of the majority.
Writes benchmarks/results/crowd_labels.{json,md}.
"""

from __future__ import annotations

import csv
import json
import os
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fittingroom.engine import Context
from fittingroom.stages.label import LabelConfig, label
from fittingroom.statistics.agreement import crowdlab, majority
from fittingroom.statistics.linear import out_of_fold
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.types import Rows, dropped_schema, row_schema
from machine import machine

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("FITTINGROOM_DATA", HERE.parent.parent / "shared" / "data"))
RESULTS = HERE / "results" / "crowd_labels"
SEED = 7
TASK = TaskConfig(kind="classify", input=["text"], target="label")
SCHEMA = row_schema(["text"], "label")
Item = dict[str, Any]


def complaints() -> list[Item]:
    """One item per complaint: text, votes, truth."""
    found: dict[str, Item] = {}
    for row in lines("en_crowd_complaints/annotations.csv"):
        item = found.setdefault(row["item"], {"text": row["text"], "truth": row["truth"], "votes": {}})
        item["votes"][row["annotator"]] = row["answer"]
    return [found[name] for name in sorted(found)]


def products() -> list[Item]:
    """One item per pair of offers."""
    votes: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for row in lines("en_crowd_product_match/answers.csv"):
        votes[row["pair_id"]][row["worker"]] = row["answer"]
    return [
        {"text": f"{row['name_a']}\n{row['name_b']}", "truth": row["truth"], "votes": votes[row["pair_id"]]}
        for row in sorted(lines("en_crowd_product_match/pairs.csv"), key=lambda row: row["pair_id"])
    ]


def lines(file: str) -> list[dict[str, str]]:
    """Rows of a CSV file."""
    with (DATA / file).open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def measure(items: Sequence[Item]) -> dict[str, Any]:
    """Every way on one data set."""
    truth = [item["truth"] for item in items]
    votes: list[Mapping[str, str]] = [item["votes"] for item in items]
    ways: dict[str, Any] = {"single answers": single(votes, truth)}
    broken = [majority(one) or min(one.values()) for one in votes]
    ways["majority, ties by the alphabet"] = {**scored(broken, truth), "cpu_seconds": None}
    agreement: dict[str, Any] = {}
    for way in ("majority", "dawid_skene", "crowdlab"):
        began = time.process_time()
        labels, facts = merged(items, way)
        ways[way] = {**scored(labels, truth), "cpu_seconds": round(time.process_time() - began, 1)}
        if way == "crowdlab":
            ways[way]["model_accuracy_against_votes"] = facts["model_accuracy"]
        agreement = {name: facts[name] for name in ("annotators", "rows", "fleiss_kappa", "krippendorff_alpha")}
    model = out_of_fold([item["text"] for item in items], broken, [str(n) for n in range(len(items))], seed=SEED)
    ways["crowdlab, model of the majority"] = {
        **scored(crowdlab(votes, model.labels, model.probabilities)[0], truth),
        "cpu_seconds": None,
    }
    return {"items": len(items), "answers": sum(map(len, votes)), "agreement": agreement, "ways": ways}


def merged(items: Sequence[Item], way: Any) -> tuple[list[str | None], dict[str, Any]]:
    """Labels as the stage gives them, None where it gives none; and what it says of the agreement."""
    empty = {"source": "s", "group": None, "time": None, "cluster": None, "dup_count": 1, "edits": []}
    rows = [
        {
            "id": f"r{number:06d}",
            "row_key": str(number),
            "input": {"text": item["text"]},
            "target": {"label": None},
            "annotations": [{"annotator": who, "label": said} for who, said in sorted(item["votes"].items())],
            **empty,
        }
        for number, item in enumerate(items)
    ]
    start = Rows(kept=Table.records(rows, SCHEMA), dropped=Table.records([], dropped_schema(SCHEMA)))
    context = Context(root=HERE / "nowhere", scratch=HERE, secret=b"benchmark")
    out = label(start, label=LabelConfig(merge=way, conflicts="keep", near=1.0), task=TASK, context=context)
    found = {row["id"]: row["target"]["label"] for row in out.kept.dicts()}
    return [found.get(row["id"]) for row in rows], out.facts["agreement"]


def single(votes: Sequence[Mapping[str, str]], truth: Sequence[str]) -> dict[str, Any]:
    """How often one answer is right."""
    hits = [said == right for one, right in zip(votes, truth, strict=True) for said in one.values()]
    return {"accuracy": sum(hits) / len(hits), "macro_f1": None, "without": 0, "cpu_seconds": None}


def scored(labels: Sequence[str | None], truth: Sequence[str]) -> dict[str, Any]:
    """Accuracy and macro-F1 against the truth; no label is a wrong label."""
    f1 = []
    for kind in sorted(set(truth)):
        hit = sum(said == right == kind for said, right in zip(labels, truth, strict=True))
        f1.append(2 * hit / (labels.count(kind) + truth.count(kind)))
    right = sum(said == wanted for said, wanted in zip(labels, truth, strict=True))
    return {"accuracy": right / len(truth), "macro_f1": sum(f1) / len(f1), "without": labels.count(None)}


def table(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    about = (
        f"Made by `python benchmarks/crowd_labels.py`, {results['date']}. Accuracy and macro-F1 against the truth that "
        "the data sets bring along; the truth was never shown. The complaints are extreme: single answers are little "
        "better than chance (0.2) and so is the majority; what helps is to know whom to believe. The pairs of products "
        "are the other case: the texts tell a linear model little, so one more annotator of that kind costs accuracy: "
        "Dawid and Skene's model is better there. `merge: auto` therefore never chooses CROWDLAB by itself."
    )
    parts = ["# Labels of real crowds, merged", "", about, ""]
    parts += ["| Data | Way | Accuracy | Macro-F1 | Items without a label | CPU s |", "|---" * 6 + "|"]
    for name, found in results["sets"].items():
        for way, one in found["ways"].items():
            f1 = "-" if one["macro_f1"] is None else f"{one['macro_f1']:.3f}"
            seconds = "-" if one["cpu_seconds"] is None else one["cpu_seconds"]
            parts.append(f"| {name} | {way} | {one['accuracy']:.3f} | {f1} | {one['without']} | {seconds} |")
    parts += ["", "| Data | Items | Answers | People | Fleiss' kappa | Krippendorff's alpha |", "|---" * 6 + "|"]
    for name, found in results["sets"].items():
        told = found["agreement"]
        parts.append(
            f"| {name} | {found['items']} | {found['answers']} | {told['annotators']} | {told['fleiss_kappa']:.3f} "
            f"| {told['krippendorff_alpha']:.3f} |"
        )
    return "\n".join(parts) + "\n"


def main() -> None:
    """Both sets."""
    results: dict[str, Any] = {"date": time.strftime("%Y-%m-%d"), "machine": machine(), "sets": {}}
    for name, load in (("en_crowd_complaints", complaints), ("en_crowd_product_match", products)):
        results["sets"][name] = measure(load())
        print(json.dumps(results["sets"][name]), flush=True)
    RESULTS.with_suffix(".json").write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    RESULTS.with_suffix(".md").write_text(table(results), encoding="utf-8")


if __name__ == "__main__":
    main()
