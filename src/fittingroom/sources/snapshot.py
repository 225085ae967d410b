"""What a source with a `cursor` asks its database: how far it has come, and the rows since then, in one snapshot."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from fittingroom.engine import Context
from fittingroom.errors import SourceError
from fittingroom.sources.batching import columnar
from fittingroom.sources.config import SqlSource
from fittingroom.sources.database import Cell, Undecodable, scheme_of
from fittingroom.sources.files import BATCH
from fittingroom.sources.remembered import LABEL_CHARS, MANY
from fittingroom.sources.rows import Layout, row_id
from fittingroom.sources.sql import columns_of, opened, statement_of, texts_of
from fittingroom.text.redact import pseudonym, said

if TYPE_CHECKING:
    import pyarrow as pa

_NUMBER = re.compile(r"-?\d{1,38}(?:\.\d+)?")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)([ T])(\d\d:\d\d:\d\d)(?:\.\d+)?((?:Z|[+-]\d\d(?::?\d\d)?)?)")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_MOST_GROUPS = 500
"""With more customers than this to be read beside the new rows, everything is read."""


class Head(NamedTuple):
    """What a row is known by."""

    id: str
    """Keyed digest of source and primary key; "" for a row without one."""
    digest: str
    """Keyed digest of all its cells."""
    rank: str | None
    """Its cursor value."""


class Chunk(NamedTuple):
    """Some rows as they come from the database."""

    heads: list[Head]
    batch: pa.RecordBatch | None
    """Those that can be read, None for none of them; `good` are their places."""
    good: list[int]
    torn: dict[int, tuple[str, str]]
    """Place -> (reason, text) of those with a cell that is no text."""


class Snapshot:
    """Reads of one source inside one read-only transaction. Close it."""

    def __init__(self, name: str, config: SqlSource, context: Context) -> None:
        """Raises SourceError for a database that cannot be read, for columns that are not there, and for a column that
        cannot be a cursor.
        """
        self._name, self._config, self._secret = name, config, context.secret
        self._seal = hashlib.blake2b(context.secret, person=b"row digests", digest_size=32).digest()
        self._layout = Layout.of(config)
        self._database = opened(config.url, context)
        try:
            statement = statement_of(self._database, config).strip().rstrip(";")
            self._rows = f"(\n{statement}\n) as fittingroom_rows"
            names, _ = self._ended(f"select * from {self._rows} where 1 = 0")
            self.names = columns_of(names, config)
            self._demand("cursor", config.cursor)
            self._demand("key", self._layout.key)
            self._demand("group", self._layout.group)
            self.keys, self.mark = self._extent()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the transaction."""
        self._database.close()

    def _demand(self, field: str, column: str) -> None:
        if not column or column in self.names:
            return
        near = difflib.get_close_matches(column, self.names, n=1)
        listed = ", ".join(said(name) for name in self.names[:40])
        raise SourceError(
            f"source {self._name}: there is no column {column!r} for `{field}`"
            + (f" (did you mean {said(near[0])!r}?)" if near else "")
            + f"; there are: {listed}",
            f"数据源 {self._name}：没有列 {column!r}（`{field}`）"
            + (f"，是否指 {said(near[0])!r}？" if near else "")
            + f"；现有：{listed}",
            place=self._config.url,
        )

    # ------------------------------------------------------------------------------------------ how far

    def _extent(self) -> tuple[int, str]:
        """How many primary keys there are, and the highest cursor value as SQL, "" for none."""
        key, cursor = self._quoted(self._layout.key), self._quoted(self._config.cursor)
        _, rows = self._ended(f"select count(distinct {key}), max({cursor}) from {self._rows}")
        highest = rows[0][1]
        if isinstance(highest, str) and _NUMBER.fullmatch(highest.strip()) and self._is_text(cursor):
            raise SourceError(
                f"source {self._name}: `cursor` {self._config.cursor!r} is a column of text that holds numbers; as "
                "text '10' comes before '9', so new rows would be missed. Turn it into a number in `query` "
                "(cast(… as integer)), or take another column",
                f"数据源 {self._name}：`cursor` {self._config.cursor!r} 是存放数字的文本列；按文本排序 '10' 在 "
                "'9' 之前，会漏读新行。请在 `query` 中转换为数字（cast(… as integer)），或换用其他列",
                place=self._config.url,
            )
        return int(str(rows[0][0])), self._literal(highest)

    def _is_text(self, cursor: str) -> bool:
        """Whether the column compares its values as text. Servers write numbers as text too, so they are asked."""
        scheme = scheme_of(self._config.url)
        if scheme == "sqlite":
            return True
        asked = "pg_typeof(max({0}))" if scheme == "postgresql" else "charset(max({0}))"
        _, rows = self._ended(f"select {asked.format(cursor)} from {self._rows}")
        kind = str(rows[0][0])
        return kind in ("text", "character varying", "character", "citext") if "pg_" in asked else kind != "binary"

    def _literal(self, value: Cell) -> str:
        if value is None:
            return ""
        if isinstance(value, int | float):
            return repr(value)
        text = "" if isinstance(value, bytes | Undecodable) else value.strip()
        if not (_NUMBER.fullmatch(text) or _TIME.fullmatch(text) or _DATE.fullmatch(text)):
            column = self._config.cursor  # the value is not quoted: it may be anybody's text
            raise SourceError(
                f"source {self._name}: `cursor` {column!r} must be a column of rising numbers or of times "
                "(2026-01-31 10:00:00)",
                f"数据源 {self._name}：`cursor` {column!r} 必须是递增的数字列，或形如 2026-01-31 10:00:00 的时间列",
                place=self._config.url,
            )
        return f"'{text}'"

    # ------------------------------------------------------------------------------------------ rows

    def everything(self) -> Iterator[Chunk]:
        """All rows."""
        return self._chunks("")

    def since(self, mark: str, *, groups: Sequence[str] | None = None) -> Iterator[Chunk]:
        """Rows at and above the mark less the overlap, and those without a cursor value. With `groups` (as SQL; may be
        empty) also all other rows of the same customers or conversations, and of these.
        """
        cursor, group = self._quoted(self._config.cursor), self._quoted(self._layout.group)
        new = f"({cursor} >= {_before(mark, self._config.overlap_seconds)} or {cursor} is null)"
        if groups is None or not group:
            return self._chunks(f"where {new}")
        known = f" or {group} in ({', '.join(groups)})" if groups else ""
        return self._chunks(f"where {new} or {group} in (select {group} from {self._rows} where {new}){known}")

    def groups(self, wanted: Collection[str]) -> list[str] | None:
        """Customers or conversations with these pseudonyms, as SQL; None when there are too many to be named, or one
        cannot be written in SQL.
        """
        if not wanted:
            return []
        column = self._quoted(self._layout.group)
        if len(wanted) > _MOST_GROUPS or not column:
            return None
        _, rows = self._database.run(f"select distinct {column} from {self._rows}")
        cells = [(row[0], _text(row[0])) for row in rows]
        met = [cell for cell, text in cells if text and pseudonym(self._secret, "group", text) in wanted]
        known = [_quoted_value(cell) for cell in met]
        return None if None in known else [one for one in known if one is not None]

    def common(self, column: str) -> list[str]:
        """Values of the column that many customers, conversations or rows without one carry: an increment shows too few
        rows to tell a label from somebody's name. [] for a column that is not there.
        """
        if column not in self.names:
            return []
        target, key = self._as_text(column), self._as_text(self._layout.key)
        group = self._layout.group
        holder = f"coalesce(nullif(trim({self._as_text(group)}), ''), {key})" if group else key
        _, rows = self._ended(
            f"select {target} from {self._rows} where {self._quoted(column)} is not null group by {target} "
            f"having count(distinct {holder}) >= {MANY}"
        )
        return sorted({text for row in rows if (text := _text(row[0])) and len(text) <= LABEL_CHARS})

    def _as_text(self, column: str) -> str:
        kind = "char" if scheme_of(self._config.url) == "mysql" else "varchar"
        return f"cast({self._quoted(column)} as {kind}(190))"

    def _chunks(self, where: str) -> Iterator[Chunk]:
        names, rows = self._database.run(f"select * from {self._rows} {where}")
        held: list[tuple[Cell, ...]] = []
        for row in rows:
            held.append(row)
            if len(held) == BATCH:
                yield self._chunk(names, held)
                held = []
        if held:
            yield self._chunk(names, held)

    def _chunk(self, names: list[str], rows: list[tuple[Cell, ...]]) -> Chunk:
        torn: dict[int, tuple[str, str]] = {}
        good: list[int] = []

        def reject(number: int, reason: str, text: str) -> None:
            torn[number - 1] = (reason, text)

        def readable() -> Iterator[tuple[int, list[str | None]]]:
            for number, values in texts_of(rows, names, reject):
                good.append(number - 1)
                yield number, values

        batch = next(columnar(names, readable()), None)
        key, cursor = names.index(self._layout.key), names.index(self._config.cursor)
        heads = [
            Head(self._id(row[key]), self._digest(row), None if row[cursor] is None else str(row[cursor]))
            for row in rows
        ]
        return Chunk(heads, batch, good, torn)

    def _id(self, cell: Cell) -> str:
        key = _text(cell)
        return row_id(self._secret, self._name, key) if key else ""

    def _digest(self, row: tuple[Cell, ...]) -> str:
        cells = "\x1f".join("\x00" if cell is None else f"{type(cell).__name__}:{cell!r}" for cell in row)
        return hashlib.blake2b(cells.encode("utf-8", "surrogatepass"), key=self._seal, digest_size=16).hexdigest()

    def _ended(self, statement: str) -> tuple[list[str], list[tuple[Cell, ...]]]:
        """Names and all rows: a server's own cursor is closed only after its last row."""
        names, rows = self._database.run(statement)
        return names, list(rows)

    def _quoted(self, column: str) -> str:
        sign = "`" if scheme_of(self._config.url) == "mysql" else '"'
        return sign + column.replace(sign, sign * 2) + sign if column else ""


def _text(cell: Cell) -> str:
    """A cell as keys and groups are read; "" for none."""
    text = next((values[0] for _, values in texts_of([(cell,)], ["it"], lambda *told: None)), None)
    return (text or "").strip()


def _quoted_value(cell: Cell) -> str | None:
    """A cell of the database's own as SQL; None where how it is written depends on the server's settings."""
    if isinstance(cell, int | float):
        return repr(cell)
    if not isinstance(cell, str) or "\\" in cell or "\0" in cell:
        return None
    return "'" + cell.replace("'", "''") + "'"


def _before(mark: str, seconds: float) -> str:
    """Where the next read begins: the mark, or for a time so many seconds before it."""
    text = mark.strip("'")
    back = timedelta(seconds=seconds)
    if _DATE.fullmatch(text):
        return f"'{(datetime.fromisoformat(text) - back).date().isoformat()}'"
    if (parts := _TIME.fullmatch(text)) is None:
        return mark
    if not seconds:
        return mark
    day, between, clock, zone = parts.groups()
    begin = (datetime.fromisoformat(f"{day} {clock}") - back).isoformat(sep=" ", timespec="seconds")
    return f"'{begin.replace(' ', between)}{zone}'"
