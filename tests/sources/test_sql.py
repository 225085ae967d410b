"""SQLite: read-only, every value a string, fingerprint of rows instead of bytes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from fittingroom.config import parse
from fittingroom.engine import Context
from fittingroom.errors import RecipeError, SourceError
from fittingroom.sources import check_source, open_source
from fittingroom.sources.database import address_of
from sources.reading import read, source

TASK = {"kind": "classify", "input": ["text"], "target": "label"}


@pytest.fixture
def shop(context: Context) -> Path:
    path = context.root / "shop.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("create table reviews (id integer primary key, review, stars real, note blob)")
        rows = [
            (123456789012345678, "很好", 4.5, None),
            (2, None, None, "不错".encode("gbk")),
            (3, "x", 1, b"\xff\xff\xff"),
        ]
        connection.executemany("insert into reviews values (?, ?, ?, ?)", rows)
        connection.execute('create view "odd name" as select id from reviews')
    return path


def test_rows(shop: Path, context: Context) -> None:
    config = source(kind="sql", url="sqlite:///shop.db", table="reviews")
    rows, rejected = read(config, context)
    assert rows == [
        {"id": "2", "review": None, "stars": None, "note": "不错"},
        {"id": "123456789012345678", "review": "很好", "stars": "4.5", "note": None},
    ]
    assert rejected == [(2, "bytes that are no text in column note", "3 x 1.0")]
    assert open_source(config).size(config, context) == 3


def test_query_view_and_absolute_path(shop: Path, context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_FILE", str(shop))
    config = source(kind="sql", url="sqlite:///${SHOP_FILE}", query="select review from reviews where id = 3;")
    assert read(config, context)[0] == [{"review": "x"}]
    view = source(kind="sql", url=f"sqlite:///{shop}", table="odd name")
    assert len(read(view, context)[0]) == 3
    assert open_source(config).size(config, context) == 1


@pytest.mark.parametrize(
    ("values", "kind", "message"),
    [
        ({"url": "sqlite:///missing.db", "table": "t"}, SourceError, "no such database"),
        ({"url": "sqlite:///broken.db", "table": "t"}, SourceError, "not a readable SQLite"),
        ({"url": "sqlite:///shop.db", "table": "orders"}, SourceError, "there are: odd name, reviews"),
        ({"url": "sqlite:///shop.db", "query": "selec 1"}, SourceError, "cannot be run"),
        ({"url": "sqlite:///shop.db", "query": "delete from reviews"}, SourceError, "only reads"),
        ({"url": "sqlite:///shop.db", "query": "select 1; select 2"}, SourceError, "one statement"),
        ({"url": "sqlite:///shop.db", "query": "select id, id from reviews"}, SourceError, "twice"),
        ({"url": "sqlite:///shop.db"}, RecipeError, "query or a table"),
        ({"url": "oracle://x/y", "table": "t"}, SourceError, "only SQLite, PostgreSQL"),
        ({"url": "sqlite:///${NOT_SET_ANYWHERE}", "table": "t"}, RecipeError, "NOT_SET_ANYWHERE"),
    ],
)
def test_bad_input(shop: Path, context: Context, values: dict[str, str], kind: type[Exception], message: str) -> None:
    (context.root / "broken.db").write_bytes(b"this is no database at all" * 100)
    before = shop.read_bytes()
    with pytest.raises(kind, match=message):
        check_source(source(kind="sql", **values), context)
    assert shop.read_bytes() == before


def test_fingerprint_is_of_the_rows(shop: Path, context: Context) -> None:
    def fingerprint(query: str, **values: str) -> str:
        config = source(kind="sql", url="sqlite:///shop.db", query=query, **values)
        return str(open_source(config).fingerprint(config, context))

    up, down = "select * from reviews order by id", "select * from reviews order by id desc"
    first = fingerprint(up, key="id")
    assert fingerprint(down, key="id") == first, "with a key the order does not matter"
    assert fingerprint(down) != fingerprint(up), "without one the row number is the key"
    with closing(sqlite3.connect(shop)) as connection, connection:
        connection.execute("create table other (x)")
    assert fingerprint(up, key="id") == first
    with closing(sqlite3.connect(shop)) as connection, connection:
        connection.execute("update reviews set review = '很好!' where id > 3")
    assert fingerprint(up, key="id") != first


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://reader:geheim13@db/shop",
        "mysql://reader:geheim13@db:3306/shop",
        "mysql://reader:${A}geheim13@db/shop",
        "mysql://reader:geheim13@x/y@db/shop",
        "postgresql://db/shop?password=geheim13",
    ],
)
def test_a_password_in_the_recipe_is_an_error_that_does_not_show_it(url: str) -> None:
    with pytest.raises(RecipeError, match=r"password must not stand in a recipe; write \$\{NAME\}") as caught:
        parse({"task": TASK, "sources": [{"kind": "sql", "url": url, "table": "t"}]}, "recipe.yaml")
    assert "geheim13" not in caught.value.text("en") + caught.value.text("zh")


def test_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("P", "a@b/c?:%41")
    monkeypatch.setenv("HOST", "db.example")
    found = address_of("mysql+pymysql://us%40er:${P}@${HOST}:3307/shop?sslmode=verify-full")
    assert (found.user, found.password, found.host, found.port, found.database) == (
        "us@er", "a@b/c?:%41", "db.example", 3307, "shop",
    )  # fmt: skip
    assert found.ssl == "verify-full"
    assert "a@b" not in repr(found)
    assert address_of("postgresql://x:${P}@127.0.0.1/shop").ssl == "disable"
    assert address_of("postgresql://x:${P}@${HOST}/shop").ssl == "require"
    assert address_of("postgresql://x@[::1]:5433/shop?socket=/run/s").host == "::1"
    for bad in ("postgresql://host", "mysql://h/d?colour=red", "mysql://h:port/d", "mysql://h/d?sslmode=maybe"):
        with pytest.raises(RecipeError):
            _ = address_of(bad).ssl
