"""Reading by a cursor: the same rows as a whole read, however many steps they came in."""

from __future__ import annotations

import dataclasses
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from fittingroom.engine import Context
from fittingroom.errors import SourceError
from fittingroom.sources import check_source, increment, sqlite
from fittingroom.stages.prepare import PrepareConfig, observes, prepare
from fittingroom.tasks.config import TaskConfig
from fittingroom.types import Rows
from sources import servers
from sources.reading import source

TASK = TaskConfig(kind="classify", input=["text"], target="label")
COLUMNS = "id, customer, updated_at, text, label"
PHONE = "13812345678"
CONFIG = {
    "kind": "sql", "name": "shop", "url": "sqlite:///shop.db", "table": "m", "key": "id", "group": "customer",
    "time": "updated_at", "cursor": "updated_at",
}  # fmt: skip


def execute(context: Context, *statements: Any) -> None:
    with closing(sqlite3.connect(context.root / "shop.db")) as connection, connection:
        for one in statements:
            connection.execute(*one) if isinstance(one, tuple) else connection.execute(one)


def put(context: Context, *rows: tuple[Any, ...]) -> None:
    execute(context, *[(f"insert or replace into m ({COLUMNS}) values (?, ?, ?, ?, ?)", row) for row in rows])


@pytest.fixture
def shop(context: Context) -> Context:
    execute(context, "create table m (id integer primary key, customer, updated_at, text, label)")
    put(
        context,
        (1, "a", "2026-01-01 10:00:00", f"电话{PHONE}，想退款", "refund"),
        (2, "a", "2026-01-01 11:00:00", "when will it ship", "delivery"),
        (3, "b", None, "没有时间的一行", "delivery"),
        (4, "b", "2026-01-02 10:00:00", "", "refund"),
    )
    return context


def read(context: Context, **changed: Any) -> tuple[Rows, str]:
    """A run's look at the source and its rows."""
    config = source(**(CONFIG | changed))
    found = observes(sources=[config], prepare=PrepareConfig(), task=TASK, context=context)
    return prepare(sources=[config], prepare=PrepareConfig(), task=TASK, context=context), found["source shop"]


def whole(context: Context, **changed: Any) -> tuple[Rows, str]:
    """The same, as a workspace that has never looked before sees it."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / "fresh"
        fresh.mkdir()
        (fresh / "shop.db").write_bytes((context.root / "shop.db").read_bytes())
        rows, found = read(dataclasses.replace(context, root=fresh, scratch=fresh / "scratch"), **changed)
        return Rows(
            kept=copied(rows.kept), dropped=copied(rows.dropped), rejected=rows.rejected, facts=rows.facts
        ), found


def copied(table: Any) -> Any:
    from fittingroom.tables import Table

    return Table.of(table.arrow())


def same(context: Context, **changed: Any) -> Rows:
    """Read, and compare with a whole read."""
    rows, found = read(context, **changed)
    other, expected = whole(context, **changed)
    assert found == expected
    assert (rows.kept.digest, rows.dropped.digest) == (other.kept.digest, other.dropped.digest)
    assert rows.rejected is not None
    assert other.rejected is not None
    assert rows.rejected.digest == other.rejected.digest
    assert rows.facts == other.facts
    return rows


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each statement gave."""
    counts: list[int] = []
    run = sqlite.Sqlite.run

    def counting(self: sqlite.Sqlite, statement: str) -> Any:
        names, rows = run(self, statement)
        found = list(rows)
        counts.append(len(found))
        return names, iter(found)

    monkeypatch.setattr(sqlite.Sqlite, "run", counting)
    return counts


def test_only_what_is_new_is_read_again(shop: Context, asked: list[int]) -> None:
    rows, first = read(shop, overlap_seconds=0)
    assert (rows.kept.rows, rows.dropped.rows) == (3, 1)
    put(
        shop,
        (5, "c", "2026-01-03 09:00:00", "新的一行", "refund"),
        (1, "a", "2026-01-03 09:00:00", "换个说法", "refund"),
    )
    asked.clear()
    found = observes(sources=[source(**CONFIG, overlap_seconds=0)], prepare=PrepareConfig(), task=TASK, context=shop)
    assert asked == [0, 1, 4], "columns, count and mark, then two new rows, one at the mark, one without a cursor"
    assert found["source shop"] != first
    rows = same(shop, overlap_seconds=0)
    texts = {row["input"]["text"] for row in rows.kept.dicts()}
    assert "换个说法" in texts
    assert "新的一行" in texts
    assert not any("想退款" in text for text in texts), "the new version takes the place of the old one"
    assert rows.facts["sources"]["shop"] == {"in": 5, "kept": 4, "dropped": 1, "rejected": 0, "unread_times": 0}


def test_the_same_as_a_read_without_a_cursor(shop: Context) -> None:
    with_cursor = same(shop)
    plain, _ = read(shop, cursor="")
    assert with_cursor.kept.digest == plain.kept.digest
    assert with_cursor.dropped.digest == plain.dropped.digest
    assert with_cursor.facts == plain.facts


def test_deleted_and_late_rows_are_noticed(shop: Context) -> None:
    same(shop, overlap_seconds=0)
    execute(shop, "delete from m where id = 2")
    assert same(shop, overlap_seconds=0).kept.rows == 2
    put(shop, (9, "z", "2025-01-01 00:00:00", "committed late, far below the mark", "refund"))
    assert same(shop, overlap_seconds=0).kept.rows == 3


def test_a_late_change_within_the_overlap_is_read(shop: Context) -> None:
    same(shop)
    put(shop, (2, "a", "2026-01-01 11:30:00", "changed by a long transaction", "delivery"))
    rows = same(shop, overlap_seconds=86_400.0)
    assert any("long transaction" in row["input"]["text"] for row in rows.kept.dicts())


def test_nothing_personal_is_kept(shop: Context) -> None:
    read(shop)
    held = b"".join(path.read_bytes() for path in (shop.root / increment.FOLDER).rglob("*") if path.is_file())
    assert held
    import polars as pl

    files = list((shop.root / increment.FOLDER).rglob("rows.parquet"))
    text = pl.read_parquet(files[0])["record"].str.join("\n").item()
    assert PHONE not in text
    assert "[MOBILE]" in text
    assert '"a"' not in text, "the customer's name is a pseudonym"


def test_other_columns_rules_or_keys_read_everything(shop: Context, asked: list[int]) -> None:
    same(shop)
    execute(shop, "alter table m add column channel")
    same(shop)
    put(shop, (6, "c", "2026-01-04 09:00:00", "after the new column", "refund"))
    asked.clear()
    other = dataclasses.replace(shop, secret=b"another-key")
    assert prepare(sources=[source(**CONFIG)], prepare=PrepareConfig(), task=TASK, context=other).kept.rows == 4
    assert asked[2] == 5


def test_rows_that_cannot_be_read_or_have_no_key(context: Context) -> None:
    execute(context, "create table m (id, customer, updated_at, text, label)")
    put(
        context,
        (None, "a", 1, "no key here", "x"),
        ("k1", "a", 2, b"\xff\xff\xff", "x"),
        ("k2", "a", 3, "fine", "x"),
        ("k2", "a", 5, "newer", "x"),
        ("k3", "a", 4, "fine, too", "y"),
    )
    rows = same(context)
    assert rows.facts["sources"]["shop"]["in"] == 4, "an older version of a key is no row"
    assert rows.facts["rejected_by_reason"] == {"bytes that are no text in column text": 1, "no key": 1}
    execute(context, "update m set text = 'mended', updated_at = 9 where id = 'k1'", "delete from m where id is null")
    rows = same(context)
    assert rows.facts["rejected_by_reason"] == {}
    assert {row["input"]["text"] for row in rows.kept.dicts()} == {"mended", "newer", "fine, too"}


def test_a_kill_leaves_what_was_there(shop: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    read(shop)
    put(shop, (7, "d", "2026-02-01 00:00:00", "one more", "refund"))

    class Killed(BaseException):
        pass

    def kill(*arguments: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(increment, "write_json", kill)
        with pytest.raises(Killed):
            read(shop)
    rows = same(shop)
    assert rows.kept.rows == 4
    left = [path for path in (shop.root / increment.FOLDER).rglob("*") if path.name == "fresh.parquet"]
    assert left == []


STEPS = st.lists(
    st.lists(
        st.tuples(
            st.integers(1, 8), st.sampled_from(["put", "put", "delete"]), st.integers(0, 3),
            st.text("好坏退ab 1", max_size=6),
        ),
        max_size=5,
    ),
    min_size=1,
    max_size=5,
)  # fmt: skip


@settings(max_examples=25, derandomize=True, deadline=None)
@given(steps=STEPS)
def test_any_steps_come_to_the_same_rows(steps: list[list[tuple[int, str, int, str]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        context = Context(root=Path(folder), scratch=Path(folder) / "scratch", secret=b"test-key", threads=1)
        execute(context, "create table m (id integer primary key, customer, updated_at, text, label)")
        put(context, (0, "a", 0, "the first row", "x"))
        clock = 0
        for step in steps:
            for number, what, later, text in step:
                clock += later  # a row may come at the very cursor value of the one before
                if what == "put":
                    put(context, (number, f"c{number}", clock, f"{text}{clock}", "x"))
                else:
                    execute(context, (f"delete from m where id = {number}",))
            same(context)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"cursor": "nope"}, "there is no column 'nope' for `cursor`"),
        ({"key": "nope"}, "there is no column 'nope' for `key`"),
        ({"cursor": "text"}, "must be a column of rising numbers or of times"),
    ],
)
def test_wrong_cursors_are_told(shop: Context, changed: dict[str, str], message: str) -> None:
    config = source(**(CONFIG | changed))
    with pytest.raises(SourceError, match=message) as caught:  # noqa: PT012 - either may say it
        check_source(config, shop)
        observes(sources=[config], prepare=PrepareConfig(), task=TASK, context=shop)
    assert PHONE not in str(caught.value)


def test_a_cursor_needs_a_key_and_examples() -> None:
    for changed in ({"key": ""}, {"role": "goods"}):
        with pytest.raises(ValidationError, match="cursor"):
            source(**(CONFIG | changed))


@pytest.mark.slow
@pytest.mark.parametrize("start", [servers.postgres, servers.mariadb])
def test_on_real_servers(context: Context, monkeypatch: pytest.MonkeyPatch, start: Callable[[], Any]) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", servers.PASSWORD)
    with start() as server:
        server.sql(
            "create table m (id int primary key, customer varchar(9), updated_at timestamp null, "
            "text varchar(99), label varchar(9));\n"
            "insert into m values (1, 'a', '2026-01-01 10:00:00', 'first', 'x'), (2, 'b', null, 'undated', 'y');\n"
        )
        if "postgres" in server.url:
            server.sql("grant select on all tables in schema public to reader;")
        changed = {"url": server.url, "query": "select * from m order by id;", "table": ""}
        assert read(context, **changed)[0].kept.rows == 2
        server.sql("insert into m values (3, 'c', '2026-01-05 10:00:00', 'third', 'x');\n"
                   "update m set text = 'first again', updated_at = '2026-01-05 10:00:00' where id = 1;\n")  # fmt: skip
        rows, found = read(context, **changed)
        plain, _ = read(context, **changed, cursor="")
        assert rows.kept.digest == plain.kept.digest
        server.sql("delete from m where id = 2;\n")
        assert read(context, **changed)[0].kept.rows == 2
        other = context.root / "other"
        other.mkdir()
        again = read(dataclasses.replace(context, root=other), **changed)
        assert again[1] == read(context, **changed)[1] != found
