"""Cost of the table engines on the relational work of the product: Daft against polars (decision 0001).

    pip install daft==0.7.26 polars==2.1.0 pyarrow
    python benchmarks/table_engine.py --rows 1000000 --repeats 3

Every (engine, operation) pair runs in a process of its own, so CPU seconds (user + system), wall seconds and peak
resident memory are those of the whole process, import of the engine included. Repeats of the engines alternate; the
lowest figure is reported, with the highest beside it. Before anything is timed, the engines' results are compared row
by row. A process that dies after its work is done, while the interpreter shuts down, is counted and its figures are
kept; one that dies before is an error.
"""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from table_engine_work import ENGINES, OPERATIONS, compare, generate, run_daft, run_polars

DECIDING = "chain"
LIMIT = 1.5


def spawn(*arguments: str, done: Path | None = None) -> dict[str, float]:
    """One child process; CPU and wall in seconds, peak resident memory in MiB.

    `done` is a file that the child writes when its work is done. On Linux a child's peak starts at the memory of the
    process that spawned it, so this one loads no library of its own.
    """
    environment = os.environ | {"DO_NOT_TRACK": "1", "DAFT_PROGRESS_BAR": "0"}
    began, load = time.perf_counter(), os.getloadavg()[0]
    process = subprocess.Popen([sys.executable, __file__, *arguments], env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = code = os.waitstatus_to_exitcode(status)
    if code and not (done and done.exists()):
        raise SystemExit(f"{' '.join(arguments[:3])} ended with code {code} before its work was done; see above")
    cpu, peak = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
    return {"cpu_s": cpu, "wall_s": wall, "peak_mib": peak, "load": load, "code": code}


def machine() -> dict[str, Any]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    versions = {name: version(name) for name in ("daft", "polars", "pyarrow")} | {"python": platform.python_version()}
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.system(),
        "versions": versions,
    }


def measure(rows: int, repeats: int, seed: int) -> dict[str, Any]:
    runs: dict[str, dict[str, list[dict[str, float]]]]
    runs = {name: {engine: [] for engine in ENGINES} for name in OPERATIONS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spawn("generate", str(folder), str(rows), str(seed))
        for operation in list(OPERATIONS)[1:]:
            for engine in ENGINES:
                child(engine, operation, folder, "check")
            spawn("compare", str(folder / "check"), operation)
            _clear(folder / "check")
        for _ in range(repeats):
            for operation, engines in runs.items():
                for engine, done in engines.items():
                    done.append(child(engine, operation, folder, "time"))
                    _clear(folder / "time")
                print(operation, {engine: round(done[-1]["cpu_s"], 2) for engine, done in engines.items()}, flush=True)
        sizes = {path.name: path.stat().st_size for path in sorted(folder.glob("*.parquet"))}
    return {
        "machine": machine(),
        "rows": rows,
        "repeats": repeats,
        "seed": seed,
        "input_bytes": sizes,
        "measured_at": datetime.now(UTC).isoformat(timespec="minutes"),
        "runs": runs,
    }


def child(engine: str, operation: str, folder: Path, purpose: str) -> dict[str, float]:
    out = folder / purpose / engine
    out.mkdir(parents=True, exist_ok=True)
    return spawn("run", engine, operation, str(folder), str(out), purpose, done=out / "done")


def _clear(folder: Path) -> None:
    for path in (*folder.rglob("*.parquet"), *folder.rglob("done")):
        path.unlink()


def report(result: dict[str, Any]) -> str:
    """The figures as Markdown: lowest (highest) of the repeats, and Daft's lowest over that of polars."""
    facts = result["machine"]
    loads = [run["load"] for engines in result["runs"].values() for done in engines.values() for run in done]
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    parts = [
        "# Table engines",
        f"{result['rows']:,} generated rows (seed {result['seed']}), {result['repeats']} repeats, "
        f"{result['measured_at']}. {facts['cpu']}, {facts['cores']} cores, {facts['memory_gib']} GiB, "
        f"{facts['system']}; {versions}. "
        f"Load of the machine (1 minute) before a run: {min(loads):.2f} to {max(loads):.2f}.",
        "Whole process, import included; lowest of the repeats, highest in brackets. `polars` is its streaming engine. "
        "The last column is Daft over `polars`, lowest over lowest. All engines returned the same rows.",
        "## CPU seconds (user + system)\n\n" + grid(result, "cpu_s", 2),
        "## Peak resident memory, MiB\n\n" + grid(result, "peak_mib", 0),
        "## Wall seconds\n\n" + grid(result, "wall_s", 2),
        "## Processes that crashed at exit, after their work\n\n"
        + "\n".join(f"- {engine}: {text}" for engine, text in crashes(result)),
        "## Operations\n\n" + "\n".join(f"- `{name}`: {meaning}" for name, meaning in OPERATIONS.items()),
        verdict(result),
    ]
    return "\n\n".join(parts) + "\n"


def grid(result: dict[str, Any], field: str, digits: int) -> str:
    lines = ["| Operation | " + " | ".join(ENGINES) + " | Daft / polars |", "|---|" + "--:|" * (len(ENGINES) + 1)]
    for operation, engines in result["runs"].items():
        spans = [[run[field] for run in engines[engine]] for engine in ENGINES]
        cells = [f"{min(span):.{digits}f} ({max(span):.{digits}f})" for span in spans]
        lines.append(f"| {operation} | " + " | ".join(cells) + f" | {ratio(result, operation, field):.2f} |")
    return "\n".join(lines)


def crashes(result: dict[str, Any]) -> list[tuple[str, str]]:
    """Per engine, how many of its processes ended by a signal, and by which."""
    counts = []
    for engine in ENGINES:
        codes = [int(run["code"]) for engines in result["runs"].values() for run in engines[engine]]
        signals = sorted({signal.Signals(-code).name for code in codes if code < 0})
        bad = sum(code != 0 for code in codes)
        counts.append((engine, f"{bad} of {len(codes)}" + (f" ({', '.join(signals)})" if signals else "")))
    return counts


def ratio(result: dict[str, Any], operation: str, field: str) -> float:
    daft, polars = (min(run[field] for run in result["runs"][operation][engine]) for engine in ("daft", "polars"))
    return float(daft / polars)


def verdict(result: dict[str, Any]) -> str:
    cpu, memory = ratio(result, DECIDING, "cpu_s"), ratio(result, DECIDING, "peak_mib")
    winner = "polars" if max(cpu, memory) > LIMIT else "daft"
    costs = f"Daft takes {cpu:.2f}x the CPU and {memory:.2f}x the memory of polars"
    return f"By cost alone, on `{DECIDING}`: {costs} (limit {LIMIT}x): {winner}."


def main(arguments: list[str]) -> None:
    match arguments:
        case ["generate", folder, rows, seed]:
            return generate(Path(folder), int(rows), int(seed))
        case ["compare", folder, operation]:
            return compare(Path(folder), operation)
        case ["run", "daft", operation, folder, out, purpose]:
            run_daft(operation, Path(folder), Path(out), purpose == "check")
            return (Path(out) / "done").touch()
        case ["run", engine, operation, folder, out, purpose]:
            run_polars(operation, Path(folder), Path(out), engine == "polars", purpose == "check")
            return (Path(out) / "done").touch()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args(arguments)
    if options.rows < 1 or options.repeats < 1:
        parser.error("--rows and --repeats must be at least 1")
    result = measure(options.rows, options.repeats, options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "table_engine.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (options.out / "table_engine.md").write_text(report(result), encoding="utf-8")
    print(verdict(result))


if __name__ == "__main__":
    main(sys.argv[1:])
