"""What the finders choose against a grid: regret in dev macro-F1, and minutes saved.

Two real sets with the built-in model: sentiment of Chinese shop reviews (two labels) and intents of English messages to
a bank (the 8 most frequent of 77). A grid of rates and batch sizes is trained in full, each cell the same number of
epochs over the same rows. The range test reads a rate off one rising training in two ways; a training at each reading
and one at the rate of the rule (`auto`) are compared with the best cell. Regret: macro-F1 of the best cell on dev minus
that of the choice; the grid's best is itself chosen on dev, which makes every regret look larger than it is. Minutes
saved: those of the grid minus those of the test and one training; all are minutes of the processor, not of the wall,
since other work shared the machine.

    python benchmarks/finders.py --data ../shared/data --out benchmarks/results/finders.json
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import random
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from fittingroom.engine import Context
from fittingroom.models.load import ModelConfig, load_model, load_tokenizer, resolve
from fittingroom.models.render import Renderer
from fittingroom.stages.configure import configure
from fittingroom.tables import Table
from fittingroom.tasks.classify import JOB, labels_of
from fittingroom.tasks.config import TaskConfig
from fittingroom.training.config import TrainConfig
from fittingroom.training.evaluation import Probe
from fittingroom.training.finders.batch import largest_pass
from fittingroom.training.finders.rates import range_test, steps_of
from fittingroom.training.fit import fit, prepared, repeatable
from fittingroom.training.passes import PASS_TOKENS, Layout
from fittingroom.training.rows import Encoded, encode
from fittingroom.types import Plan, Splits, row_schema
from machine import machine

SEED = 7


class Set(NamedTuple):
    """One data set, cut to what a core can train a dozen times."""

    file: str
    text: str
    target: str
    instruction: str
    method: str
    train: int
    dev: int
    epochs: float
    names: dict[str, str]
    longest: int
    """Characters of a text; longer ones are left out."""
    labels: int
    """The most frequent labels of the file that are used."""


SETS = {
    "zh_shop_reviews": Set(
        "zh_shop_reviews/reviews.csv", "review", "label", "判断评价的情感。", "lora", 480, 240, 3,
        {"0": "负面", "1": "正面"}, 30, 2,
    ),
    "en_intent_banking77": Set(
        "en_intent_banking77/train.csv", "text", "category", "", "full", 300, 160, 3, {}, 60, 8,
    ),
}  # fmt: skip
RATES = (3e-4, 1e-3, 3e-3, 1e-2)
BATCHES = (8, 32)


class Material(NamedTuple):
    """All that a training needs."""

    base: Any
    splits: Splits
    task: TaskConfig
    labels: list[str]
    train: Encoded
    dev: Encoded
    answers: list[list[int]]
    pad: int
    plan: Plan
    config: TrainConfig


def read(data: Path, this: Set) -> tuple[list[tuple[str, str, str]], list[tuple[str, str, str]]]:
    """(id, text, label) for train and dev: a fixed sample of the file, no text twice."""
    with (data / this.file).open(encoding="utf-8-sig", newline="") as file:
        found = {row[this.text].strip(): row[this.target] for row in csv.DictReader(file)}
    often = Counter(found.values())
    used = sorted(often, key=lambda label: (-often[label], label))[: this.labels]
    found = {text: label for text, label in found.items() if label in used and 0 < len(text) <= this.longest}
    rows = [(f"{number:06d}", text, this.names.get(label, label)) for number, (text, label) in enumerate(found.items())]
    random.Random(SEED).shuffle(rows)
    return rows[: this.train], rows[this.train : this.train + this.dev]


def material(data: Path, this: Set, scratch: Path) -> Material:
    """Rows, plan by the rules, probe's answers."""
    task = TaskConfig(kind="classify", input=["text"], target="label", instruction=this.instruction)
    schema = row_schema(["text"], "label")

    def table(rows: list[tuple[str, str, str]]) -> Table:
        return Table.records(
            [{"id": i, "source": "s", "input": {"text": t}, "target": {"label": y}} for i, t, y in rows], schema
        )

    train, dev = read(data, this)
    splits = Splits(
        train=table(train), dev=table(dev), calibration=table(dev[:0]), test=table(dev[:0]),
        dropped=Table.of(table(dev).arrow().slice(0, 0)),
    )  # fmt: skip
    base = resolve(ModelConfig(base="nano"), scratch)
    config = TrainConfig(method=this.method, epochs=this.epochs, early_stopping=None, eval_rows=this.dev)  # type: ignore[arg-type]
    plan = configure(
        splits, model=ModelConfig(base="nano"), train=config, task=task, seed=SEED, context=context(scratch)
    )
    renderer = Renderer(load_tokenizer(base.path))
    labels = labels_of(splits, task)
    encoded = [
        encode(part, task=task, labels=labels, renderer=renderer, max_length=plan.max_length)
        for part in (splits.train, splits.dev)
    ]
    answers = [renderer.answer_ids(said) for said in JOB.answers(task, labels)]
    return Material(base, splits, task, labels, *encoded, answers, renderer.eos_id, plan, config)


def context(scratch: Path) -> Context:
    return Context(root=scratch, scratch=scratch, secret=b"benchmark-key-000", threads=1)


def fresh(given: Material, plan: Plan) -> Any:
    return prepared(load_model(given.base.path), plan, given.config, SEED)


def trained(given: Material, rate: float, batch: int) -> dict[str, float]:
    """One training in full; its best dev macro-F1 and its seconds."""
    started = time.process_time()
    steps = max(1, math.ceil(math.ceil(len(given.train) / batch) * given.plan.epochs))
    plan = given.plan.model_copy(
        update={"learning_rate": rate, "batch_size": batch, "steps": steps, "warmup_steps": int(0.05 * steps)}
    )
    # What a training scores on its own rows chooses nothing here; two of them keep the probe whole.
    probe = Probe(given.dev, given.train, list(range(len(given.dev))), [0, 1], given.answers)
    model = fresh(given, plan)
    with tempfile.TemporaryDirectory() as folder:
        fitted = fit(
            model, rows=given.train, probe=probe, plan=plan, train=given.config, layout=Layout.of(model, given.pad),
            base_digest=given.base.digest, seed=SEED, context=context(Path(folder)),
        )  # fmt: skip
    evals = fitted.recorder.evals
    return {
        "learning_rate": rate,
        "batch_size": batch,
        "dev_macro_f1": round(max(entry["dev_metric"] for entry in evals[1:]), 4),
        "dev_loss": round(min(entry["dev_loss"] for entry in evals[1:]), 4),
        "seconds": round(time.process_time() - started, 1),
    }


def found(given: Material) -> dict[str, Any]:
    """The range test at the rule's batch, and the sizes of passes."""
    plan = given.plan
    started = time.process_time()
    with repeatable(1):
        model = fresh(given, plan)
        layout = Layout.of(model, given.pad)
        curve = range_test(
            model, given.train, layout, batch=plan.batch_size, around=plan.learning_rate,
            steps=steps_of(plan.steps), seed=SEED,
        )  # fmt: skip
        rates_seconds = time.process_time() - started
        started = time.process_time()
        model = fresh(given, plan)
        sizes = largest_pass(model, given.train, layout, batch=plan.batch_size, room=8 * 2**30, most=PASS_TOKENS)
    return {
        "curve": curve.as_json(), "seconds": round(rates_seconds, 1),
        "passes": sizes.as_json(), "passes_seconds": round(time.process_time() - started, 1),
    }  # fmt: skip


def bench(data: Path, name: str, keep: Any) -> dict[str, Any]:
    """Grid, finder and rule on one set; `keep` writes what is there after every training."""
    with tempfile.TemporaryDirectory() as folder:
        given = material(data, SETS[name], Path(folder))
    plan = given.plan
    result: dict[str, Any] = {
        "labels": len(given.labels), "train_rows": len(given.train), "dev_rows": len(given.dev),
        "method": plan.method, "epochs": plan.epochs,
        "rule": {"learning_rate": plan.learning_rate, "batch_size": plan.batch_size},
        "layout": plan.layout, "minutes_planned_at_the_rule": plan.minutes, "grid": [],
    }  # fmt: skip
    result["finder"] = found(given)
    keep(name, result)
    curve = result["finder"]["curve"]
    result["choices"] = {}
    for choice, rate in (
        ("rule", plan.learning_rate), ("steepest", curve["steepest"]), ("tenth", curve["tenth"]),
    ):  # fmt: skip
        result["choices"][choice] = trained(given, rate, plan.batch_size) if rate else None
        keep(name, result)
    for batch in BATCHES:
        for rate in RATES:
            result["grid"].append(trained(given, rate, batch))
            keep(name, result)
    return result


def judged(result: dict[str, Any]) -> dict[str, Any]:
    """Regret and minutes of every choice against the best cell."""
    best = max(result["grid"], key=lambda cell: (cell["dev_macro_f1"], -cell["learning_rate"]))
    grid = sum(cell["seconds"] for cell in result["grid"]) / 60
    rows = {}
    for name, one in result["choices"].items():
        if one is None:
            continue
        # In nats per answer token; it moves smoothly where macro-F1 of a few hundred rows jumps.
        lowest = min(cell["dev_loss"] for cell in result["grid"])
        test = 0.0 if name == "rule" else result["finder"]["seconds"]
        rows[name] = {
            "regret": round(best["dev_macro_f1"] - one["dev_macro_f1"], 4),
            "regret_of_loss": round(one["dev_loss"] - lowest, 4),
            "minutes": round((one["seconds"] + test) / 60, 2),
            "minutes_saved": round(grid - (one["seconds"] + test) / 60, 2),
            "test_share_of_training": round(test / one["seconds"], 3),
        }
    return {"best": best, "grid_minutes": round(grid, 2), "choices": rows}


def told(whole: dict[str, Any]) -> str:
    """The results as a page."""
    on = whole["machine"]
    lines = [
        "# What the finders choose, against a grid",
        "",
        (
            f"{on['processor']}, pinned to one core, load {on['load_1min']} at the start: minutes are "
            "the processor's, not the wall's. Built-in model; its scores say nothing about real DeepSeek models. One "
            "seed, a few hundred rows of dev: differences of a few points of macro-F1 are chance. Made by "
            "`benchmarks/finders.py`."
        ),
    ]
    for name, result in whole["sets"].items():
        found, verdict = result["finder"], judged(result)
        rule, best = result["rule"], verdict["best"]
        lines += [
            "",
            (
                f"## {name}: {result['labels']} labels, {result['train_rows']} rows, {result['method']}, "
                f"{result['epochs']:g} epochs, dev {result['dev_rows']}"
            ),
            "",
            (
                f"Grid of {len(result['grid'])} trainings, {verdict['grid_minutes']} min; best cell: rate "
                f"{best['learning_rate']:g}, batch {best['batch_size']}, macro-F1 {best['dev_macro_f1']:.3f}."
            ),
            "",
            "| chosen by | rate | batch | macro-F1 on dev | regret | dev loss | regret of loss | minutes | saved |",
            "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
        ]
        for choice, said in verdict["choices"].items():
            one = result["choices"][choice]
            lines.append(
                f"| {_NAMES[choice]} | {one['learning_rate']:g} | {one['batch_size']} | {one['dev_macro_f1']:.3f} "
                f"| {said['regret']:+.3f} | {one['dev_loss']:.3f} | {said['regret_of_loss']:+.3f} "
                f"| {said['minutes']:.2f} | {said['minutes_saved']:.2f} |"
            )
        lines += ["", "| rate | batch | macro-F1 on dev | dev loss |", "|---:|---:|---:|---:|"]
        for cell in sorted(result["grid"], key=lambda cell: (cell["batch_size"], cell["learning_rate"])):
            lines.append(
                f"| {cell['learning_rate']:g} | {cell['batch_size']} | {cell['dev_macro_f1']:.3f} "
                f"| {cell['dev_loss']:.3f} |"
            )
        passes = found["passes"]
        sizes = ", ".join(f"{one['tokens']}: {one['tokens_per_second']:.0f}" for one in passes["tried"])
        lines += [
            "",
            (
                f"The range test took {len(found['curve']['rates'])} steps and {found['seconds']:.1f} s (rule: rate "
                f"{rule['learning_rate']:g}, batch {rule['batch_size']}). Sizes of passes, tokens per second: {sizes}; "
                f"chosen: {passes['tokens']}. The size changes speed, never the result."
            ),
        ]
    if whole.get("notes"):
        lines += ["", "## Read by people", "", *(f"- {note}" for note in whole["notes"])]
    return "\n".join(lines) + "\n"


_NAMES = {
    "rule": "the rule (`auto`)",
    "steepest": "range test, steepest fall",
    "tenth": "range test, a tenth of the lowest point",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/finders.json"))
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    given = parser.parse_args()
    whole: dict[str, Any] = {"machine": machine(), "seed": SEED, "sets": {}}

    def keep(name: str, result: dict[str, Any]) -> None:
        whole["sets"][name] = result
        given.out.write_text(json.dumps(whole, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

    for name in given.sets:
        result = bench(given.data, name, keep)
        result["judged"] = judged(result)
        keep(name, result)
        print(name, json.dumps(result["judged"]))
    whole["load_1min_at_the_end"] = machine()["load_1min"]
    keep(given.sets[-1], whole["sets"][given.sets[-1]])
    given.out.with_suffix(".md").write_text(told(whole), encoding="utf-8")


if __name__ == "__main__":
    main()
