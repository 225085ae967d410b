"""Which pitfalls fire on real data sets, and how long they take: `python benchmarks/pitfalls_on_real_data.py`.

Needs the data sets in FITTINGROOM_DATA. Of each set at most 1,500 rows (drawn by a seed) go from `prepare` to `balance`
with the defaults (one repetition of three folds in `audit`); every detector looks after its stage. Each finding was
read and judged by hand: a true one is a fault that the data set has, a false one is none. Also: seconds of all
detectors of `prepare` on a million rows. Writes benchmarks/results/pitfalls_on_real_data.{json,md}.
"""

from __future__ import annotations

import csv
import json
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fittingroom.config import RunConfig, parse
from fittingroom.engine import Context
from fittingroom.errors import FittingroomError
from fittingroom.pitfalls import catalog, detect_all
from fittingroom.stages.audit import audit
from fittingroom.stages.balance import balance
from fittingroom.stages.dedup import dedup
from fittingroom.stages.label import label
from fittingroom.stages.prepare import prepare
from fittingroom.stages.split import split
from fittingroom.tables import Table
from fittingroom.types import Finding, Output, Rows
from machine import machine

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("FITTINGROOM_DATA", HERE.parent.parent / "shared" / "data"))
RESULTS = HERE / "results" / "pitfalls_on_real_data"
SEED = 7
LIMIT = 1500
MILLION = 1_000_000

Record = dict[str, Any]
JUDGED: dict[tuple[str, str], str] = {
    ("zh_shop_reviews category", "class-imbalance"): "true",
    ("zh_jddc_dialogues", "foreign-placeholders"): "true: masked by its publisher",
    ("en_crowd_complaints", "foreign-placeholders"): "true: XXXX of its publisher",
    ("en_crowd_complaints", "mostly-copies"): "true: one row for each annotation",
    ("en_alexa_reviews", "poor-audit-model"): "true: hardly better than always saying positive",
    ("en_alexa_reviews", "label-noise"): "told: the audit is not followed",
    ("en_instacart products", "class-imbalance"): "true",
    ("en_intent_banking77", "absent-classes"): "true: 1,500 rows of 77 classes",
    ("en_instacart products", "absent-classes"): "true: a handful of rows of these classes",
}
"""(data set, pitfall) -> what reading the rows said; whatever is missing here counts as false."""
SMALL = "true: fewer than 97 groups"
"""Of `held-out-part-too-small`, wherever it fires: the rows of this benchmark are few on purpose."""


def table(file: str, text: str, target: str, **more: str) -> Callable[[], Iterator[Record]]:
    """Rows of a CSV file; `more`: further columns of ours -> theirs."""

    def rows() -> Iterator[Record]:
        with (DATA / file).open(encoding="utf-8-sig", newline="") as lines:
            for row in csv.DictReader(lines):
                yield {"text": row[text], "label": row[target], **{ours: row[name] for ours, name in more.items()}}

    return rows


def objects(file: str, text: str, target: str, **more: str) -> Callable[[], Iterator[Record]]:
    """The same for JSON lines."""

    def rows() -> Iterator[Record]:
        with (DATA / file).open(encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                yield {"text": row[text], "label": row[target], **{ours: row[name] for ours, name in more.items()}}

    return rows


def dialogues() -> Iterator[Record]:
    """Turns of JDDC: who speaks, grouped by conversation."""
    with (DATA / "zh_jddc_dialogues" / "dialogues.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            talk = json.loads(line)
            for turn in talk["turns"]:
                yield {"text": turn["text"], "label": turn["role"], "group": talk["session_id"]}


SETS: dict[str, Callable[[], Iterator[Record]]] = {
    "zh_shop_reviews sentiment": table("zh_shop_reviews/reviews.csv", "review", "label"),
    "zh_shop_reviews category": table("zh_shop_reviews/reviews.csv", "review", "cat"),
    "zh_eprstmt": objects("zh_eprstmt/train_few_all.jsonl", "sentence", "label"),
    "zh_nlu_smp2019": objects("zh_nlu_smp2019/nlu.jsonl", "text", "domain"),
    "zh_jddc_dialogues": dialogues,
    "zh_advertisegen": objects("zh_advertisegen/ads.jsonl", "content", "summary"),
    "en_alexa_reviews": table("en_alexa_reviews/reviews.csv", "verified_reviews", "feedback"),
    "en_intent_banking77": table("en_intent_banking77/train.csv", "text", "category"),
    "en_intent_hint3": table("en_intent_hint3_sofmattress/train_v2.csv", "sentence", "label"),
    "en_support_bitext intent": table("en_support_bitext/support.csv", "instruction", "intent"),
    "en_support_bitext answers": table("en_support_bitext/support.csv", "instruction", "response"),
    "en_crowd_complaints": table("en_crowd_complaints/annotations.csv", "text", "truth", group="item"),
    "en_pricerunner_titles": table("en_pricerunner_titles/products.csv", "title", "category"),
    "en_instacart products": table("en_instacart_sample/products.csv", "product_name", "department"),
    "log_apache_elastic": table("zh_shop_reviews/reviews.csv", "review", "label"),
}


def recipe(name: str, grouped: bool) -> RunConfig:
    """The defaults; the log beside rows that are no matter of its own."""
    sources: list[Record] = [{"kind": "jsonl", "path": "rows.jsonl", "key": "id", "group": "group" if grouped else ""}]
    if name.startswith("log_"):
        sources.append({"kind": "weblog", "path": str(DATA / "log_apache_elastic" / "access.log"), "name": "log"})
    return parse(
        {
            "task": {"kind": "classify", "input": ["text"], "target": "label"},
            "sources": sources,
            "audit": {"repeats": 1, "folds": 3},
        },
        name,
    )


def looked(stage: str, output: Output, seconds: dict[str, float]) -> list[Finding]:
    """Findings after a stage; the seconds of each detector are added up."""
    found = []
    for pitfall in catalog().values():
        if pitfall.after == stage:
            started = time.process_time()
            others = [other.id for other in catalog().values() if other.id != pitfall.id]
            found += detect_all(output, stage, settings={}, disabled=others)
            seconds[pitfall.id] = seconds.get(pitfall.id, 0.0) + time.process_time() - started
    return found


def walk(name: str, records: list[Record], folder: Path, seconds: dict[str, float]) -> list[Finding]:
    """The road up to `balance`, and what its detectors say; a stage that refuses the rows ends it."""
    context = Context(root=folder, scratch=folder / "scratch", secret=b"benchmark", threads=1)
    context.scratch.mkdir()
    lines = [json.dumps({"id": f"k{number}", **row}, ensure_ascii=False) for number, row in enumerate(records)]
    (folder / "rows.jsonl").write_text("\n".join(lines), encoding="utf-8")
    config = recipe(name, "group" in records[0])
    task, seed = config.task, config.seed
    rows = prepare(sources=config.sources, prepare=config.prepare, task=task, context=context)
    found = looked("prepare", rows, seconds)
    try:
        rows = label(rows, label=config.label, task=task, context=context)
        found += looked("label", rows, seconds)
        rows = dedup(rows, dedup=config.dedup, task=task, context=context)
        found += looked("dedup", rows, seconds)
        parts = split(rows, split=config.split, task=task, seed=seed, context=context)
        found += looked("split", parts, seconds)
        parts = audit(parts, audit=config.audit, task=task, seed=seed, context=context)
        found += looked("audit", parts, seconds)
        parts = balance(parts, balance=config.balance, task=task, seed=seed, context=context)
        found += looked("balance", parts, seconds)
    except FittingroomError as error:
        print(f"    {name}: {error.text('en')[:110]}")
    return found


def letters(number: int) -> str:
    """A number in letters, so that every text is another one and holds no more digits than it did."""
    return str(number).translate(str.maketrans("0123456789", "abcdefghij"))


def million() -> dict[str, float]:
    """CPU seconds of each detector of `prepare` on a million rows of real reviews, said again and again."""
    import pyarrow as pa

    from fittingroom.types import dropped_schema, row_schema

    said = [row["text"] for row in SETS["zh_shop_reviews sentiment"]()][:20_000]
    schema = row_schema(["text"], "label")
    places = range(MILLION)
    columns: dict[str, list[Any]] = {
        "id": [f"{place:024x}" for place in places],
        "source": ["s"] * MILLION,
        "row_key": [str(place) for place in places],
        "group": [None] * MILLION,
        "time": [None] * MILLION,
        "input": [{"text": f"{said[place % len(said)]} {letters(place)}"} for place in places],
        "target": [{"label": str(place % 2)} for place in places],
        "annotations": [[]] * MILLION,
        "cluster": [None] * MILLION,
        "dup_count": [1] * MILLION,
        "edits": [[]] * MILLION,
    }
    kept = pa.table({name: pa.array(values, schema.field(name).type) for name, values in columns.items()})
    rows = Rows(kept=Table.of(kept), dropped=Table.records([], dropped_schema(schema)))
    seconds: dict[str, float] = {}
    looked("prepare", rows, seconds)
    return seconds


def main() -> None:
    """Run all sets and write the results."""
    seconds: dict[str, float] = {}
    told: list[Record] = []
    sizes: dict[str, int] = {}
    for name, read in SETS.items():
        records = list(read())
        random.Random(SEED).shuffle(records)
        sizes[name] = min(LIMIT, len(records))
        started = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            found = walk(name, records[:LIMIT], Path(folder), seconds)
        print(f"{name}: {len(found)} findings, {time.process_time() - started:.1f} s")
        for one in found:
            small = one.pitfall == "held-out-part-too-small"
            judged = SMALL if small else JUDGED.get((name, one.pitfall), "false")
            print(f"    {one.severity.value:5} {one.pitfall}: {one.summary.en} [{judged}]")
            told.append({"set": name, "pitfall": one.pitfall, "severity": one.severity.value, "said": one.summary.en})
            told[-1] |= {"judged": judged}
    write(told, sizes, seconds, million())


def write(told: list[Record], sizes: dict[str, int], seconds: dict[str, float], large: dict[str, float]) -> None:
    """JSON and Markdown."""
    RESULTS.parent.mkdir(exist_ok=True)
    stages = ("prepare", "label", "dedup", "split", "audit", "balance")
    looking = [pitfall for pitfall in catalog().values() if pitfall.after in stages]
    looks = len(looking) * len(sizes)
    false = [one for one in told if one["judged"].startswith("false") and one["severity"] != "info"]
    values = {"machine": machine(), "sets": sizes, "findings": told, "seconds": seconds, "million_rows": large}
    RESULTS.with_suffix(".json").write_text(json.dumps(values, indent=1, ensure_ascii=False), encoding="utf-8")
    slowest = ", ".join(f"{name} {large[name]:.1f} s" for name in sorted(large, key=lambda name: -large[name])[:4])
    looked_at = f"{len(looking)} detectors looked at {len(sizes)} data sets ({sum(sizes.values()):,} rows, defaults)"
    outcome = f"{looks} looks, {len(told)} findings, {len(false)} of them false ({len(false) / looks:.1%} of the looks)"
    took = (
        f"All their CPU time together: {sum(seconds.values()):.1f} s. On a million rows the detectors of `prepare` take"
    )
    lines = [
        "# Pitfalls on real data",
        "",
        f"{looked_at}: {outcome}.",
        f"{took} {sum(large.values()):.0f} s in all; the slowest: {slowest}.",
        "",
        "| data set | rows | finding | severity | what it says | read by hand |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, rows in sizes.items():
        mine = [one for one in told if one["set"] == name]
        for one in mine:
            said = one["said"].replace("|", "\\|")
            lines.append(f"| {name} | {rows} | {one['pitfall']} | {one['severity']} | {said} | {one['judged']} |")
        if not mine:
            lines.append(f"| {name} | {rows} | none | | | |")
    RESULTS.with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
