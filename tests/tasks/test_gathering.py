"""Events become examples: what was known before a moment, and nothing of what came after."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fittingroom.engine import Context
from fittingroom.errors import FittingroomError, RecipeError, UserError
from fittingroom.stages.prepare import PrepareConfig, prepare
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.gathering import gathered
from fittingroom.tasks.recommend import JOB, apart
from fittingroom.tasks.shelf import Shelf
from fittingroom.types import Rows, row_schema
from shopping import BEGIN, task
from sources.reading import source


def events(*told: dict[str, Any]) -> Table:
    """Events from `who`, `day` (or `hours`), and any column."""
    import pyarrow as pa

    records = []
    for number, one in enumerate(told):
        when = BEGIN + timedelta(days=one["day"]) if "day" in one else None
        if "hours" in one:
            when = BEGIN + timedelta(hours=one["hours"])
        head = {"id": f"e{number:03d}", "source": "log", "row_key": str(number), "group": one.get("who"), "time": when}
        own = {name: str(value) for name, value in one.items() if name not in ("who", "day", "hours")}
        records.append({**head, **own})
    names = sorted({name for record in records for name in record} - {"id", "source", "row_key", "group", "time"})
    head_fields = [(name, pa.string()) for name in ("id", "source", "row_key", "group")]
    fields = [*head_fields, ("time", pa.timestamp("us", tz="UTC")), *((name, pa.string()) for name in names)]
    return Table.records(records, pa.schema(fields))


def made(of: TaskConfig, folder: Path, stream: Table, goods: Table | None = None) -> Rows:
    empty = Table.of(row_schema(of.input, of.target).empty_table())
    tables = {"events": stream} | ({"goods": goods} if goods is not None else {})
    context = Context(root=folder, scratch=folder, secret=b"key")
    return gathered(Rows(kept=empty, dropped=empty, tables=tables), of, context)


def told(rows: Rows) -> list[tuple[str, str]]:
    return [(row["input"]["history"], row["target"]["title"]) for row in rows.kept.dicts()]


def test_a_basket_is_one_moment_and_history_is_what_came_before(tmp_path: Path) -> None:
    stream = events(
        {"who": "a", "day": 3, "item": "bread"},
        {"who": "a", "day": 1, "item": "milk"},
        {"who": "b", "day": 2, "item": "tea"},
        {"who": "a", "day": 3, "item": "butter;  salted "},
        {"who": "a", "day": 9, "item": "jam"},
    )
    rows = made(task(), tmp_path, stream)
    assert told(rows) == [
        ("milk", "bread"),
        ("", "milk"),
        ("", "tea"),
        ("milk", "butter, salted"),
        ("butter, salted; bread; milk", "jam"),
    ]
    facts = rows.facts["gathered"]
    assert (facts["events"], facts["examples"], facts["customers"], facts["moments"]) == (5, 5, 2, 4)
    assert facts["moments_without_history"] == 2
    assert [row["id"] for row in rows.kept.dicts()] == [f"e{number:03d}" for number in range(5)]


def test_nothing_from_the_moment_or_after_it_enters(tmp_path: Path) -> None:
    """Whatever the order in which events lie in the file."""
    stream = [{"who": "a", "day": day, "item": f"g{day}.{place}"} for day in range(6) for place in range(3)]
    for told_in in (stream, stream[::-1], stream[1::2] + stream[::2]):
        for row in made(task(history=50), tmp_path, events(*told_in)).kept.dicts():
            now = int(row["target"]["title"][1])
            known = [int(title[1]) for title in row["input"]["history"].split("; ") if title]
            assert all(day < now for day in known)
            assert len(known) == 3 * now


def test_goods_had_are_left_out_unless_they_are_bought_again(tmp_path: Path) -> None:
    stream = events(*({"who": "a", "day": day, "item": item} for day, item in enumerate(["milk", "tea", "milk"])))
    rows = made(task(), tmp_path, stream)
    assert told(rows) == [("", "milk"), ("milk", "tea")]
    assert rows.facts["gathered"]["bought_before"] == 1
    assert told(made(task(rebuy=True), tmp_path, stream)) == [("", "milk"), ("milk", "tea"), ("tea; milk", "milk")]


def test_all_that_a_customer_has_stays_known_and_the_newest_of_it_is_told(tmp_path: Path) -> None:
    stream = events(*({"who": "a", "day": day, "item": f"g{day:02d}"} for day in range(12)))
    of = task(history=3)
    last = made(of, tmp_path, stream).kept.dicts()[-1]["input"]
    had = [f"g{day:02d}" for day in range(10, -1, -1)]
    assert apart(last["history"]) == had
    assert JOB.messages(last, of, [])[-1]["content"] == "; ".join(had[:3])
    shelf = Shelf({f"g{day:02d}": 1 for day in range(12)} | {"new": 0}, [])
    assert shelf.ranked("popularity", last, of, most=10) == ["g11", "new"], "what she has is not shown again"
    again = made(task(history=3, rebuy=True), tmp_path, stream).kept.dicts()[-1]["input"]
    assert apart(again["history"]) == had[:3], "where goods are bought again, no more than that is needed"


def test_an_order_column_tells_who_came_first_where_there_is_no_time(tmp_path: Path) -> None:
    stream = events(*({"who": "a", "item": f"g{place}", "place": place} for place in (10, 9, 2)))
    assert told(made(task(order="place"), tmp_path, stream)) == [("g9; g2", "g10"), ("g2", "g9"), ("", "g2")]


def test_views_and_searches_count_while_they_are_fresh(tmp_path: Path) -> None:
    stream = events(
        {"who": "a", "hours": 0, "kind": "view", "item": "1"},
        {"who": "a", "hours": 30, "kind": "search", "terms": "red  shoes"},
        {"who": "a", "hours": 31, "kind": "view", "item": "2"},
        {"who": "a", "hours": 32, "kind": "order", "item": "3"},
        {"who": "a", "hours": 33, "kind": "health", "item": "3"},
        {"who": "a", "hours": 90, "kind": "order", "item": "1"},
        {"who": "a", "hours": 91, "kind": "order", "item": "7"},
        {"who": "a", "hours": 91, "kind": "view", "item": "4"},
    )
    import pyarrow as pa

    titles = {"1": "hat", "2": "shoe", "3": "red shoe", "4": None}
    goods = Table.of(
        pa.table(
            {"row_key": pa.array(list(titles), pa.string()), "title": pa.array(list(titles.values()), pa.string())}
        )
    )
    of = task(["searched", "viewed", "history"], kind="kind")
    rows = made(of, tmp_path, stream, goods)
    assert [row["input"] for row in rows.kept.dicts()] == [
        {"searched": "red shoes", "viewed": "shoe", "history": ""},
        {"searched": "", "viewed": "", "history": "red shoe"},
    ]
    left = {"neither bought, viewed nor searched": 1, "no title": 1, "unknown goods": 1}
    assert rows.facts["gathered"]["left_out"] == left


def test_without_personal_history_only_the_search_is_left(tmp_path: Path) -> None:
    stream = events(
        {"who": "a", "hours": 1, "kind": "order", "item": "hat"},
        {"who": "a", "hours": 2, "kind": "search", "terms": "gloves"},
        {"who": "a", "hours": 3, "kind": "order", "item": "glove"},
    )
    of = task(["searched", "history"], kind="kind", personal=False)
    assert [row["input"] for row in made(of, tmp_path, stream).kept.dicts()] == [
        {"searched": "", "history": ""},
        {"searched": "gloves", "history": ""},
    ]
    with pytest.raises(RecipeError, match="nothing is left to tell the model"):
        made(task(personal=False), tmp_path, stream)


def test_the_newest_moments_of_a_customer_are_taken(tmp_path: Path) -> None:
    stream = events(*({"who": "a", "day": day, "item": f"g{day}"} for day in range(9)))
    rows = made(task(moments=3), tmp_path, stream)
    assert [title for _, title in told(rows)] == ["g6", "g7", "g8"]
    assert rows.facts["gathered"]["moments_passed_over"] == 6


@pytest.mark.parametrize(
    ("of", "stream", "said"),
    [
        (task(), events({"day": 1, "item": "milk"}), "no customer: 1.*`group:`"),
        (task(), events({"who": "a", "item": "milk"}), "no time: 1.*`time:`"),
        (task(), events({"who": "a", "day": 1, "item": " "}), "no title: 1.*must hold titles"),
        (task(kind="kind"), events({"who": "a", "day": 1, "item": "m", "kind": "sale"}), "`task.recommend.bought`"),
        (task(), events({"who": "a", "day": 1, "sku": "m"}), "no column 'item'; there are: sku"),
        (task(["query"]), events({"who": "a", "day": 1, "item": "m"}), "do not make the field 'query'"),
    ],
)
def test_what_is_missing_is_said(tmp_path: Path, of: TaskConfig, stream: Table, said: str) -> None:
    with pytest.raises(FittingroomError, match=said) as found:
        made(of, tmp_path, stream)
    assert found.value.zh
    assert found.value.place


def test_goods_without_any_title_of_an_event(tmp_path: Path) -> None:
    import pyarrow as pa

    goods = Table.of(pa.table({"row_key": pa.array(["9"]), "title": pa.array(["hat"])}))
    with pytest.raises(UserError, match=r"unknown goods: 1.*`key` of the source of goods"):
        made(task(), tmp_path, events({"who": "a", "day": 1, "item": "1"}), goods)


def test_prepare_makes_examples_of_a_source_of_events(tmp_path: Path) -> None:
    """The whole way: days before months, customers as pseudonyms, goods joined by their key."""
    (tmp_path / "sales.csv").write_text(
        "member,date,sku\nzhang,05-01-2026,1\nzhang,12-01-2026,2\nli,31-01-2026,1\nli,2026-01-30,2\n", encoding="utf-8"
    )
    (tmp_path / "goods.csv").write_text("sku,name\n1,全脂牛奶 1L\n2,Rye bread\n", encoding="utf-8")
    sources = [
        source(
            kind="csv", path="sales.csv", role="events", group="member", time="date", time_format="%d-%m-%Y",
            fields={"item": "sku"},
        ),
        source(kind="csv", path="goods.csv", role="goods", key="sku", fields={"title": "name"}),
    ]  # fmt: skip
    context = Context(root=tmp_path, scratch=tmp_path / "scratch", secret=b"x" * 32)
    rows = prepare(sources=sources, prepare=PrepareConfig(), task=task(), context=context)
    assert sorted((row["time"].day, *pair) for row, pair in zip(rows.kept.dicts(), told(rows), strict=True)) == [
        (5, "", "全脂牛奶 1L"),
        (12, "全脂牛奶 1L", "Rye bread"),
        (31, "", "全脂牛奶 1L"),
    ]
    assert rows.facts["gathered"]["left_out"] == {"no time": 1}
    assert not {row["group"] for row in rows.kept.dicts()} & {"zhang", "li"}
