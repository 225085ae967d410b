"""Cost of the table engines on the relational work of the product: Daft against polars (decision 0001).

    pip install daft==0.7.26 polars==2.1.0 pyarrow
    python benchmarks/table_engine.py --rows 1000000 --repeats 3

Every (engine, operation) pair runs in a process of its own, so CPU seconds (user + system), wall seconds and peak resident
memory are those of the whole process, import of the engine included. Repeats of the engines alternate; the lowest figure is
reported, with the highest beside it. Before anything is timed, the engines' results are compared row by row.
"""
import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

ENGINES = ("polars", "polars-in-memory", "daft")  # "polars" is its streaming engine, the one the product would use
OPERATIONS = {
    "import": "import of the engine only",
    "read": "read all columns of the Parquet file",
    "exact_duplicates": "group by text: smallest id, number of copies",
    "join_clusters": "join clusters onto rows by id, as many on either side",
    "distinct": "distinct pairs of group and text",
    "class_counts": "rows per split and label",
    "sort": "sort all columns by time and id",
    "anti_join": "rows whose id is not among the dropped ids",
    "filter_write": "filter, then write Parquet",
    "chain": "anti-join, exact duplicates, join of clusters, filter, sort, write Parquet; one lazy plan",
}
DECIDING = "chain"
LIMIT = 1.5
SOURCES = ("shop", "chat", "mail", "social")
LABELS = ("positive", "neutral", "negative", "question", None)
SPLITS = ("train",) * 7 + ("dev", "calibration", "test")
ZH = ("物流很快", "包装完好", "尺码偏小", "颜色和图片一样", "客服态度很好", "质量一般", "穿着舒服", "性价比高", "有点异味", "想退货",
      "发错货了", "第二次购买", "面料柔软", "送给妈妈的", "洗后缩水", "值得推荐")
EN = ("fast delivery", "the box was damaged", "runs small", "true to colour", "helpful support", "average quality", "comfy fit",
      "good value", "strange smell", "please refund", "wrong item", "bought it again", "soft fabric", "a gift", "it shrank", "recommended")


def generate(folder: Path, rows: int, seed: int) -> None:
    """Writes rows, clusters and dropped ids as Parquet; the same seed gives the same rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    random = Random(seed)
    start = datetime(2024, 1, 1, tzinfo=UTC)
    texts: list[str] = []
    table: dict[str, list[Any]] = {name: [] for name in ("id", "source", "group", "label", "time", "split", "text")}
    clusters: list[str] = []
    for number in range(rows):
        copied = random.randrange(number) if number and random.random() < 0.15 else None
        texts.append(_text(random) if copied is None else texts[copied])
        clusters.append(f"c{number:09d}" if copied is None else clusters[copied])
        table["id"].append(_digest(f"{seed}:{number}"))
        table["source"].append(random.choice(SOURCES))
        table["group"].append(_digest(f"customer:{random.randrange(max(1, rows // 20))}"))
        table["label"].append(random.choice(LABELS))
        table["time"].append(start + timedelta(seconds=random.randrange(60_000_000)))  # coarse enough for ties
        table["split"].append(random.choice(SPLITS))
    table["text"] = texts
    arrow = pa.table(table)
    pq.write_table(arrow, folder / "rows.parquet", row_group_size=131_072)
    order = random.sample(range(rows), rows)  # clusters come back in another order than the rows
    joined = pa.table({"id": arrow["id"], "cluster": clusters}).take(pa.array(order))
    pq.write_table(joined, folder / "clusters.parquet", row_group_size=131_072)
    dropped = arrow.select(["id"]).take(pa.array(order[: rows // 10]))
    pq.write_table(dropped, folder / "dropped.parquet")


def _text(random: Random) -> str:
    if random.random() < 0.6:
        return "，".join(random.choices(ZH, k=random.randint(2, 9))) + f"，订单{random.randrange(10**6)}。"
    return ", ".join(random.choices(EN, k=random.randint(2, 7))) + f", order {random.randrange(10**6)}."


def _digest(value: str) -> str:
    return blake2b(value.encode(), digest_size=16).hexdigest()


def run_polars(operation: str, folder: Path, out: Path, streaming: bool, check: bool) -> None:
    """Runs one operation in polars; with `check` the result goes to `out` instead of being thrown away."""
    import polars as pl

    if operation == "import":
        return
    rows, clusters, dropped = (pl.scan_parquet(folder / f"{name}.parquet") for name in ("rows", "clusters", "dropped"))
    copies = pl.len().alias("copies")
    kept = rows.join(dropped, on="id", how="anti")
    first = kept.group_by("text").agg(pl.col("id").min(), copies).select("id", "copies")
    plans = {
        "read": lambda: rows,
        "exact_duplicates": lambda: rows.group_by("text").agg(pl.col("id").min(), copies),
        "join_clusters": lambda: rows.join(clusters, on="id"),
        "distinct": lambda: rows.select("group", "text").unique(),
        "class_counts": lambda: rows.group_by("split", "label").agg(copies),
        "sort": lambda: rows.sort("time", "id"),
        "anti_join": lambda: kept,
        "filter_write": lambda: rows.filter(pl.col("label").is_not_null() & (pl.col("source") != "mail")),
        "chain": lambda: kept.join(first, on="id").join(clusters, on="id")
        .filter(pl.col("label").is_not_null()).sort("time", "id"),
    }
    plan = plans[operation]()
    if check or operation in ("filter_write", "chain"):
        plan.sink_parquet(out / "part.parquet", engine="streaming" if streaming else "in-memory")
    else:
        plan.collect(engine="streaming" if streaming else "in-memory")


def run_daft(operation: str, folder: Path, out: Path, check: bool) -> None:
    """Runs one operation in Daft's local streaming runner; `check` as in `run_polars`."""
    import daft
    from daft import col

    if operation == "import":
        return
    rows, clusters, dropped = (daft.read_parquet(str(folder / f"{name}.parquet")) for name in ("rows", "clusters", "dropped"))
    copies = col("id").count().alias("copies")
    kept = rows.join(dropped, on="id", how="anti")
    first = kept.groupby("text").agg(col("id").min().alias("id"), copies).select("id", "copies")
    plans = {
        "read": lambda: rows,
        "exact_duplicates": lambda: rows.groupby("text").agg(col("id").min().alias("id"), copies),
        "join_clusters": lambda: rows.join(clusters, on="id"),
        "distinct": lambda: rows.select("group", "text").distinct(),
        "class_counts": lambda: rows.groupby("split", "label").agg(copies),
        "sort": lambda: rows.sort(["time", "id"]),
        "anti_join": lambda: kept,
        "filter_write": lambda: rows.where(col("label").not_null() & (col("source") != "mail")),
        "chain": lambda: kept.join(first, on="id").join(clusters, on="id").where(col("label").not_null()).sort(["time", "id"]),
    }
    plan = plans[operation]()
    if operation in ("filter_write", "chain"):
        plan.write_parquet(str(out))
    elif check:
        import pyarrow.parquet as pq
        pq.write_table(plan.to_arrow(), out / "part.parquet")
    else:
        plan.collect()


def canonical(folder: Path, ordered: bool) -> "pa.Table":
    """The written result with columns by name, one integer and one text type, and rows sorted unless their order counts."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.concat_tables(pq.read_table(path) for path in sorted(folder.rglob("*.parquet")))
    names = sorted(table.column_names)
    columns = []
    for name in names:
        column = table[name]
        if pa.types.is_integer(column.type):
            column = column.cast(pa.int64())
        elif pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("us", "UTC"))
        else:
            column = column.cast(pa.large_string())
        columns.append(column)
    table = pa.table(columns, names=names)
    if not ordered:
        table = table.sort_by([(name, "ascending") for name in names])
    return table.combine_chunks()


def compare(scratch: Path, operation: str) -> None:
    """Stops the benchmark when an engine's result differs from that of the first."""
    tables = [canonical(scratch / engine, ordered=operation == "sort") for engine in ENGINES]
    for engine, table in zip(ENGINES[1:], tables[1:], strict=True):
        if not table.equals(tables[0]):
            raise SystemExit(f"{operation}: {engine} and {ENGINES[0]} disagree ({table.num_rows} and {tables[0].num_rows} rows)")
    print(tables[0].num_rows)


def spawn(*arguments: str) -> dict[str, float]:
    """One child process; CPU and wall in seconds, peak resident memory in MiB.

    On Linux a child's peak starts at the memory of the process that spawned it, so this one loads no library of its own.
    """
    environment = os.environ | {"DO_NOT_TRACK": "1", "DAFT_PROGRESS_BAR": "0"}
    began, load = time.perf_counter(), os.getloadavg()[0]
    child = subprocess.Popen([sys.executable, __file__, *arguments], env=environment)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{' '.join(arguments[:3])} ended with code {child.returncode}; its message is above")
    wall = time.perf_counter() - began
    return {"cpu_s": usage.ru_utime + usage.ru_stime, "wall_s": wall, "peak_mib": usage.ru_maxrss / 1024, "load": load}


def machine() -> dict[str, Any]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = {name: version(name) for name in ("daft", "polars", "pyarrow")} | {"python": platform.python_version()}
    return {"cpu": model, "cores": os.cpu_count(), "memory_gib": round(memory, 1), "system": platform.system(), "versions": versions}


def measure(rows: int, repeats: int, seed: int) -> dict[str, Any]:
    runs: dict[str, dict[str, list[dict[str, float]]]] = {name: {engine: [] for engine in ENGINES} for name in OPERATIONS}
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
    return {"machine": machine(), "rows": rows, "repeats": repeats, "seed": seed, "input_bytes": sizes,
            "measured_at": datetime.now(UTC).isoformat(timespec="minutes"), "runs": runs}


def child(engine: str, operation: str, folder: Path, purpose: str) -> dict[str, float]:
    out = folder / purpose / engine
    out.mkdir(parents=True, exist_ok=True)
    return spawn("run", engine, operation, str(folder), str(out), purpose)


def _clear(folder: Path) -> None:
    for path in folder.rglob("*.parquet"):
        path.unlink()


def report(result: dict[str, Any]) -> str:
    """The figures as Markdown: lowest (highest) of the repeats, and Daft's lowest over that of polars."""
    facts, runs = result["machine"], result["runs"]
    loads = [run["load"] for engines in runs.values() for done in engines.values() for run in done]
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    lines = ["# Table engines", "", f"{result['rows']:,} generated rows (seed {result['seed']}), {result['repeats']} repeats, "
             f"{result['measured_at']}. {facts['cpu']}, {facts['cores']} cores, {facts['memory_gib']} GiB, {facts['system']}; {versions}. "
             f"Load of the machine (1 minute) before a run: {min(loads):.2f} to {max(loads):.2f}.", "",
             "Whole process, import included; lowest of the repeats, highest in brackets. `polars` is its streaming engine. The last "
             "column is Daft over `polars`, lowest over lowest. All engines returned the same rows.", ""]
    for field, title in (("cpu_s", "CPU seconds (user + system)"), ("peak_mib", "Peak resident memory, MiB"), ("wall_s", "Wall seconds")):
        digits = 0 if field == "peak_mib" else 2
        lines += [f"## {title}", "", "| Operation | " + " | ".join(ENGINES) + " | Daft / polars |", "|---|" + "--:|" * (len(ENGINES) + 1)]
        for operation, engines in runs.items():
            spans = [[run[field] for run in engines[engine]] for engine in ENGINES]
            cells = [f"{min(span):.{digits}f} ({max(span):.{digits}f})" for span in spans]
            lines.append(f"| {operation} | " + " | ".join(cells) + f" | {ratio(result, operation, field):.2f} |")
        lines.append("")
    lines += ["## Operations", "", *(f"- `{name}`: {meaning}" for name, meaning in OPERATIONS.items()), "", verdict(result), ""]
    return "\n".join(lines)


def ratio(result: dict[str, Any], operation: str, field: str) -> float:
    daft, polars = (min(run[field] for run in result["runs"][operation][engine]) for engine in ("daft", "polars"))
    return float(daft / polars)


def verdict(result: dict[str, Any]) -> str:
    cpu, memory = ratio(result, DECIDING, "cpu_s"), ratio(result, DECIDING, "peak_mib")
    winner = "polars" if max(cpu, memory) > LIMIT else "daft"
    return f"Verdict on `{DECIDING}`: Daft takes {cpu:.2f}x the CPU and {memory:.2f}x the memory of polars (limit {LIMIT}x): {winner}."


def main(arguments: list[str]) -> None:
    match arguments:
        case ["generate", folder, rows, seed]:
            return generate(Path(folder), int(rows), int(seed))
        case ["compare", folder, operation]:
            return compare(Path(folder), operation)
        case ["run", "daft", operation, folder, out, purpose]:
            return run_daft(operation, Path(folder), Path(out), purpose == "check")
        case ["run", engine, operation, folder, out, purpose]:
            return run_polars(operation, Path(folder), Path(out), engine == "polars", purpose == "check")
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
