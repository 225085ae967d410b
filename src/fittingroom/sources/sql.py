"""SQL databases (SQLite, PostgreSQL, MySQL, MariaDB), read in one read-only transaction, row by row.

The fingerprint is the digest of the rows that the query returns, not of a file: a database changes its file without
changing rows, and the other way round.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from fittingroom.engine import Context
from fittingroom.errors import RecipeError, SourceError
from fittingroom.sources.batching import columnar
from fittingroom.sources.config import SqlSource
from fittingroom.sources.database import Cell, Database, Undecodable, decoded, scheme_of
from fittingroom.sources.files import Reject

if TYPE_CHECKING:
    import pyarrow as pa

_LANES = 1 << 128


def check(config: SqlSource, context: Context) -> None:
    """The database opens and the query is sound; at most its first rows are fetched."""
    if config.cursor:
        from fittingroom.sources.snapshot import Snapshot

        Snapshot(config.name or config.kind, config, context).close()  # it looks at the columns
        return
    with closing(opened(config.url, context)) as database:
        columns_of(database.run(statement_of(database, config))[0], config)


def size(config: SqlSource, context: Context) -> int:
    """About how many rows the query returns."""
    with closing(opened(config.url, context)) as database:
        return database.count(statement_of(database, config))


def fingerprint(config: SqlSource, context: Context) -> str:
    """Digest of the rows: sum of 128-bit row digests, with column names and count.

    Order-free when there is a key; without one the row number is the key, so the order belongs to the content.
    """
    total, count = 0, 0
    with closing(opened(config.url, context)) as database:
        names, rows = database.run(statement_of(database, config))
        columns_of(names, config)
        for row in rows:
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
    with closing(opened(config.url, context)) as database:
        names, rows = database.run(statement_of(database, config))
        yield from columnar(columns_of(names, config), texts_of(rows, names, reject))


def opened(url: str, context: Context) -> Database:
    """A connection to whatever database the url names."""
    from fittingroom.sources import mysql, postgres, sqlite

    kind = scheme_of(url)
    if kind == "sqlite":
        return sqlite.connect(url, context)
    return postgres.connect(url) if kind == "postgresql" else mysql.connect(url)


def texts_of(
    rows: Iterable[tuple[Cell, ...]], names: list[str], reject: Reject
) -> Iterator[tuple[int, list[str | None]]]:
    """(number, values as strings) of every row, from 1; one with a cell that is no text goes to `reject`."""
    for number, row in enumerate(rows, start=1):
        values = [_as_text(cell) for cell in row]
        bad = [name for name, value in zip(names, values, strict=True) if isinstance(value, Undecodable)]
        if bad:
            known = " ".join(value for value in values if isinstance(value, str))
            reject(number, f"bytes that are no text in column {', '.join(bad)}", known)
        else:
            yield number, [value for value in values if not isinstance(value, Undecodable)]


def _as_text(cell: Cell) -> str | Undecodable | None:
    if cell is None or isinstance(cell, (str, Undecodable)):
        return cell
    return decoded(cell) if isinstance(cell, bytes) else str(cell)


def statement_of(database: Database, config: SqlSource) -> str:
    """The query, or one of the whole table. Raises RecipeError without either, SourceError for an unknown table."""
    if config.query.strip():
        return config.query
    if not config.table:
        raise RecipeError("give a query or a table", "请填写 query 或 table", place=f"sources ({config.url})")
    tables = database.tables()
    if config.table not in tables:
        raise SourceError(
            f"there is no table {config.table!r}; there are: {', '.join(tables) or 'none'}",
            f"没有表 {config.table!r}；现有：{'、'.join(tables) or '无'}",
            place=config.url,
        )
    return f"select * from {tables[config.table]}"


def columns_of(names: list[str], config: SqlSource) -> list[str]:
    """The names. Raises SourceError for none, and for one that stands twice."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if not names or twice:
        raise SourceError(
            f"the query returns {', '.join(twice)} twice; name the columns"
            if twice
            else "the query returns no columns",
            f"查询结果中 {'、'.join(twice)} 出现两次；请给列命名" if twice else "查询没有返回任何列",
            place=config.url,
        )
    return names
