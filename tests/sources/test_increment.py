"""Reading by a cursor: the same rows as a whole read, however many steps they came in."""

from __future__ import annotations

import dataclasses
import shutil
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
from fittingroom.errors import RecipeError, SourceError
from fittingroom.sources import check_source, increment
from fittingroom.stages.prepare import PrepareConfig, observes, prepare, published, withdrawn
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.text.clean import CleanConfig
from fittingroom.types import Rows
from sources import servers
from sources.reading import source

TASK = TaskConfig(kind="classify", input=["text"], target="label")
COLUMNS = "id, customer, updated_at, text, label"
PHONE = "13812345678"
NAMED = "我叫欧阳青云，手机" + PHONE
BARE = "欧阳青云的包裹到了吗"
CONFIG = {
    "kind": "sql", "name": "shop", "url": "sqlite:///shop.db", "table": "m", "key": "id", "group": "customer",
    "time": "updated_at", "cursor": "updated_at", "overlap_seconds": 0,
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


def look(context: Context, config: Any, *, task: TaskConfig = TASK, config_of: PrepareConfig = PrepareConfig()) -> str:  # noqa: B008
    """What a run sees of the source before it decides whether there is anything to do."""
    configs = config if isinstance(config, list) else [config]
    found = observes(sources=configs, prepare=config_of, task=task, context=context)
    return found["source shop"]


def run(context: Context, config: Any, *, task: TaskConfig = TASK, how: PrepareConfig = PrepareConfig()) -> Rows:  # noqa: B008
    """An action, up to the moment before its rows are in the store."""
    configs = config if isinstance(config, list) else [config]
    shutil.rmtree(context.scratch, ignore_errors=True)
    rows = prepare(sources=configs, prepare=how, task=task, context=context)
    tables = {name: copied(table) for name, table in rows.tables.items()}
    return Rows(
        kept=copied(rows.kept), dropped=copied(rows.dropped), rejected=rows.rejected, tables=tables, facts=rows.facts
    )


def read(context: Context, others: Any = (), **changed: Any) -> tuple[Rows, str]:
    """A run's look at the source and its rows, which then are published."""
    configs = [source(**(CONFIG | changed)), *others]
    found = look(context, configs)
    rows = run(context, configs)
    published(context)
    return rows, found


def whole(context: Context, others: Any = (), **changed: Any) -> tuple[Rows, str]:
    """The same, as a workspace that has never looked before sees it."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / "fresh"
        fresh.mkdir()
        for path in context.root.iterdir():
            if path.is_file():
                (fresh / path.name).write_bytes(path.read_bytes())
        return read(dataclasses.replace(context, root=fresh, scratch=fresh / "scratch"), others, **changed)


def copied(table: Table) -> Table:
    return Table.of(table.arrow())


def same(context: Context, others: Any = (), **changed: Any) -> Rows:
    """Read, and compare with a whole read."""
    rows, found = read(context, others, **changed)
    other, expected = whole(context, others, **changed)
    assert found == expected
    equal(rows, other)
    assert look(context, [source(**(CONFIG | changed)), *others]) == found
    return rows


def equal(rows: Rows, other: Rows) -> None:
    assert rows.kept.dicts() == other.kept.dicts()
    assert (rows.kept.digest, rows.dropped.digest) == (other.kept.digest, other.dropped.digest)
    assert rows.rejected is not None
    assert other.rejected is not None
    assert rows.rejected.arrow().to_pylist() == other.rejected.arrow().to_pylist()
    assert {name: one.digest for name, one in rows.tables.items()} == {
        name: one.digest for name, one in other.tables.items()
    }
    assert rows.facts == other.facts


def texts(rows: Rows) -> dict[str, str]:
    return {row["row_key"]: row["input"]["text"] for row in rows.kept.dicts()}


# ---------------------------------------------------------------------------------------------- the same rows


def test_only_what_is_new_is_read_again(shop: Context, asked: list[int]) -> None:
    put(shop, *[(number, f"q{number}", "2026-01-01 09:00:00", f"row {number}", "refund") for number in range(20, 60)])
    rows, first = read(shop)
    assert (rows.kept.rows, rows.dropped.rows) == (43, 1)
    put(shop, (5, "q20", "2026-01-03 09:00:00", "新的一行", "refund"), (1, "a", "2026-01-03 09:00:00", "换个说法", "x"))
    asked.clear()
    assert look(shop, source(**CONFIG)) != first
    assert asked == [0, 1, 4], "columns; count and mark; two new rows, one at the mark, one without a cursor value"
    asked.clear()
    run(shop, source(**CONFIG))
    assert asked == [0, 1, 1, 6], (
        "the label that many carry; with them the others of q20 and a: two; those of b are there"
    )
    said = texts(same(shop))
    assert said["1"] == "换个说法"
    assert said["5"] == "新的一行"


def test_the_same_as_a_read_without_a_cursor(shop: Context) -> None:
    put(shop, (5, "a", "2026-01-03 09:00:00", NAMED, "refund"), (6, "a", "2026-01-04 09:00:00", BARE, "欧阳青云"))
    with_cursor = same(shop)
    plain, _ = read(shop, cursor="")
    equal(with_cursor, plain)


@pytest.mark.parametrize("turn", [(NAMED, BARE), (BARE, NAMED)])
def test_what_is_recognised_in_one_row_goes_from_all_rows_of_its_customer(shop: Context, turn: tuple[str, str]) -> None:
    old, new = turn
    put(shop, (10, "c", "2026-01-01 01:00:00", old, "refund"), (11, "d", "2026-01-01 02:00:00", BARE, "refund"))
    before = texts(same(shop))
    assert ("欧阳青云" in before["10"]) == (old == BARE), "nobody has said the name yet"
    put(shop, (12, "c", "2026-01-05 01:00:00", new, "refund"))
    after = texts(same(shop))
    assert "欧阳青云" not in after["10"] + after["12"]
    assert "[NAME]" in after["10"]
    assert "[NAME]" in after["12"]
    assert after["11"] == BARE, "another customer"
    put(shop, (13, "c", "2026-01-06 01:00:00", "还是欧阳青云", "refund"))
    assert "欧阳青云" not in texts(same(shop))["13"], "read from the row of long ago"
    put(shop, (10 if old == NAMED else 12, "c", "2026-01-07 01:00:00", "算了", "refund"))
    assert "欧阳青云" in texts(same(shop))["13"], "the row that said the name is not there any more"


def test_it_goes_from_rows_of_other_sources_too_and_from_theirs_here(shop: Context, asked: list[int]) -> None:
    """The customer c says their name in one source, and stands bare in the other."""
    put(shop, *[(number, f"q{number}", "2026-01-01 09:00:00", "row", "refund") for number in range(20, 60)])
    put(shop, (10, "c", "2026-01-01 01:00:00", NAMED, "refund"), (11, "e", "2026-01-01 02:00:00", BARE, "refund"))
    others = [
        source(kind="csv", name="more", path="more.csv", key="id", group="customer"),
        source(kind="csv", name="seen", path="seen.csv", role="events", group="customer"),
    ]
    (shop.root / "more.csv").write_text("id,customer,text,label\n1,c,见过欧阳青云,refund\n2,z,见过欧阳青云,refund\n")
    (shop.root / "seen.csv").write_text(f"customer,words\nc,找欧阳青云\nz,找欧阳青云\ne,{NAMED}\n")
    for step in range(3):
        asked.clear()
        rows = same(shop, others)
        if step:  # columns, mark, the label, everybody's customer; rows: c's and e's, the new one, the two of b
            assert asked[3:8] == [0, 1, 1, 45, 5]
        said = [row["input"]["text"] for row in rows.kept.dicts()]
        assert said.count("见过[NAME]") == 1
        assert said.count("见过欧阳青云") == 1, "z has not said it"
        assert "欧阳青云" not in texts(rows)["11"], "e has, where events are kept"
        assert sorted(row["words"] for row in rows.tables["events"].dicts())[1:] == ["找[NAME]", "找欧阳青云"]
        put(shop, (12, "f", "2026-01-08 01:00:00", f"step {step}", "refund"))


def test_annotations_of_an_open_task_lose_what_their_customer_said_long_ago(shop: Context) -> None:
    task = TaskConfig(kind="classify", input=["text"], target="answer")
    configs = [
        source(**CONFIG),
        source(kind="csv", name="people", path="people.csv", role="annotations", of="shop", key="row", label="answer"),
    ]
    put(shop, (10, "c", "2026-01-01 01:00:00", NAMED, ""))
    put(shop, (11, "c", "2026-01-01 01:00:00", "包裹呢", ""))
    (shop.root / "people.csv").write_text("row,annotator,answer\n11,li,欧阳青云的包裹到了\n")
    for _ in range(2):
        look(shop, configs, task=task)
        rows = run(shop, configs, task=task)
        published(shop)
        answers = [one["label"] for row in rows.kept.dicts() for one in row["annotations"]]
        assert answers == ["[NAME]的包裹到了"]
        put(shop, (12, "d", "2026-01-05 01:00:00", "new", ""))


def test_deleted_and_late_rows_are_noticed(shop: Context) -> None:
    same(shop)
    execute(shop, "delete from m where id = 2")
    assert same(shop).kept.rows == 2
    put(shop, (9, "z", "2025-01-01 00:00:00", "committed late, far below the mark", "refund"))
    assert same(shop).kept.rows == 3


def test_a_row_that_goes_over_to_another_customer(shop: Context) -> None:
    put(shop, (10, "c", "2026-01-01 01:00:00", NAMED, "refund"), (11, "c", "2026-01-01 02:00:00", BARE, "refund"))
    same(shop)
    put(shop, (10, "d", "2026-01-09 01:00:00", NAMED, "refund"))
    assert texts(same(shop))["11"] == BARE


def test_groups_that_the_database_takes_for_two(shop: Context) -> None:
    put(shop, (10, "c", "2026-01-01 01:00:00", BARE, "refund"))
    same(shop)
    put(shop, (11, " c ", "2026-01-09 01:00:00", NAMED, "refund"))
    assert "欧阳青云" not in texts(same(shop))["10"]


def test_the_same_cursor_value_and_late_changes_within_the_overlap(shop: Context) -> None:
    same(shop)
    put(shop, (7, "g", "2026-01-02 10:00:00", "at the very time of the last one", "refund"))
    assert "7" in texts(same(shop))
    put(shop, (7, "g", "2026-01-02 09:55:00", "changed by a long transaction", "delivery"))
    later = {"overlap_seconds": 600.0}
    same(shop, **later)
    put(shop, (7, "g", "2026-01-02 09:58:00", "changed by another", "delivery"))
    assert texts(same(shop, **later))["7"] == "changed by another"


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
    assert set(texts(rows).values()) == {"mended", "newer", "fine, too"}


STEPS = st.lists(
    st.lists(
        st.tuples(
            st.integers(1, 8), st.sampled_from(["put", "put", "move", "delete"]), st.integers(0, 3),
            st.sampled_from(["", "好", "退款", NAMED, BARE, "尾号5678", "please"]),
        ),
        max_size=5,
    ),
    min_size=1,
    max_size=4,
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
                if what == "delete":
                    execute(context, (f"delete from m where id = {number}",))
                else:
                    put(context, (number, f"c{number % 3 + (what == 'move')}", clock, f"{text}{clock}", "x"))
            same(context)


# ---------------------------------------------------------------------------------------------- what is kept


def held(context: Context) -> str:
    """All that lies on disk of what was read."""
    import polars as pl

    folder = context.root / increment.FOLDER
    frames = [pl.read_parquet(path).write_json() for path in sorted(folder.rglob("*.parquet"))]
    return "\n".join([*frames, *(path.read_text() for path in sorted(folder.rglob("*.json")))])


def test_nothing_personal_is_kept(shop: Context) -> None:
    put(shop, (10, "kunde-77", "2026-01-01 01:00:00", NAMED, "refund"))
    put(shop, (11, "kunde-77", "2026-01-01 01:00:00", BARE, "refund"))
    put(shop, ("13987654321", "kunde-77", "2026-01-01 01:00:00", "key of a person", "refund"))
    read(shop)
    text = held(shop)
    assert "[MOBILE]" in text
    assert "[NAME]" in text
    for personal in (PHONE, "欧阳青云", "kunde-77", "13987654321"):
        assert personal not in text


def test_a_kill_before_the_rows_are_published_changes_nothing(shop: Context, asked: list[int]) -> None:
    read(shop)
    put(shop, (7, "d", "2026-02-01 00:00:00", "one more", "refund"))
    before = held(shop)
    for _ in range(2):
        asked.clear()
        look(shop, source(**CONFIG))
        assert run(shop, source(**CONFIG)).kept.rows == 4
        assert asked == [0, 1, 3, 0, 1, 0, 3], "the new row, the one at the mark, the one without a cursor value"
        assert held(shop) == before, "nothing counts before it is published"
    same(shop)
    assert held(shop) != before


@pytest.mark.parametrize("what", ["rules", "task", "key", "column"])
def test_other_rules_tasks_keys_or_columns_read_everything(shop: Context, asked: list[int], what: str) -> None:
    same(shop)
    put(shop, (6, "c", "2026-01-04 09:00:00", "one more", "refund"))
    how, task, context = PrepareConfig(), TASK, shop
    asked.clear()
    if what == "rules":
        how = PrepareConfig(clean=CleanConfig(min_chars=3))
    elif what == "task":
        task = TaskConfig(kind="classify", input=["text"], target="label", labels=["refund", "delivery"])
    elif what == "key":
        context = dataclasses.replace(shop, secret=b"another-key")
    else:
        execute(shop, "alter table m add column channel")
    run(context, source(**CONFIG), task=task, how=how)
    assert asked[-1] == 5
    asked.clear()
    run(shop, source(**CONFIG))
    assert asked[-1] == (5 if what == "column" else 3)


def test_other_versions_read_everything(shop: Context, asked: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    same(shop)
    asked.clear()
    monkeypatch.setattr("fittingroom.stages.prepare.VERSION", 1_000)
    run(shop, source(**CONFIG))
    assert asked[-1] == 4


def test_retention_holds_for_what_is_kept(shop: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import UTC, datetime

    from fittingroom.sources import forgotten
    from fittingroom.sources.recalled import GONE

    kept = {"retention": "30d"}
    monkeypatch.setattr(forgotten, "today", lambda: datetime(2026, 1, 20, tzinfo=UTC))
    execute(shop, "update m set updated_at = '2026-01-01 12:00:00' where id = 3")
    assert same(shop, **kept).kept.rows == 3
    monkeypatch.setattr(forgotten, "today", lambda: datetime(2026, 2, 1, tzinfo=UTC))
    rows = same(shop, **kept)
    assert rows.kept.rows == 0
    assert rows.facts["left_out"]["shop"] == {forgotten.EXPIRED: 3}
    assert "when will it ship" not in held(shop)
    put(shop, (9, "d", "2026-01-20 10:00:00", "soon too old", "refund"))
    assert "soon too old" in texts(same(shop, **kept)).values()
    moment = datetime(2026, 1, 21, tzinfo=UTC)
    assert increment.expire(shop.root, {"another": moment}, GONE) == 0
    assert increment.expire(shop.root, {"shop": moment}, GONE) > 0
    assert increment.expire(shop.root, {"shop": moment}, GONE) == 0
    assert "soon too old" not in held(shop)
    monkeypatch.setattr(forgotten, "today", lambda: datetime(2026, 3, 1, tzinfo=UTC))
    same(shop, **kept)


def test_rows_that_a_guard_objects_to_go_from_here_too(shop: Context) -> None:
    read(shop)
    assert (shop.root / increment.FOLDER).is_dir()
    withdrawn(shop)
    assert not (shop.root / increment.FOLDER).exists()


# ---------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"cursor": "updatd_at"},
            "source shop: there is no column 'updatd_at' for `cursor` .did you mean 'updated_at'",
        ),
        ({"key": "nope"}, "source shop: there is no column 'nope' for `key`"),
        ({"group": "nope"}, "source shop: there is no column 'nope' for `group`"),
        ({"cursor": "text"}, "source shop: `cursor` 'text' must be a column of rising numbers or of times"),
    ],
)
def test_wrong_cursors_are_told(shop: Context, changed: dict[str, str], message: str) -> None:
    put(shop, (9, "a", None, "座机" + PHONE, ""))
    config = source(**(CONFIG | changed))
    for act in (lambda: check_source(config, shop), lambda: look(shop, config)):
        with pytest.raises(SourceError, match=message) as caught:
            act()
        assert PHONE not in str(caught.value)


def test_a_cursor_needs_a_key_and_examples() -> None:
    for changed in ({"key": ""}, {"role": "goods"}):
        with pytest.raises(ValidationError, match="cursor"):
            source(**(CONFIG | changed))


def test_what_a_cursor_does_not_go_together_with(shop: Context) -> None:
    two = [source(**CONFIG), source(**(CONFIG | {"name": "other"}))]
    for act in (look, run):
        with pytest.raises(RecipeError, match="only one source with a `group` can have a `cursor`"):
            act(shop, two)
    irrelevant = PrepareConfig.model_validate({"irrelevant": {"file": "examples.txt"}})
    with pytest.raises(RecipeError, match=r"prepare\.irrelevant"):
        look(shop, source(**CONFIG), config_of=irrelevant)


def test_a_label_that_many_carry_stays(shop: Context) -> None:
    """Also where the task names no labels, an agent is called like a customer, and steps show too few rows to tell."""
    agents = ["张伟", "刘洋", "王芳"]

    def rows(numbers: range) -> list[tuple[Any, ...]]:
        return [
            (n, f"q{n}", f"2026-03-{n // 24 + 1:02} {n % 24:02}:00:00", f"第{n}个问题", agents[n % 3]) for n in numbers
        ]

    put(shop, *rows(range(30, 57)))  # nine of each
    same(shop)
    put(shop, (200, "q30", "2026-05-01 00:00:00", "我叫张伟，问一下", "张伟"))
    assert "[NAME]" in {row["target"]["label"] for row in same(shop).kept.dicts()}, "so far nine carry it"
    put(shop, *rows(range(120, 150)))
    for _ in range(2):
        found = [row["target"]["label"] for row in same(shop).kept.dicts()]
        assert [found.count(name) for name in agents] == [20, 19, 19]
        assert "[NAME]" not in found
        put(shop, (201, "q31", "2026-05-02 00:00:00", "我叫刘洋，刘洋是我", "refund"))
    assert "刘洋" not in str(texts(same(shop)))


def test_numbers_in_a_column_of_text_are_no_cursor(shop: Context) -> None:
    """As text, 10 comes before 9: the tenth row would never be seen."""
    execute(shop, "create table t (id integer primary key, customer, updated_at text, text, label)")
    for number in range(1, 10):
        execute(shop, ("insert into t values (?, 'a', ?, ?, 'x')", (number, str(number), f"row {number}")))
    with pytest.raises(SourceError, match="column of text that holds numbers"):
        read(shop, table="t", time="")
    number = "select id, customer, text, label, cast(updated_at as integer) as updated_at from t"
    assert read(shop, table="", query=number, time="")[0].kept.rows == 9
    execute(shop, "insert into t values (10, 'a', '10', 'row 10', 'x')")
    assert same(shop, table="", query=number, time="").kept.rows == 10
    execute(shop, "update t set updated_at = '2026-01-0' || (id % 9 + 1) || ' 10:00:00'")
    assert read(shop, table="t", time="")[0].kept.rows == 10, "times are written so that their text rises"


def test_a_damaged_state_is_told(shop: Context) -> None:
    from datetime import UTC, datetime

    from fittingroom.errors import StoreError

    read(shop)
    next((shop.root / increment.FOLDER).rglob("current.json")).write_text("{")
    with pytest.raises(StoreError, match="take the folder increments away"):
        read(shop)
    with pytest.raises(StoreError, match="take the folder increments away"):
        increment.expire(shop.root, {"shop": datetime(2026, 1, 1, tzinfo=UTC)}, {})


# ---------------------------------------------------------------------------------------------- real servers


@pytest.mark.slow
@pytest.mark.parametrize("start", [servers.postgres, servers.mariadb])
def test_on_real_servers(context: Context, monkeypatch: pytest.MonkeyPatch, start: Callable[[], Any]) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", servers.PASSWORD)
    with start() as server:
        server.sql(
            "create table m (id int primary key, customer varchar(9), updated_at timestamp null, "
            "text varchar(99), label varchar(9));\n"
            f"insert into m values (1, 'a', '2026-01-01 10:00:00', '{NAMED}', 'x'), (2, 'b', null, 'undated', 'y'),\n"
            "(4, 'it''s', '2026-01-01 10:00:00', 'fourth', 'x');\n"
        )
        if "postgres" in server.url:
            server.sql("grant select on all tables in schema public to reader;")
        changed = {"url": server.url, "query": "select * from m order by id;", "table": ""}
        (context.root / "seen.csv").write_text(f"customer,words\na,找欧阳青云\nit's,{NAMED}\n")
        others = [source(kind="csv", name="seen", path="seen.csv", role="events", group="customer")]
        assert same(context, others, **changed).kept.rows == 3
        server.sql(f"insert into m values (3, 'a', '2026-01-05 10:00:00', '{BARE}', 'x');\n"
                   "update m set text = 'first again', updated_at = '2026-01-05 10:00:00' where id = 4;\n")  # fmt: skip
        rows = same(context, others, **changed)
        assert "欧阳青云" not in str(rows.kept.dicts()) + str(rows.tables["events"].dicts())
        plain, _ = read(context, others, **changed, cursor="")
        assert rows.kept.digest == plain.kept.digest
        numbers = "(select id, customer, text, label, {0} as updated_at from m) as numbers"
        for kind, refused in (("id", False), ("cast(id as char(9))", True)):
            changed |= {"query": "select * from " + numbers.format(kind), "time": ""}
            if refused:
                with pytest.raises(SourceError, match="column of text that holds numbers"):
                    look(context, source(**(CONFIG | changed)))
            else:
                same(context, others, **changed)
        changed = {"url": server.url, "query": "select * from m order by id;", "table": ""}
        server.sql("delete from m where id = 2;\n")
        assert same(context, others, **changed).kept.rows == 3
