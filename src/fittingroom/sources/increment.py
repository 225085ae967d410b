"""Reading a database a part at a time: `cursor` names a column that rises whenever a row is new or changed.

What was read is kept prepared (cleaned and redacted, under keyed ids) in the workspace; a later run reads the rows at
and above the highest cursor value, and puts them in the place of what was known under their keys. The result is the
same as that of reading everything now:

- Before anything is taken from what is kept, the database counts its keys in the same snapshot. If they are not as many
  as the rows known, rows were deleted or came late below the mark, and everything is read again.
- Rows without a cursor value, and for a column of times those of the last `overlap_seconds`, are read each time.
- Another query, column, rule of cleaning, task, key of pseudonyms or version reads everything again.

Not seen: a row that changed while its cursor value stayed below the overlap. Rows are written aside under a new name,
and the name is moved last: a kill leaves what was there before.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fittingroom.engine import Context, expanded
from fittingroom.errors import SourceError
from fittingroom.journal import alone
from fittingroom.sources.batching import columnar
from fittingroom.sources.config import SqlSource
from fittingroom.sources.database import Cell, Database, Undecodable, scheme_of
from fittingroom.sources.files import BATCH
from fittingroom.sources.rows import key_fingerprint, row_id
from fittingroom.sources.sql import opened, statement_of, texts_of
from fittingroom.store import digest_of, write_json
from fittingroom.tables import Table

if TYPE_CHECKING:
    import pyarrow as pa

FOLDER = "increments"
"""Folder of the workspace that holds what was read before. Deleting it costs a whole read."""

Record = dict[str, Any]
Prepare = Callable[["pa.RecordBatch"], list[Record]]
"""What is kept of every row of a batch: a JSON value without personal data."""
Reject = Callable[[str, str], Record]
"""What is kept of a row that cannot be read: (reason, text) -> a JSON value without personal data."""

_NUMBER = re.compile(r"-?\d{1,38}(?:\.\d+)?")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)([ T])(\d\d:\d\d:\d\d)(?:\.\d+)?((?:Z|[+-]\d\d(?::?\d\d)?)?)")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_LANES = 1 << 128


@dataclass(frozen=True)
class _State:
    """What is known of a source."""

    folder: Path
    names: list[str]
    mark: str
    """The highest cursor value, as SQL; empty when no row has one."""
    rows: int
    loose: int
    """Rows without a key: they cannot be told apart, so that the next read is a whole one."""
    total: int

    @property
    def fingerprint(self) -> str:
        return hashlib.blake2b(f"{self.names}\0{self.rows}\0{self.total}".encode(), digest_size=16).hexdigest()


class Increment:
    """One source with a cursor, and what was read of it."""

    def __init__(self, name: str, config: SqlSource, context: Context, *, how: Any) -> None:
        """`how`: a JSON value of everything beside the source that decides what a row is prepared to."""
        self._name, self._config, self._context = name, config, context
        place = hashlib.blake2b(expanded(config.url).encode(), key=context.secret[:64], digest_size=16).hexdigest()
        parts = [name, config.model_dump(mode="json"), place, key_fingerprint(context.secret), how]
        self.folder = context.root / FOLDER / digest_of(parts)

    def refresh(self, prepare: Prepare, reject: Reject, *, demand: Callable[[Sequence[str]], None]) -> str:
        """Read what is new; returns the fingerprint of all rows known. `demand` objects to columns that are missing.

        Raises SourceError for a cursor that is no column of times or numbers.
        """
        with alone(self._context.root / "locks" / f"increment-{self.folder.name}"):
            state = self._state()
            with closing(opened(self._config.url, self._context)) as database:
                statement = f"(\n{statement_of(database, self._config).strip().rstrip(';')}\n) as fittingroom_rows"
                names = _ended(database, f"select * from {statement} where 1 = 0")[0]
                demand(names)
                read = _Reading(self._name, self._config, self._context, database, statement, prepare, reject)
                keys, mark = read.extent()
                if state is not None and state.names == names and state.mark and not state.loose:
                    new = self._united(state, read, f"where {read.cursor} >= {_before(state.mark, self._config)} "
                                                    f"or {read.cursor} is null", names, mark)  # fmt: skip
                    if new.rows == keys:
                        return self._move(state, new)
                    shutil.rmtree(new.folder)
                return self._move(state, self._united(None, read, "", names, mark))

    def records(self) -> Iterator[tuple[list[str], list[Record]]]:
        """(ids, records) of all rows known, in batches; an id is empty where a row has no key."""
        state = self._state()
        if state is None:
            return
        for batch in Table.read(state.folder / "rows.parquet").batches(BATCH):
            yield batch.column("id").to_pylist(), [json.loads(one) for one in batch.column("record").to_pylist()]

    def _state(self) -> _State | None:
        path = self.folder / "current.json"
        if not path.is_file():
            return None
        found = json.loads(path.read_text("utf-8"))
        folder = self.folder / found["folder"]
        if not (folder / "rows.parquet").is_file():
            return None
        return _State(folder, found["names"], found["mark"], found["rows"], found["loose"], int(found["total"], 16))

    def _united(self, old: _State | None, read: _Reading, where: str, names: list[str], mark: str) -> _State:
        """What is read now, and of what was known the rows under other keys, in a folder of their own."""
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        folder = self.folder / uuid.uuid4().hex
        folder.mkdir(parents=True)
        fresh = read.into(folder / "fresh.parquet", where)
        count = loose = total = 0
        with pq.ParquetWriter(folder / "rows.parquet", _schema(), compression="zstd") as writer:

            def keep(batch: pa.Table) -> None:
                nonlocal count, loose, total
                writer.write_table(batch)
                without = pc.sum(pc.equal(batch.column("id"), "")).as_py() or 0
                count, loose = count + batch.num_rows - without, loose + without
                total = (total + sum(int(one, 16) for one in batch.column("digest").to_pylist())) % _LANES

            for batch in Table.read(old.folder / "rows.parquet").batches() if old else ():
                known = pa.Table.from_batches([batch])
                keep(known.filter(pc.invert(pc.is_in(known.column("id"), value_set=fresh.ids))))
            for batch in Table.read(folder / "fresh.parquet").batches():
                rows = pa.Table.from_batches([batch])
                keep(
                    rows.filter(pc.invert(pc.is_in(rows.column("place"), value_set=fresh.older))).drop(
                        ["place", "rank"]
                    )
                )
        (folder / "fresh.parquet").unlink()
        return _State(folder, names, mark, count, loose, total)

    def _move(self, old: _State | None, new: _State) -> str:
        """From now on the new state counts. What was there before stays for who is reading it, until the next move."""
        if old is not None and (old.fingerprint, old.mark) == (new.fingerprint, new.mark):
            shutil.rmtree(new.folder)
            return old.fingerprint
        told = {"names": new.names, "mark": new.mark, "rows": new.rows, "loose": new.loose, "total": f"{new.total:x}"}
        write_json(self.folder / "current.json", {"folder": new.folder.name, **told})
        stays = {new.folder.name, old.folder.name if old else ""}
        for other in self.folder.iterdir():
            if other.is_dir() and other.name not in stays:
                shutil.rmtree(other)
        return new.fingerprint


@dataclass(frozen=True)
class _Fresh:
    """What a read gave: its ids, and the places of older versions of a key that is there more than once."""

    ids: pa.Array
    older: pa.Array


class _Reading:
    """Reads of one source inside one snapshot of the database."""

    def __init__(
        self,
        name: str,
        config: SqlSource,
        context: Context,
        database: Database,
        statement: str,
        prepare: Prepare,
        reject: Reject,
    ) -> None:
        self._name, self._config, self._context = name, config, context
        self._database, self._statement = database, statement
        self._prepare, self._reject = prepare, reject
        mark = "`" if scheme_of(config.url) == "mysql" else '"'
        self.cursor, self._key = (
            mark + column.replace(mark, mark * 2) + mark for column in (config.cursor, config.key)
        )
        self._seal = hashlib.blake2b(context.secret, person=b"row digests", digest_size=32).digest()

    def extent(self) -> tuple[int, str]:
        """How many keys there are, and the highest cursor value as SQL ("" for none)."""
        _, rows = _ended(
            self._database, f"select count(distinct {self._key}), max({self.cursor}) from {self._statement}"
        )
        count, highest = rows[0]
        return int(str(count)), _literal(highest, self._config)

    def into(self, path: Path, where: str) -> _Fresh:
        """Write the rows to a file, each prepared."""
        import polars as pl
        import pyarrow as pa
        import pyarrow.parquet as pq

        names, rows = self._database.run(f"select * from {self._statement} {where}")
        key, cursor = names.index(self._config.key), names.index(self._config.cursor)
        schema = _schema().append(pa.field("place", pa.int64())).append(pa.field("rank", pa.string()))
        done = 0
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for chunk in _chunks(rows):
                kept = self._kept(names, chunk, key)
                columns = {
                    "id": [one[0] for one in kept],
                    "digest": [self._digest(row) for row in chunk],
                    "record": [json.dumps(one[1], ensure_ascii=False, sort_keys=True) for one in kept],
                    "place": list(range(done, done + len(chunk))),
                    "rank": [None if row[cursor] is None else str(row[cursor]) for row in chunk],
                }
                writer.write_table(pa.table(columns, schema=schema))
                done += len(chunk)
                self._context.progress("read new rows", done, done + 1)
        heads = pl.read_parquet(path, columns=["id", "digest", "place", "rank"]).filter(pl.col("id") != "")
        order = heads["rank"].cast(pl.Float64, strict=False)
        if order.null_count() == heads["rank"].null_count():
            heads = heads.with_columns(order)
        newest = heads.sort("id", "rank", "digest", nulls_last=False).unique("id", keep="last", maintain_order=True)
        older = heads.join(newest, on="place", how="anti")["place"]
        return _Fresh(pa.array(newest["id"].to_list(), pa.string()), pa.array(older.to_list(), pa.int64()))

    def _kept(self, names: list[str], chunk: list[tuple[Cell, ...]], key: int) -> list[tuple[str, Record]]:
        """(id, record) of every row."""
        faults: dict[int, Record] = {}

        def torn(place: int, reason: str, text: str) -> None:
            faults[place - 1] = self._reject(reason, text)

        good: list[int] = []

        def readable() -> Iterator[tuple[int, list[str | None]]]:
            for number, values in texts_of(chunk, names, torn):
                good.append(number - 1)
                yield number, values

        records = [record for batch in columnar(names, readable()) for record in self._prepare(batch)]
        found = faults | dict(zip(good, records, strict=True))
        return [(self._id(row[key]), found[place]) for place, row in enumerate(chunk)]

    def _id(self, cell: Cell) -> str:
        text = next((value[0] for _, value in texts_of([(cell,)], ["key"], lambda *told: None)), None)
        key = (text or "").strip()
        return row_id(self._context.secret, self._name, key) if key else ""

    def _digest(self, row: tuple[Cell, ...]) -> str:
        cells = "\x1f".join("\x00" if cell is None else f"{type(cell).__name__}:{cell!r}" for cell in row)
        return hashlib.blake2b(cells.encode("utf-8", "surrogatepass"), key=self._seal, digest_size=16).hexdigest()


def _schema() -> pa.Schema:
    import pyarrow as pa

    return pa.schema([("id", pa.string()), ("digest", pa.string()), ("record", pa.string())])


def _chunks(rows: Iterator[tuple[Cell, ...]]) -> Iterator[list[tuple[Cell, ...]]]:
    chunk: list[tuple[Cell, ...]] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == BATCH:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _ended(database: Database, statement: str) -> tuple[list[str], list[tuple[Cell, ...]]]:
    """Names and all rows of a statement; a server's cursor is closed only after its last row."""
    names, rows = database.run(statement)
    return names, list(rows)


def _literal(value: Cell, config: SqlSource) -> str:
    """A cursor value as SQL. Raises SourceError, without quoting it, for what is neither a number nor a time."""
    if value is None:
        return ""
    if isinstance(value, int | float):
        return repr(value)
    text = "" if isinstance(value, bytes | Undecodable) else value.strip()
    if not (_NUMBER.fullmatch(text) or _TIME.fullmatch(text) or _DATE.fullmatch(text)):
        raise SourceError(
            f"the cursor {config.cursor!r} must be a column of rising numbers or of times (2026-01-31 10:00:00)",
            f"游标列 {config.cursor!r} 必须是递增的数字，或形如 2026-01-31 10:00:00 的时间",
            place=config.url,
        )
    return f"'{text}'"


def _before(mark: str, config: SqlSource) -> str:
    """Where the next read begins: the mark, or for a time `overlap_seconds` before it."""
    text = mark.strip("'")
    back = timedelta(seconds=config.overlap_seconds)
    if _DATE.fullmatch(text):
        return f"'{(datetime.fromisoformat(text) - back).date().isoformat()}'"
    if (parts := _TIME.fullmatch(text)) is None:
        return mark
    day, between, clock, zone = parts.groups()
    begin = (datetime.fromisoformat(f"{day} {clock}") - back).isoformat(sep=" ", timespec="seconds")
    return f"'{begin.replace(' ', between)}{zone}'"
