"""SQL databases, read in one read-only transaction, row by row. Today SQLite.

The fingerprint is the digest of the rows that the query returns, not of the file: a database changes its file without
changing rows, and the other way round.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from fittingroom.engine import Context, expanded
from fittingroom.errors import RecipeError, SourceError
from fittingroom.sources.batching import columnar
from fittingroom.sources.config import SqlSource
from fittingroom.sources.files import Reject

if TYPE_CHECKING:
    import pyarrow as pa

_LANES = 1 << 128


class _Undecodable:
    """A cell whose bytes are text in no encoding that a shop's database has."""

    def __repr__(self) -> str:
        return "undecodable"


_UNDECODABLE = _Undecodable()
Cell = str | bytes | int | float | _Undecodable | None


def check(config: SqlSource, context: Context) -> None:
    """The database opens and the query is sound; no row is read."""
    with closing(_connect(config, context)) as connection:
        _columns(_execute(connection, config), config)


def size(config: SqlSource, context: Context) -> int:
    """How many rows the query returns."""
    with closing(_connect(config, context)) as connection:
        statement = _statement(connection, config).rstrip().rstrip(";")
        try:
            return int(connection.execute(f"select count(*) from ({statement})").fetchone()[0])
        except sqlite3.Error:
            return 1  # not a select that can stand inside another (a pragma, a values list with an end comment)


def fingerprint(config: SqlSource, context: Context) -> str:
    """Digest of the rows: sum of 128-bit row digests, with column names and count.

    Order-free when there is a key; without one the row number is the key, so the order belongs to the content.
    """
    total, count = 0, 0
    with closing(_connect(config, context)) as connection:
        cursor = _execute(connection, config)
        names = _columns(cursor, config)
        for row in _stream(cursor, config):
            count += 1
            place = "" if config.key else f"{count}\x1f"
            cells = "\x1f".join("\x00" if cell is None else f"{type(cell).__name__}:{cell!r}" for cell in row)
            row_digest = hashlib.blake2b(f"{place}{cells}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
            total += int.from_bytes(row_digest)
    seal = hashlib.blake2b(digest_size=16)
    seal.update(f"{names}\x00{count}\x00{total % _LANES}".encode())
    return seal.hexdigest()


def read(config: SqlSource, context: Context, reject: Reject) -> Iterator[pa.RecordBatch]:
    """All rows; a cell that is no text in UTF-8 or GB 18030 costs its row."""
    with closing(_connect(config, context)) as connection:
        cursor = _execute(connection, config)
        names = _columns(cursor, config)
        yield from columnar(names, _rows(cursor, names, config, reject))


def _rows(
    cursor: sqlite3.Cursor, names: list[str], config: SqlSource, reject: Reject
) -> Iterator[tuple[int, list[str | None]]]:
    for number, row in enumerate(_stream(cursor, config), start=1):
        values = [_as_text(cell) for cell in row]
        bad = [name for name, value in zip(names, values, strict=True) if isinstance(value, _Undecodable)]
        if bad:
            known = " ".join(value for value in values if isinstance(value, str))
            reject(number, f"bytes that are no text in column {', '.join(bad)}", known)
        else:
            yield number, [value for value in values if not isinstance(value, _Undecodable)]


def _as_text(cell: Cell) -> str | _Undecodable | None:
    if cell is None or isinstance(cell, (str, _Undecodable)):
        return cell
    return _decoded(cell) if isinstance(cell, bytes) else str(cell)


def _decoded(raw: bytes) -> str | _Undecodable:
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return _UNDECODABLE


# ---------------------------------------------------------------------------------------------- the database


def _connect(config: SqlSource, context: Context) -> sqlite3.Connection:
    """Open read-only. Raises SourceError for a database that is not there or is none."""
    path = _file(config, context)
    if not path.is_file():
        raise SourceError(
            "there is no such database; relative paths start at the workspace (sqlite:////x is absolute)",
            "没有这个数据库;相对路径从工作区算起(sqlite:////x 为绝对路径)",
            place=config.url,
        )
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None)
    connection.text_factory = _decoded
    try:
        connection.execute("pragma query_only = on")
        connection.execute("begin")
        connection.execute("select count(*) from sqlite_master").fetchone()
    except sqlite3.Error as error:
        connection.close()
        raise SourceError(
            f"is not a readable SQLite database ({error})", f"不是可读的 SQLite 数据库({error})", place=config.url
        ) from error
    return connection


def _file(config: SqlSource, context: Context) -> Path:
    scheme, _, rest = expanded(config.url).partition("://")
    if scheme != "sqlite" or not rest.startswith("/") or len(rest) < 2:
        raise SourceError(
            "only SQLite is read so far: sqlite:///file.db; export other databases to CSV or Parquet",
            "目前只支持 SQLite:sqlite:///file.db;其他数据库请导出为 CSV 或 Parquet",
            place=f"sources.url ({scheme})",
        )
    return context.path(rest[1:])


def _statement(connection: sqlite3.Connection, config: SqlSource) -> str:
    if config.query.strip():
        return config.query
    if not config.table:
        raise RecipeError("give a query or a table", "请填写 query 或 table", place=f"sources ({config.url})")
    found = connection.execute("select name from sqlite_master where type in ('table', 'view') order by name")
    tables = [str(row[0]) for row in found.fetchall()]
    if config.table not in tables:
        raise SourceError(
            f"there is no table {config.table!r}; there are: {', '.join(tables) or 'none'}",
            f"没有表 {config.table!r};现有:{'、'.join(tables) or '无'}",
            place=config.url,
        )
    escaped = config.table.replace('"', '""')
    return f'select * from "{escaped}"'


def _execute(connection: sqlite3.Connection, config: SqlSource) -> sqlite3.Cursor:
    statement = _statement(connection, config)
    try:
        return connection.execute(statement)
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise SourceError(
            f"the query cannot be run ({error}); it must be one statement that only reads",
            f"查询无法执行({error});只能是一条只读语句",
            place=config.url,
        ) from error


def _columns(cursor: sqlite3.Cursor, config: SqlSource) -> list[str]:
    names = [str(column[0]) for column in cursor.description or ()]
    twice = sorted({name for name in names if names.count(name) > 1})
    if not names or twice:
        raise SourceError(
            f"the query returns {', '.join(twice)} twice; name the columns"
            if twice
            else "the query returns no columns",
            f"查询结果中 {'、'.join(twice)} 出现两次;请给列命名" if twice else "查询没有返回任何列",
            place=config.url,
        )
    return names


def _stream(cursor: sqlite3.Cursor, config: SqlSource) -> Iterator[tuple[Cell, ...]]:
    try:
        yield from cursor
    except sqlite3.Error as error:
        raise SourceError(
            f"reading stopped ({error}); check the database (pragma integrity_check)",
            f"读取中断({error});请检查数据库(pragma integrity_check)",
            place=config.url,
        ) from error
