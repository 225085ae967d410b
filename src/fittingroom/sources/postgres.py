"""PostgreSQL, through pg8000 (BSD): a server-side cursor in a read-only, repeatable-read transaction.

The server enforces that nothing is written: `declare cursor` takes one select and nothing else, the extended protocol
takes one statement only, and functions that write are refused by the transaction. Values come in the server's own text
form, so that numbers of any length stay as they are.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

from fittingroom.errors import SourceError
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
    from pg8000.native import Connection

_BYTEA = 17
_BOOL = 16
_QUOTING_CLASSES = ("22", "23", "P0")
"""Classes of errors whose message may quote a value of the customer's data."""
_TABLES = """
select case when n.nspname = any (current_schemas(false)) and pg_table_is_visible(c.oid)
            then c.relname else n.nspname || '.' || c.relname end,
       quote_ident(n.nspname) || '.' || quote_ident(c.relname)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'v', 'm', 'p', 'f') and not c.relispartition
  and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)'
  and has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select')
order by 1
"""


def connect(url: str) -> Postgres:
    """Open a connection. Raises SourceError when the server cannot be reached or refuses the user."""
    return Postgres(address_of(url))


class Postgres:
    """A connection inside one read-only transaction."""

    def __init__(self, address: Address) -> None:
        self._place = address.place
        self._connection = _open(address)
        try:
            self._run("set datestyle to 'ISO, YMD'")
            self._run("set timezone to 'UTC'")
            self._run("set bytea_output to 'hex'")
            raw = self._run("show server_encoding")[0][0] == "SQL_ASCII"
            if raw:  # the server does not know what its bytes are, so we read them as bytes and look
                self._run("set client_encoding to 'LATIN1'")
            self._take_text(raw)
            self._run("begin transaction isolation level repeatable read read only")
        except BaseException:
            _end(self._connection)
            raise

    def _take_text(self, raw: bool) -> None:
        """Every value as the server writes it, but bytes and truth values as everywhere else here."""
        from pg8000.converters import PG_TYPES

        text = _from_bytes if raw else _same
        for oid in PG_TYPES:
            self._connection.register_in_adapter(oid, text)
        self._connection.pg_types.default_factory = lambda: text
        self._connection.register_in_adapter(_BYTEA, lambda value: decoded(bytes.fromhex(value[2:])))
        self._connection.register_in_adapter(_BOOL, {"t": "true", "f": "false"}.get)

    def tables(self) -> dict[str, str]:
        """Tables and views that this user may read; those outside the search path with their schema."""
        return {str(name): str(quoted) for name, quoted in self._run(_TABLES)}

    def run(self, statement: str) -> tuple[list[str], Iterator[tuple[Cell, ...]]]:
        """Column names and rows, 5,000 at a time."""
        self._run(f"declare fittingroom no scroll cursor for {statement.strip().rstrip(';')}")
        found = self._execute("fetch 0 from fittingroom")
        return [str(column["name"]) for column in found.columns or ()], self._rows()

    def _rows(self) -> Iterator[tuple[Cell, ...]]:
        while True:
            rows = self._execute(f"fetch {FETCH} from fittingroom", broken_off).rows
            if not rows:
                self._run("close fittingroom")
                return
            yield from map(tuple, rows)

    def count(self, statement: str) -> int:
        """How many rows the planner expects: counting them would cost as much as reading them."""
        import json

        try:
            plan = self._run(f"explain (format json) {statement.strip().rstrip(';')}")
            return max(1, int(json.loads(str(plan[0][0]))[0]["Plan"]["Plan Rows"]))
        except (SourceError, LookupError, ValueError):
            return 1

    def close(self) -> None:
        """Close the connection; the transaction had nothing to keep."""
        _end(self._connection)

    def _run(self, statement: str) -> list[Any]:
        return list(self._execute(statement).rows or ())

    def _execute(self, statement: str, failed: Callable[[str, str], SourceError] = refused) -> Any:
        """One statement by the extended protocol, which takes no second one after a semicolon."""
        from pg8000.exceptions import DatabaseError, InterfaceError

        try:
            return self._connection.execute_unnamed(statement)
        except DatabaseError as error:
            raise failed(self._place, _said(error)) from None
        except (InterfaceError, OSError) as error:
            raise broken_off(self._place, type(error).__name__) from None
        except UnicodeDecodeError as error:
            raise broken_off(self._place, f"text that is not in the server's encoding: {error.reason}") from None


def _open(address: Address) -> Connection:
    try:
        from pg8000 import native
        from pg8000.exceptions import DatabaseError, InterfaceError
    except ImportError:
        raise no_driver(address.place, "pg8000", "postgres") from None
    path = address.options.get("socket", "")
    line: socket.socket | None = None
    try:
        if path:
            line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            line.settimeout(CONNECT_SECONDS)
            line.connect(path)
        else:
            line = socket.create_connection((address.host or "localhost", address.port or 5432), CONNECT_SECONDS)
        line.settimeout(ANSWER_SECONDS)
        return native.Connection(
            address.user or "postgres",
            host=address.host or "localhost",
            database=address.database,
            password=address.password or None,
            ssl_context=address.ssl_context() or False,
            application_name="fittingroom",
            startup_params={"default_transaction_read_only": "on"},
            sock=line,
        )
    except DatabaseError as error:
        _shut(line)
        raise unreachable(address.place, _said(error)) from None
    except (InterfaceError, OSError) as error:
        _shut(line)
        said = "the server does not offer TLS; sslmode=disable goes without" if "SSL" in str(error) else ""
        raise unreachable(address.place, said or _reason(error)) from None


def _end(connection: Connection) -> None:
    """Say good-bye to the server, who may be gone already."""
    from pg8000.exceptions import InterfaceError

    with suppress(InterfaceError, OSError):
        connection.close()


def _shut(line: socket.socket | None) -> None:
    if line is not None:
        with closing(line):
            return


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", "") or type(error).__name__)


def _said(error: Exception) -> str:
    """The server's message and code; the code alone where the message may quote a value."""
    told = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    code, message = str(told.get("C", "")), " ".join(str(told.get("M", "")).split())
    if not message or code[:2] in _QUOTING_CLASSES:
        return f"error {code or type(error).__name__}"
    return f"{message}, error {code}"


def _same(value: str) -> str:
    return value


def _from_bytes(value: str) -> Any:
    return decoded(value.encode("latin-1"))
