"""What the SQL source asks of every database, and how a recipe's `url` names one.

A password never stands in a recipe: `postgresql://reader:${SHOP_PASSWORD}@db.example/shop`, or the whole url from the
environment (`url: ${SHOP_DB}`). What comes from the environment is taken as it is; what is written out in the url is
percent-decoded, as in any url.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import unquote

from fittingroom.engine import expanded
from fittingroom.errors import RecipeError, SourceError

FETCH = 5_000
"""Rows that a server-side cursor is asked for at a time."""
CONNECT_SECONDS = 15
ANSWER_SECONDS = 600
"""A server that says nothing for so long is given up: a run must not hang for ever."""

SCHEMES = {
    "sqlite": "sqlite",
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
}
_URL = re.compile(
    r"(?P<scheme>[A-Za-z][\w+.-]*)://"
    r"(?:(?P<user>[^:@/]*)(?::(?P<password>[^?]*))?@)?"
    r"(?P<host>\[[^\]]*\]|\$\{\w+\}|[^:/?@\[\]]*)(?::(?P<port>[^/?@]*))?"
    r"(?:/(?P<database>[^?]*))?(?:\?(?P<options>.*))?",
    re.DOTALL,
)
_FROM_ENVIRONMENT = re.compile(r"(?:\$\{[A-Za-z_]\w*\})+")
_SECRET_OPTION = re.compile(r"(?:^|[?&])(?:password|passwd|pwd|sslpassword)=(?!\$\{[A-Za-z_]\w*\}(?:&|$))[^&]", re.I)
_OPTIONS = ("sslmode", "socket")
SSL_MODES = ("disable", "require", "verify-full")


class Undecodable:
    """A cell whose bytes are text in no encoding that a shop's database has."""

    def __repr__(self) -> str:
        return "undecodable"


UNDECODABLE = Undecodable()
Cell = str | bytes | int | float | Undecodable | None


class Database(Protocol):
    """One connection, inside one read-only transaction that the server enforces."""

    def tables(self) -> dict[str, str]:
        """Name as people write it -> name as SQL, of every table and view that may be read, in order of the names."""

    def run(self, statement: str) -> tuple[list[str], Iterator[tuple[Cell, ...]]]:
        """Column names and rows, streamed. Raises SourceError for a statement that fails or does not only read."""

    def count(self, statement: str) -> int:
        """About how many rows the statement returns; 1 when that cannot be said."""

    def close(self) -> None:
        """End the transaction and the connection."""


@dataclass(frozen=True)
class Address:
    """Where a database server is. `place` is what messages show: the url as the recipe writes it."""

    place: str
    scheme: str
    host: str
    port: int | None
    database: str
    user: str
    password: str = field(repr=False)
    options: dict[str, str]

    @property
    def ssl(self) -> str:
        """How the connection is protected: as `sslmode` says, else not on this machine and `require` elsewhere."""
        mode = self.options.get("sslmode", "")
        if mode and mode not in SSL_MODES:
            raise RecipeError(
                f"sslmode is one of {', '.join(SSL_MODES)}", f"sslmode 取值：{'、'.join(SSL_MODES)}", place=self.place
            )
        return mode or ("disable" if self._is_here() else "require")

    def _is_here(self) -> bool:
        if self.options.get("socket") or self.host in ("", "localhost"):
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def ssl_context(self) -> Any:
        """None for no TLS; a context that checks the server's certificate for `verify-full`, only encrypts else."""
        import ssl

        if self.ssl == "disable":
            return None
        context = ssl.create_default_context()
        if self.ssl == "require":
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def scheme_of(url: str) -> str:
    """Which reader a url asks for: sqlite, postgresql or mysql. Raises SourceError for any other."""
    written = _whole(url).partition("://")[0].lower()
    kind = SCHEMES.get(written.partition("+")[0])
    if kind is None:
        raise SourceError(
            "only SQLite, PostgreSQL and MySQL/MariaDB are read: sqlite:///file.db, postgresql://…, mysql://…; export "
            "other databases to CSV or Parquet",
            "支持 SQLite、PostgreSQL、MySQL/MariaDB：sqlite:///file.db、postgresql://…、mysql://…；其他数据库请导出为 "
            "CSV 或 Parquet",
            place="sources.url",
        )
    return kind


def has_written_secret(url: str) -> bool:
    """Whether a password is written out in the url instead of coming from the environment."""
    parts = _URL.fullmatch(url)
    if _SECRET_OPTION.search(url.partition("?")[2]):
        return True
    if parts is None:
        return bool(re.search(r"://[^/?]*:[^/?]*@", url)) and not re.search(r":(?:\$\{\w+\})+@", url)
    password = parts.group("password")
    return bool(password) and not _FROM_ENVIRONMENT.fullmatch(password)


def address_of(url: str) -> Address:
    """The parts of a server's url. Raises RecipeError when it cannot be understood, without quoting it."""
    text = _whole(url)
    whole_from_environment = text != url
    parts = _URL.fullmatch(text)
    database = parts.group("database") if parts else None
    if parts is None or not database:
        raise RecipeError(
            "write the url as postgresql://user:${PASSWORD}@host:port/database (or mysql://…)",
            "url 请写成 postgresql://用户:${密码变量}@主机:端口/数据库（或 mysql://…）",
            place=url if not has_written_secret(url) else "sources.url",
        )

    def plain(name: str) -> str:
        raw = parts.group(name) or ""
        return unquote(raw) if whole_from_environment else expanded(unquote(raw))

    options = dict(pair.partition("=")[::2] for pair in (parts.group("options") or "").split("&") if pair)
    unknown = sorted(options.keys() - set(_OPTIONS))
    port = plain("port")
    if unknown or (port and not port.isdigit()):
        what = f"option {unknown[0]!r}" if unknown else "port"
        raise RecipeError(
            f"the url has an unusable {what}; options are: {', '.join(_OPTIONS)}",
            f"url 中的{'选项 ' + repr(unknown[0]) if unknown else '端口'}无法使用；可用选项：{'、'.join(_OPTIONS)}",
            place=url,
        )
    return Address(
        place=url,
        scheme=SCHEMES.get(parts.group("scheme").lower().partition("+")[0], ""),
        host=plain("host").strip("[]"),
        port=int(port) if port else None,
        database=plain("database"),
        user=plain("user"),
        password=plain("password"),
        options={name: expanded(unquote(value)) for name, value in options.items()},
    )


def _whole(url: str) -> str:
    """A url that comes from the environment as a whole, expanded; any other as it is."""
    return expanded(url) if "://" not in url else url


def decoded(raw: bytes) -> str | Undecodable:
    """Text of bytes in UTF-8, else in GB 18030, else a mark that it is none."""
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return UNDECODABLE


def refused(place: str, error: str) -> SourceError:
    """The server does not run the statement."""
    return SourceError(
        f"the query cannot be run ({error}); it must be one statement that only reads",
        f"查询无法执行（{error}）；只能是一条只读语句",
        place=place,
    )


def unreachable(place: str, error: str) -> SourceError:
    """No connection, or the server turns the user away."""
    return SourceError(
        f"the database cannot be opened ({error}); check host, port, database, user and password, and whether the "
        "server runs",
        f"无法打开数据库（{error}）；请检查主机、端口、库名、用户和密码，以及服务器是否在运行",
        place=place,
    )


def broken_off(place: str, error: str) -> SourceError:
    """The connection or the query ended before its last row."""
    return SourceError(
        f"reading stopped ({error}); nothing of it was kept, run it again",
        f"读取中断（{error}）；请重新运行",
        place=place,
    )


def no_driver(place: str, package: str, extra: str) -> SourceError:
    """The driver is an extra that is not installed."""
    return SourceError(
        f"needs the package {package}: pip install 'fittingroom[{extra}]'",
        f"需要安装 {package}：pip install 'fittingroom[{extra}]'",
        place=place,
    )
