"""The data road at growing size: prepare, label, dedup and split on 0.1, 1 and 10 million generated rows.

`python benchmarks/scale.py FOLDER --rows 100000 1000000 [--core 0]`. Rows are those of `texts.py` (with faults, a
label, a customer) as Parquet in FOLDER, made when they are not there. Each size is a process of its own. Measured per
stage: CPU seconds (user + system) and the highest resident memory of the process so far; publishing is not (the store
writes each table once more). The aim: 10 million rows within 8 GB, CPU per row at most 1.3 times that at 1 million.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from machine import machine
from measured import spent_by
from texts import write

RESULTS = Path(__file__).parent / "results"
SEED = 7


def road(source: Path, scratch: Path) -> list[dict[str, Any]]:
    """All stages in this process; what each took."""
    from fittingroom.config import RunConfig
    from fittingroom.engine import Context
    from fittingroom.stages.dedup import dedup
    from fittingroom.stages.label import label
    from fittingroom.stages.prepare import prepare
    from fittingroom.stages.split import split

    files = [
        {"kind": "parquet", "name": path.stem, "path": str(path), "key": "id", "group": "customer"}
        for path in sorted(source.glob("*.parquet"))
    ]
    config = RunConfig.model_validate(
        {"task": {"kind": "classify", "input": ["text"], "target": "label"}, "sources": files}
    )
    found: list[dict[str, Any]] = []

    def timed(name: str, work: Callable[[Context], Any]) -> Any:
        folder = scratch / name
        folder.mkdir(parents=True)
        began, wall = time.process_time(), time.monotonic()
        out = work(Context(root=scratch, scratch=folder, secret=b"benchmark" * 4, threads=1))
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        took = {"cpu_s": time.process_time() - began, "wall_s": time.monotonic() - wall, "peak_gib": memory}
        found.append({"stage": name, **{name: round(value, 2) for name, value in took.items()}, "facts": out.facts})
        print(json.dumps(found[-1], ensure_ascii=False, default=str), file=sys.stderr, flush=True)
        return out

    task, seed = config.task, config.seed
    rows = timed("prepare", lambda at: prepare(sources=config.sources, prepare=config.prepare, task=task, context=at))
    rows = timed("label", lambda at: label(rows, label=config.label, task=task, context=at))
    rows = timed("dedup", lambda at: dedup(rows, dedup=config.dedup, task=task, context=at))
    timed("split", lambda at: split(rows, split=config.split, task=task, seed=seed, context=at))
    return found


def measure(folder: Path, rows: int, core: int | None) -> dict[str, Any]:
    """One size, in a process of its own."""
    source = folder / f"rows-{rows}"
    if not source.is_dir():
        write(source, rows, SEED, labels=8, customers=max(1_000, rows // 3), form="parquet")
    out = folder / f"road-{rows}.json"
    command = [sys.executable, __file__, str(folder), "--one", str(source), "--out", str(out)]
    spent = spent_by(command, log=folder / f"road-{rows}.log", core=core)
    return {"rows": rows, "whole": spent._asdict(), "stages": json.loads(out.read_text("utf-8"))}


def shown(found: list[dict[str, Any]], told: dict[str, Any]) -> str:
    """The table."""
    names = [stage["stage"] for stage in found[0]["stages"]]
    head = (
        "| rows | " + " | ".join(f"{name}, µs CPU/row" for name in names) + " | all, µs CPU/row | peak GiB | wall min |"
    )
    lines = [head, "|--:" * (len(names) + 4) + "|"]
    per_row = {}
    for one in found:
        cpu = [stage["cpu_s"] / one["rows"] * 1e6 for stage in one["stages"]]
        per_row[one["rows"]] = sum(cpu)
        cells = [f"{value:.0f}" for value in [*cpu, sum(cpu)]]
        peak = max(stage["peak_gib"] for stage in one["stages"])
        lines.append(f"| {one['rows']:,} | {' | '.join(cells)} | {peak:.2f} | {one['whole']['wall_s'] / 60:.1f} |")
    base = per_row.get(1_000_000)
    ratios = ", ".join(f"{rows:,}: {value / base:.2f}" for rows, value in per_row.items()) if base else ""
    missing = "" if 10_000_000 in per_row else "\n\n10 million rows were not measured here."
    return f"""# The data road at growing size

{told["processor"]}, {told["memory_gib"]} GiB, Python {
        told["python"]
    }, one core, one thread; load (1 minute) when it began: {
        ", ".join(f"{one['whole']['load']:.1f}" for one in found)
    }. Written by `benchmarks/scale.py`.

{chr(10).join(lines)}

CPU per row as a multiple of that at 1 million: {
        ratios or "not measured"
    } (aim: at most 1.3 at 10 million, within 8 GB).{missing}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000])
    parser.add_argument("--core", type=int)
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        scratch = given.folder / f"scratch-{given.one.name}"
        shutil.rmtree(scratch, ignore_errors=True)
        given.out.write_text(json.dumps(road(given.one, scratch), ensure_ascii=False, default=str), encoding="utf-8")
        shutil.rmtree(scratch)
        return
    given.folder.mkdir(parents=True, exist_ok=True)
    told = machine()
    found = []
    for rows in given.rows:
        found.append(measure(given.folder, rows, given.core))
        RESULTS.mkdir(exist_ok=True)
        text = json.dumps({"machine": told, "sizes": found}, ensure_ascii=False, indent=1)
        (RESULTS / "scale.json").write_text(text + "\n", encoding="utf-8")
        (RESULTS / "scale.md").write_text(shown(found, told), encoding="utf-8")


if __name__ == "__main__":
    main()
