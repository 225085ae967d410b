"""SQLite files, opened read-only."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from fittingroom.engine import Context, expanded
from fittingroom.errors import SourceError
from fittingroom.sources.database import Cell, decoded, refused


def connect(url: str, context: Context) -> Sqlite:
    """Open read-only. Raises SourceError for a database that is not there or is none."""
    rest = expanded(url).partition("://")[2]
    path = context.path(rest[1:])
    try:
        there = rest.startswith("/") and path.is_file()
    except OSError as error:  # a folder above lets nobody in
        raise SourceError(
            f"cannot be read ({error.strerror}); check who may read the file",
            f"无法读取（{error.strerror}）；请检查该文件的读取权限",
            place=url,
        ) from error
    if not there:
        raise SourceError(
            "there is no such database; relative paths start at the workspace (sqlite:////x is absolute)",
            "没有这个数据库；相对路径从工作区算起（sqlite:////x 为绝对路径）",
            place=url,
        )
    return Sqlite(path, url)


class Sqlite:
    """A read-only connection inside one transaction."""

    def __init__(self, path: Path, place: str) -> None:
        self._place = place
        try:
            self._connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None)
        except sqlite3.Error as error:  # the file is there, but this user may not read it
            raise SourceError(
                f"cannot be read ({error}); check who may read the file",
                f"无法读取（{error}）；请检查该文件的读取权限",
                place=place,
            ) from error
        self._connection.text_factory = decoded
        try:
            self._connection.execute("pragma query_only = on")
            self._connection.execute("begin")
            self._connection.execute("select count(*) from sqlite_master").fetchone()
        except sqlite3.Error as error:
            self._connection.close()
            raise SourceError(
                f"is not a readable SQLite database ({error})", f"不是可读的 SQLite 数据库（{error}）", place=place
            ) from error

    def tables(self) -> dict[str, str]:
        """Tables and views."""
        found = self._connection.execute("select name from sqlite_master where type in ('table', 'view') order by name")
        return {str(row[0]): '"' + str(row[0]).replace('"', '""') + '"' for row in found.fetchall()}

    def run(self, statement: str) -> tuple[list[str], Iterator[tuple[Cell, ...]]]:
        """Column names and rows."""
        try:
            cursor = self._connection.execute(statement)
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise refused(self._place, str(error)) from error
        return [str(column[0]) for column in cursor.description or ()], self._rows(cursor)

    def _rows(self, cursor: sqlite3.Cursor) -> Iterator[tuple[Cell, ...]]:
        try:
            yield from cursor
        except sqlite3.Error as error:
            raise SourceError(
                f"reading stopped ({error}); check the database (pragma integrity_check)",
                f"读取中断（{error}）；请检查数据库（pragma integrity_check）",
                place=self._place,
            ) from error

    def count(self, statement: str) -> int:
        """How many rows the statement returns."""
        try:
            row = self._connection.execute(f"select count(*) from ({statement.rstrip().rstrip(';')})").fetchone()
        except sqlite3.Error:
            return 1  # not a select that can stand inside another (a pragma, a values list with an end comment)
        return int(row[0])

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
