"""What a workspace keeps of a source with a `cursor`: its rows as they were prepared, in `increments/`.

Nothing is kept that was not cleaned and redacted, and no plain value of what was taken out. What is recognised in one
row of a customer or conversation goes from all of them; so these are read whole whenever one of their rows is new: then
the plain values are at hand for as long as the rows are made, and no longer.

A folder's name is a digest of all that decides what a row is prepared to, so other rules mean a whole read. `current`
names the files that count. It moves on only when the store has published what was made of them; until then, also after
a kill, the same rows are read again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fittingroom.engine import Context, expanded
from fittingroom.errors import RecipeError, StoreError
from fittingroom.journal import fsync_folder
from fittingroom.sources.config import SourceConfig, SqlSource
from fittingroom.sources.parts import SortedParts
from fittingroom.sources.rows import Layout, key_fingerprint
from fittingroom.sources.snapshot import Chunk, Snapshot
from fittingroom.store import digest_of, write_json
from fittingroom.tables import Table

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

FOLDER = "increments"
"""Folder of the workspace. Taking it away costs a whole read, never a row."""
_LANES = 1 << 128
_HELD = 100_000


class Kept(NamedTuple):
    """What is kept of one row."""

    group: str | None
    time: datetime | None
    record: dict[str, Any]
    """JSON values without personal data."""


Keep = Callable[[Iterable[Chunk]], Iterator[tuple[Chunk, list[Kept]]]]
"""Prepares rows as they come: what is kept of every row of a chunk, in their order."""
Finish = Callable[[str | None, datetime | None, dict[str, Any]], dict[str, Any]]
"""A last look at a record when all rows of its group were prepared."""


def _schema() -> pa.Schema:
    import pyarrow as pa

    text = [(name, pa.string()) for name in ("id", "digest", "group", "record")]
    return pa.schema([*text, ("loose", pa.bool_()), ("time", pa.timestamp("us", tz="UTC"))])


@dataclass(frozen=True)
class Told:
    """What `current.json` says of a state."""

    source: str
    names: list[str]
    """Columns of the database, in its order."""
    mark: str
    """The highest cursor value as SQL; "" when no row has one."""
    keys: int
    """Rows with a primary key."""
    loose: int
    """Rows without one: they cannot be told apart, so that the next read is a whole one."""
    labels: str = ""
    """Keyed digest of the targets that were taken for labels; with other ones rows become other rows."""


class Increment:
    """One source with a cursor, and what is kept of it."""

    def __init__(self, name: str, config: SqlSource, context: Context, *, how: Any) -> None:
        """`how`: a JSON value of everything beside the source that decides what a row is prepared to."""
        self._name, self._config, self._context = name, config, context
        place = hashlib.blake2b(expanded(config.url).encode(), key=context.secret[:64], digest_size=16).hexdigest()
        parts = [name, config.model_dump(mode="json"), place, key_fingerprint(context.secret), how]
        self.digest = digest_of(parts)
        self._folder = context.root / FOLDER / self.digest
        self._aside = context.scratch / FOLDER / self.digest

    # ------------------------------------------------------------------------------------------ how it stands

    def fingerprint(self) -> str:
        """Digest of all rows that the source has now: order-free, each row in its newest version. Keeps nothing."""
        with closing(Snapshot(self._name, self._config, self._context)) as snapshot:
            known = self._known(snapshot)
            if known:
                told, path = known
                old = _columns_of(path, "id", "digest")
                fresh = newest(head_frame(snapshot.since(told.mark)))
                old = old.join(fresh.heads, on="id", how="anti")
                if old.height + fresh.heads.height == snapshot.keys and not fresh.loose.height:
                    total = _sum(old["digest"]) + _sum(fresh.heads["digest"])
                    return _seal(snapshot.names, snapshot.keys, total)
            fresh = newest(head_frame(snapshot.everything()))
            total = _sum(fresh.heads["digest"]) + _sum(fresh.loose["digest"])
            return _seal(snapshot.names, fresh.heads.height + fresh.loose.height, total)

    def _known(self, snapshot: Snapshot) -> tuple[Told, Path] | None:
        """The state that counts, where the source can be read on from it."""
        path = self._folder / "current.json"
        if not path.is_file():
            return None
        told, rows = _told(path)
        usable = rows.is_file() and told.names == snapshot.names and told.mark and not told.loose
        return (told, rows) if usable and snapshot.mark else None

    # ------------------------------------------------------------------------------------------ reading

    def refresh(
        self, begin: Callable[[Sequence[str]], tuple[Keep, Finish]], *, speaks: Callable[[pl.DataFrame], set[str]],
        target: str, labels: Callable[[list[str]], list[str]],
    ) -> Iterator[tuple[list[str], list[Kept]]]:  # fmt: skip
        """Read what is new; then ids and what is kept of all rows, in batches by id.

        `begin` starts a pass over rows, in which these targets are labels; `labels`: all of them, from the values that
        many carry in the column `target` ("" in a closed task); `speaks`: which groups of these rows (id, group) are
        spoken of elsewhere, so that their plain values are needed. What was read lies in the scratch folder until
        `publish`.
        """
        shutil.rmtree(self._aside, ignore_errors=True)
        self._aside.mkdir(parents=True)
        with closing(Snapshot(self._name, self._config, self._context)) as snapshot:
            known = self._known(snapshot)
            done = False
            stay = labels(snapshot.common(target) if target else [])
            carried = "\0".join(stay).encode("utf-8", "surrogatepass")
            sealed = hashlib.blake2b(carried, key=self._context.secret[:64], digest_size=16).hexdigest()
            start = partial(begin, stay)
            if known and known[0].labels == sealed:
                told, rows = known
                path = _held(rows, self._aside / "known.parquet")
                old = _columns_of(path, "id", "group")
                spoken = speaks(old)
                groups = snapshot.groups(spoken)
                if groups is not None:
                    fresh = snapshot.since(told.mark, groups=groups)
                    done = self._read(snapshot, start, fresh, path, old, spoken, sealed)
            if not done:
                self._read(snapshot, start, snapshot.everything(), None, None, set(), sealed)
        (self._aside / "known.parquet").unlink(missing_ok=True)
        for batch in Table.read(self._aside / "rows.parquet").batches():
            ids, groups, times, texts = (batch[name].to_pylist() for name in ("id", "group", "time", "record"))
            yield ids, [Kept(*one[:2], json.loads(one[2])) for one in zip(groups, times, texts, strict=True)]

    def _read(
        self,
        snapshot: Snapshot,
        begin: Callable[[], tuple[Keep, Finish]],
        chunks: Iterator[Chunk],
        path: Path | None,
        old: pl.DataFrame | None,
        spoken: set[str],
        labels: str,
    ) -> bool:
        """Prepare these rows and put them beside those of `path` that they do not replace. False when that is not
        enough: rows went, or some came late below the mark, or a row left its group, whose others were not read.
        """
        import polars as pl

        keep, finish = begin()
        heads, rows = self._written(keep, chunks)
        fresh = newest(heads)
        stays = pl.DataFrame(schema={"id": pl.String, "group": pl.String})
        if old is not None:
            stays = old.join(fresh.heads, on="id", how="anti")
            left = old.join(fresh.heads, on="id", how="semi")["group"]
            touched = {*left.drop_nulls().to_list(), *fresh.heads["group"].drop_nulls().to_list(), *spoken}
            if fresh.loose.height or stays.height + fresh.heads.height != snapshot.keys:
                return False
            if stays.filter(pl.col("group").is_in(list(touched))).height:
                return False
        self._united(snapshot, path, stays, fresh, rows, finish, labels)
        return True

    def _written(self, keep: Keep, chunks: Iterator[Chunk]) -> tuple[pl.DataFrame, Table]:
        """What is kept of the rows, with their places, and their heads. In memory; in a file where they are many."""
        import polars as pl
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = pa.schema([*_schema(), ("place", pa.int64())])
        frames, done, held = [head_frame(())], 0, [schema.empty_table()]
        writer: pq.ParquetWriter | None = None
        for chunk, kept in keep(chunks):
            held.append(pa.Table.from_pylist(_rows(chunk, kept, done), schema=schema))
            frames.append(head_frame([chunk], done, [one.group for one in kept]))
            done += len(kept)
            if writer or done > _HELD:
                writer = writer or pq.ParquetWriter(self._aside / "fresh.parquet", schema, compression="zstd")
                writer.write_table(pa.concat_tables(held))
                held = []
        if writer is None:
            return pl.concat(frames), Table.of(pa.concat_tables(held))
        writer.close()
        return pl.concat(frames), Table.read(self._aside / "fresh.parquet")

    def _united(
        self, snapshot: Snapshot, path: Path | None, stays: pl.DataFrame, fresh: Fresh, new: Table, finish: Finish,
        labels: str,
    ) -> None:  # fmt: skip
        import pyarrow as pa
        import pyarrow.compute as pc

        parts = SortedParts(self._aside, "rows", _schema())
        ids = stays["id"].to_arrow().cast(pa.string())

        def take(rows: pa.Table) -> None:
            facts = zip(rows["group"].to_pylist(), rows["time"].to_pylist(), rows["record"].to_pylist(), strict=True)
            records = [finish(group, time, json.loads(record)) for group, time, record in facts]
            texts = pa.array([json.dumps(one, ensure_ascii=False, sort_keys=True) for one in records], pa.string())
            place = rows.schema.get_field_index("record")
            parts.take(rows.set_column(place, rows.schema.field(place), texts))

        for batch in Table.read(path).batches() if path else ():
            rows = pa.Table.from_batches([batch])
            take(rows.filter(pc.is_in(rows["id"], ids)))
        chosen = pa.array([*fresh.heads["place"].to_list(), *fresh.loose["place"].to_list()], pa.int64())
        for batch in new.batches():
            rows = pa.Table.from_batches([batch])
            take(rows.filter(pc.is_in(rows["place"], chosen)).drop_columns(["place"]))
        (self._aside / "fresh.parquet").unlink(missing_ok=True)
        parts.finish()
        keys = stays.height + fresh.heads.height
        told = Told(self._name, snapshot.names, snapshot.mark, keys, fresh.loose.height, labels)
        write_json(self._aside / "told.json", asdict(told))


def demand_one_cursor(sources: Sequence[SourceConfig], *, irrelevant: bool) -> None:
    """Raise RecipeError for what a source with a cursor does not go together with."""
    by_cursor = [one for one in sources if one.kind == "sql" and one.cursor]
    grouped = [one for one in by_cursor if Layout.of(one).group]
    if len(grouped) > 1:
        raise RecipeError(
            "only one source with a `group` can have a `cursor`: what is recognised in the rows of a customer goes "
            "from those of all sources, so another one with these customers must be read whole. Take one `cursor` away",
            "带 `group` 的数据源中只能有一个使用 `cursor`：在某位客户的行中识别出的内容会从所有数据源中去除，"
            "因此含相同客户的其他数据源必须完整读取。请去掉其中一个 `cursor`",
            place=f"sources ({grouped[1].name or grouped[1].kind}).cursor",
        )
    if by_cursor and irrelevant:
        raise RecipeError(
            "`prepare.irrelevant` compares with rows of the whole source, so it does not go together with a `cursor`; "
            "take one of the two away",
            "`prepare.irrelevant` 需要与数据源的全部行比较，不能与 `cursor` 同时使用；请去掉其中之一",
            place=f"sources ({by_cursor[0].name or by_cursor[0].kind}).cursor",
        )


# ---------------------------------------------------------------------------------------------- what counts


def publish(context: Context) -> None:
    """What was read in this action counts from now on."""
    for aside in sorted((context.scratch / FOLDER).glob("*/told.json")):
        folder = context.root / FOLDER / aside.parent.name
        new = folder / uuid.uuid4().hex
        new.mkdir(parents=True)
        with (aside.parent / "rows.parquet").open("rb") as written:
            os.fsync(written.fileno())
        (aside.parent / "rows.parquet").replace(new / "rows.parquet")
        fsync_folder(new)
        current = folder / "current.json"
        write_json(current, {"folder": new.name, **json.loads(aside.read_text("utf-8"))})
        for other in folder.iterdir():
            if other.is_dir() and other.name != new.name:
                shutil.rmtree(other)


def forget(root: Path) -> bool:
    """Take everything away that is kept; whether there was anything. The next run reads the sources whole."""
    there = (root / FOLDER).is_dir()
    shutil.rmtree(root / FOLDER, ignore_errors=True)
    return there


def _told(current: Path) -> tuple[Told, Path]:
    """What `current.json` says, and the rows that it names. Raises StoreError for a damaged one."""
    try:
        found = json.loads(current.read_text("utf-8"))
        rows = current.parent / found.pop("folder") / "rows.parquet"
        return Told(**found), rows
    except (ValueError, TypeError, KeyError, AttributeError):
        raise StoreError(
            f"is damaged; take the folder {FOLDER} away, the next run then reads the source whole",
            f"已损坏；请移走文件夹 {FOLDER}，下次运行会重新完整读取数据源",
            place=f"{FOLDER}/{current.parent.name}/current.json",
        ) from None


def expire(root: Path, limits: Mapping[str, datetime], stub: Mapping[str, Any]) -> int:
    """Put `stub` in the place of the records from before the limit of their source. How many there were."""
    count = 0
    for current in sorted((root / FOLDER).glob("*/current.json")):
        limit = limits.get(_told(current)[0].source)
        for path in sorted(current.parent.glob("*/rows.parquet")) if limit else ():
            count += _stubbed(path, limit, json.dumps(dict(stub), ensure_ascii=False, sort_keys=True))
    return count


def _stubbed(path: Path, limit: datetime | None, stub: str) -> int:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    def old(rows: pa.Table) -> pa.ChunkedArray:
        return pc.fill_null(pc.less(rows["time"], pa.scalar(limit, pa.timestamp("us", tz="UTC"))), False)

    count = int(pc.sum(old(pq.read_table(path, columns=["time"]))).as_py() or 0)
    if not count:
        return 0
    aside = path.with_name(f"{uuid.uuid4().hex}.parquet")
    with pq.ParquetWriter(aside, _schema(), compression="zstd") as writer:
        for batch in Table.read(path).batches():
            rows = pa.Table.from_batches([batch])
            gone = old(rows)
            for name, value in (("record", stub), ("time", None)):
                place = rows.schema.get_field_index(name)
                field = rows.schema.field(place)
                rows = rows.set_column(place, field, pc.if_else(gone, pa.scalar(value, field.type), rows[name]))
            writer.write_table(rows)
    with aside.open("rb") as written:
        os.fsync(written.fileno())
    aside.replace(path)
    fsync_folder(path.parent)
    return count


def _rows(chunk: Chunk, kept: Sequence[Kept], start: int) -> list[dict[str, Any]]:
    return [
        {
            "id": head.id or head.digest[:24],  # rows without a key are known by what stands in them
            "digest": head.digest,
            "group": one.group,
            "record": json.dumps(one.record, ensure_ascii=False, sort_keys=True),
            "loose": not head.id,
            "time": one.time,
            "place": place,
        }
        for place, (head, one) in enumerate(zip(chunk.heads, kept, strict=True), start)
    ]


# ---------------------------------------------------------------------------------------------- heads


class Fresh(NamedTuple):
    """Heads of rows that were read: with a key, each in its newest version, and without one."""

    heads: pl.DataFrame
    loose: pl.DataFrame


def head_frame(chunks: Iterable[Chunk], start: int = 0, groups: list[str | None] | None = None) -> pl.DataFrame:
    """id, digest, rank, group and place of rows."""
    import polars as pl

    schema = {"id": pl.String, "digest": pl.String, "rank": pl.String, "group": pl.String, "place": pl.Int64}
    frames = [pl.DataFrame(schema=schema)]
    for chunk in chunks:
        stop = start + len(chunk.heads)
        ids, digests, ranks = zip(*chunk.heads, strict=True)
        columns = [ids, digests, ranks, groups or [None] * len(ids), range(start, stop)]
        frames.append(pl.DataFrame(dict(zip(schema, map(list, columns), strict=True)), schema=schema))
        start = stop
    return pl.concat(frames)


def newest(heads: pl.DataFrame) -> Fresh:
    """Of rows with the same key the one with the higher cursor value, of equal ones the one with the larger digest: so
    it does not matter in which order they came.
    """
    import polars as pl

    keyed = heads.filter(pl.col("id") != "")
    order = keyed["rank"].cast(pl.Float64, strict=False)
    if order.null_count() == keyed["rank"].null_count():
        keyed = keyed.with_columns(order.alias("rank"))
    best = keyed.sort("id", "rank", "digest", nulls_last=False).unique("id", keep="last", maintain_order=True)
    return Fresh(best, heads.filter(pl.col("id") == ""))


def _held(path: Path, here: Path) -> Path:
    """The same file under a name of our own: it stays while it is read, even if another process moves on."""
    try:
        here.hardlink_to(path)
    except OSError:  # a file system without such names, or another one
        shutil.copyfile(path, here)
    return here


def _columns_of(path: Path, *names: str) -> pl.DataFrame:
    import polars as pl

    return pl.read_parquet(path, columns=list(names))


def _sum(digests: pl.Series) -> int:
    return sum(int(one, 16) for one in digests)


def _seal(names: list[str], rows: int, total: int) -> str:
    return hashlib.blake2b(f"{names}\0{rows}\0{total % _LANES}".encode(), digest_size=16).hexdigest()
