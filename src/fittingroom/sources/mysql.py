"""MySQL and MariaDB, through PyMySQL (MIT): an unbuffered cursor in a read-only transaction.

The server enforces that nothing is written: the transaction is `read only`, several statements in one are never
allowed, and a statement that cannot stand inside `select … from (…)`, such as a procedure call or `into outfile`, is
refused before it runs. Values come as the server writes them, so that numbers of any length stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fittingroom.sources.database import (
    ANSWER_SECONDS,
    CONNECT_SECONDS,
    FETCH,
    Address,
    Cell,
    address_of,
    broken_off,
    decoded,
    no_driver,
    refused,
    unreachable,
)

if TYPE_CHECKING:
    from pymysql.connections import Connection

_SAFE_CODES = frozenset({1044, 1045, 1046, 1049, 1054, 1060, 1064, 1109, 1142, 1143, 1146, 1227, 1305, 1370, 1792})
"""Errors whose message names tables, columns, users or the query itself, never a value of a row."""
_TABLES = (
    "select table_name from information_schema.tables where table_schema = database() "
    "and table_type in ('BASE TABLE', 'VIEW', 'SYSTEM VERSIONED') order by table_name"
)


def connect(url: str) -> Mysql:
    """Open a connection. Raises SourceError when the server cannot be reached or refuses the user."""
    return Mysql(address_of(url))


class Mysql:
    """A connection inside one read-only transaction."""

    def __init__(self, address: Address) -> None:
        self._place = address.place
        self._connection = _open(address)
        self._streaming: Any = None
        try:
            # Cleaning takes longer than sending: the server must wait for us before it gives up on the line.
            self._all(f"set session net_write_timeout = {ANSWER_SECONDS}")
            self._all("set session time_zone = '+00:00'")
            self._all("set session transaction read only")
            self._all("set session transaction isolation level repeatable read")
            self._all("start transaction with consistent snapshot, read only")
        except BaseException:
            self.close()
            raise

    def tables(self) -> dict[str, str]:
        """Tables and views of the database that this user may read."""
        return {str(row[0]): "`" + str(row[0]).replace("`", "``") + "`" for row in self._all(_TABLES)}

    def run(self, statement: str) -> tuple[list[str], Iterator[tuple[Cell, ...]]]:
        """Column names and rows, streamed."""
        from pymysql.cursors import SSCursor

        statement = statement.strip().rstrip(";")
        self._demand_select(statement)
        cursor = self._connection.cursor(SSCursor)
        self._execute(cursor, statement)
        self._streaming = cursor
        return [str(column[0]) for column in cursor.description or ()], self._rows(cursor)

    def _demand_select(self, statement: str) -> None:
        """The server prepares it as part of a larger select, without running it: only a select can stand there."""
        inside = f"select 1 from (\n{statement}\n) as fittingroom".encode()
        self._all(f"set @fittingroom = convert(0x{inside.hex()} using utf8mb4)")  # as digits: nothing to escape
        self._all("prepare fittingroom from @fittingroom")
        self._all("deallocate prepare fittingroom")

    def _rows(self, cursor: Any) -> Iterator[tuple[Cell, ...]]:
        import pymysql

        try:
            while rows := cursor.fetchmany(FETCH):
                for row in rows:
                    yield tuple(decoded(cell) if isinstance(cell, bytes) else cell for cell in row)
        except (pymysql.err.Error, OSError) as error:
            raise broken_off(self._place, _said(error)) from None
        except UnicodeDecodeError as error:
            raise broken_off(self._place, f"text that is not in its encoding: {error.reason}") from None

    def count(self, statement: str) -> int:
        """How many rows the optimiser expects: counting them would cost as much as reading them."""
        from fittingroom.errors import SourceError

        try:
            plan = self._all(f"explain select 1 from (\n{statement.strip().rstrip(';')}\n) as fittingroom")
        except SourceError:
            return 1
        return max([1, *(int(cell) for row in plan for cell in row[8:10] if str(cell).isdigit())])

    def close(self) -> None:
        """Close the connection at once: `close` of a streaming cursor would first read all that is left."""
        if self._streaming is not None and self._streaming._result is not None:
            self._streaming._result.unbuffered_active = False
        self._connection._force_close()

    def _all(self, statement: str) -> list[Any]:
        with self._connection.cursor() as cursor:
            self._execute(cursor, statement)
            return list(cursor.fetchall())

    def _execute(self, cursor: Any, statement: str) -> None:
        import pymysql

        try:
            cursor.execute(statement)
        except (pymysql.err.Error, OSError) as error:
            raise refused(self._place, _said(error)) from None


def _open(address: Address) -> Connection[Any]:
    try:
        import pymysql
    except ImportError:
        raise no_driver(address.place, "PyMySQL", "mysql") from None
    try:
        return pymysql.connect(
            host=address.host or "localhost",
            port=address.port or 3306,
            unix_socket=address.options.get("socket") or None,
            user=address.user,
            password=address.password.encode(),  # a str would be sent as Latin-1
            database=address.database,
            charset="utf8mb4",
            # No conversions: a cell is a string, or bytes where the column has no encoding. A BIT is a number.
            conv={16: lambda value: str(int.from_bytes(value))},
            connect_timeout=CONNECT_SECONDS,
            read_timeout=ANSWER_SECONDS,
            ssl=address.ssl_context(),
            ssl_disabled=address.ssl == "disable",
            local_infile=False,
            autocommit=None,
        )
    except (pymysql.err.Error, OSError, RuntimeError) as error:
        raise unreachable(address.place, _said(error)) from None


def _said(error: Exception) -> str:
    """The server's message where it cannot quote a value, else its number."""
    code = error.args[0] if error.args and isinstance(error.args[0], int) else None
    if code is None:
        return type(error).__name__
    if code in _SAFE_CODES and len(error.args) > 1:
        return f"{' '.join(str(error.args[1]).split())}, error {code}"
    known = {2003: "no server answers there", 2013: "the connection was lost", 2026: "the server does not offer TLS"}
    return f"{known[code]}, error {code}" if code in known else f"error {code}"
