"""The work whose cost `table_engine.py` measures: generated tables, and the same operations in polars and in Daft."""

from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

ENGINES = ("polars", "polars-in-memory", "daft")  # "polars" is its streaming engine, the one for the product
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
SOURCES = ("shop", "chat", "mail", "social")
LABELS = ("positive", "neutral", "negative", "question", None)
SPLITS = ("train",) * 7 + ("dev", "calibration", "test")
ZH = (
    "物流很快",
    "包装完好",
    "尺码偏小",
    "颜色和图片一样",
    "客服态度很好",
    "质量一般",
    "穿着舒服",
    "性价比高",
    "有点异味",
    "想退货",
    "发错货了",
    "第二次购买",
    "面料柔软",
    "送给妈妈的",
    "洗后缩水",
    "值得推荐",
)
EN = (
    "fast delivery",
    "the box was damaged",
    "runs small",
    "true to colour",
    "helpful support",
    "average quality",
    "comfy fit",
    "good value",
    "strange smell",
    "please refund",
    "wrong item",
    "bought it again",
    "soft fabric",
    "a gift",
    "it shrank",
    "recommended",
)


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
        "chain": lambda: (
            kept.join(first, on="id").join(clusters, on="id").filter(pl.col("label").is_not_null()).sort("time", "id")
        ),
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
    paths = [str(folder / f"{name}.parquet") for name in ("rows", "clusters", "dropped")]
    rows, clusters, dropped = map(daft.read_parquet, paths)
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
        "filter_write": lambda: rows.where(col("label").not_null()).where("source <> 'mail'"),
        "chain": lambda: (
            kept.join(first, on="id").join(clusters, on="id").where(col("label").not_null()).sort(["time", "id"])
        ),
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
    """The written result: columns by name, one integer and one text type, rows sorted unless their order counts."""
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
            counts = f"{table.num_rows} and {tables[0].num_rows} rows"
            raise SystemExit(f"{operation}: {engine} and {ENGINES[0]} disagree ({counts})")
    print(f"{operation}: same {tables[0].num_rows} rows from every engine")
