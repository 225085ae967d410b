"""Prepare: every row is accounted for, nothing personal is written, and the same input gives the same output."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fittingroom.engine import Context
from fittingroom.errors import RecipeError, SourceError
from fittingroom.sources import parts
from fittingroom.sources.config import SourceConfig
from fittingroom.sources.rows import row_id
from fittingroom.stages.label import LabelConfig, label
from fittingroom.stages.prepare import VERSION, PrepareConfig, observes, prepare
from fittingroom.tasks.config import TaskConfig
from fittingroom.types import Rows, dropped_schema, rejected_schema, row_schema
from sources.reading import source

GOLDEN = Path(__file__).with_name("golden_prepare.json")
TASK = TaskConfig(kind="classify", input=["review"], target="label")

REVIEWS = [
    ("r1", "c1", "2024-01-31 10:00:00", "质量很好，电话13812345678", "好评"),
    ("r2", "c2", "2024-01-31 11:00:00", "<p>物流&nbsp;很快</p>", "好评"),
    ("r3", "c1", "not a time", "此用户没有填写评价", None),
    ("r4", "c3", None, "", "差评"),
    ("r5", None, None, "订单号202311090012345678一直没到", " 差评 "),
    ("r6", "c4", None, "兼职日结300元，加微信abc12345", "好评"),
    ("r6", "c4", None, "又一次 r6，我叫王小明，", "好评"),
    (None, "c4", None, "没有主键，邮箱a@b.com", "好评"),
]
ANNOTATIONS = [
    ("r1", "anna", "好评"),
    ("r1", "bob", "差评"),
    ("r6", "anna", "好评"),
    ("r9", "bob", "差评"),
    ("r2", "", "好评"),
    ("r2", "bob", ""),
]


def run(context: Context, sources: Sequence[SourceConfig], task: TaskConfig = TASK, **config: Any) -> Rows:
    return prepare(sources=list(sources), prepare=PrepareConfig(**config), task=task, context=context)


@pytest.fixture
def shop(context: Context) -> list[SourceConfig]:
    """A small shop: a database, a log, a catalogue."""
    with closing(sqlite3.connect(context.root / "shop.db")) as connection, connection:
        connection.execute("create table reviews (review_id, customer, at, review, label)")
        connection.executemany("insert into reviews values (?, ?, ?, ?, ?)", REVIEWS)
        connection.execute("create table said (review_id, who, label)")
        connection.executemany("insert into said values (?, ?, ?)", ANNOTATIONS)
    (context.root / "goods.csv").write_text(
        "sku,name,price,contact_name\nS1,红色连衣裙,0099.50,张伟\nS2,Blue jacket 13812345678,NA,\nS2,again,1,\n",
        encoding="gbk",
    )
    agent = "Mozilla/5.0 Firefox/120.0"
    (context.root / "access.log").write_text(
        f'192.0.2.7 - - [05/Mar/2025:10:00:00 +0800] "GET /goods/S1?token=x HTTP/1.1" 200 5 "-" "{agent}"\n'
        f'192.0.2.7 - - [05/Mar/2025:10:01:00 +0800] "GET /search?q=13812345678 HTTP/1.1" 200 5 "-" "{agent}"\n'
        "192.0.2.9 torn line of 13812345678\n"
    )
    url = "sqlite:///shop.db"
    return [
        source(kind="sql", name="reviews", url=url, table="reviews", key="review_id", group="customer", time="at"),
        source(kind="sql", role="annotations", url=url, table="said", of="reviews", key="review_id", annotator="who"),
        source(kind="csv", role="goods", path="goods.csv", key="sku"),
        source(kind="weblog", path="access.log"),
    ]


def everything(rows: Rows) -> str:
    tables = [rows.kept, rows.dropped, rows.rejected, *rows.tables.values()]
    return json.dumps([table.dicts() for table in tables if table], ensure_ascii=False, default=str) + str(rows.facts)


def test_schemas_counts_and_reasons(context: Context, shop: list[SourceConfig]) -> None:
    rows = run(context, shop)
    schema = row_schema(["review"], "label")
    assert rows.rejected is not None
    assert rows.kept.schema.equals(schema)
    assert rows.dropped.schema.equals(dropped_schema(schema))
    assert rows.rejected.schema.equals(rejected_schema())
    assert rows.facts["sources"] == {
        "reviews": {"in": 8, "kept": 3, "dropped": 3, "rejected": 2, "unread_times": 1},
        "sql-2": {"in": 6, "kept": 3, "dropped": 0, "rejected": 3, "unread_times": 0},
        "csv-3": {"in": 3, "kept": 2, "dropped": 0, "rejected": 1, "unread_times": 0},
        "weblog-4": {"in": 3, "kept": 2, "dropped": 0, "rejected": 1, "unread_times": 0},
    }
    assert rows.facts["dropped_by_reason"] == {"boilerplate": 1, "empty": 1, "spam": 1}
    assert rows.facts["rejected_by_reason"] == {
        "no annotator": 1,
        "no key": 1,
        "no label": 1,
        "no row has this key": 1,
        "not a line of the common or combined log format": 1,
        "the key stands twice": 2,
    }
    assert rows.facts["edits"] == {"entity": 1, "markup": 1, "whitespace": 2}
    assert rows.facts["personal"] == {"mobile": 3, "name": 1, "order": 1, "wechat": 1}
    for table in (rows.kept, rows.dropped):
        ids = [row["id"] for row in table.dicts()]
        assert ids == sorted(ids)


def test_rows_are_clean_and_carry_their_annotations(context: Context, shop: list[SourceConfig]) -> None:
    rows = {row["row_key"]: row for row in run(context, shop).kept.dicts()}
    assert rows["r1"]["input"] == {"review": "质量很好，电话[MOBILE]"}
    assert rows["r1"]["edits"] == [{"rule": "mobile", "count": 1}]
    assert rows["r1"]["time"].isoformat() == "2024-01-31T10:00:00+00:00"
    assert rows["r1"]["id"] == row_id(context.secret, "reviews", "r1")
    assert [one["label"] for one in rows["r1"]["annotations"]] in (["好评", "差评"], ["差评", "好评"])
    assert rows["r2"]["input"] == {"review": "物流 很快"}
    assert rows["r2"]["annotations"] == []
    assert rows["r5"]["target"] == {"label": "差评"}
    assert rows["r5"]["group"] is None
    assert rows["r5"]["dup_count"] == 1


@pytest.mark.parametrize(("first", "then"), [("好评", "差评"), ("差评", "好评")])
@pytest.mark.parametrize("dated", [False, True])
def test_the_last_word_of_an_annotator_counts(context: Context, first: str, then: str, dated: bool) -> None:
    (context.root / "rows.csv").write_text("id,review,label\n1,还行吧这件,\n2,说不上来的一件,中评\n", encoding="utf-8")
    said = [("zhang", first, "2026-01-01 10:00:00"), ("zhang", then, "2026-01-01 11:00:00")]
    if dated:  # an export need not be in the order of time
        said.reverse()
    lines = "".join(f"1,{who},{label},{at}\n" for who, label, at in said)
    (context.root / "said.csv").write_text(f"id,annotator,label,at\n{lines}", encoding="utf-8")
    when = {"time": "at"} if dated else {}
    rows = run(
        context,
        [
            source(kind="csv", name="rows", path="rows.csv", key="id"),
            source(kind="csv", role="annotations", path="said.csv", of="rows", key="id", **when),
        ],
    )
    votes = {row["row_key"]: [one["label"] for one in row["annotations"]] for row in rows.kept.dicts()}
    assert votes == {"1": [first, then], "2": []}
    out = label(
        rows, label=LabelConfig(), task=TASK.model_copy(update={"labels": ["好评", "差评", "中评"]}), context=context
    )
    assert {row["row_key"]: row["target"]["label"] for row in out.kept.dicts()} == {"1": then, "2": "中评"}


def test_nothing_personal_is_written(context: Context, shop: list[SourceConfig]) -> None:
    rows = run(context, shop)
    written = everything(rows)
    for value in (
        "13812345678",
        "a@b.com",
        "王小明",
        "张伟",
        "anna",
        "bob",
        "192.0.2",
        "202311090012345678",
        "abc12345",
    ):
        assert value not in written, value
    for customer in ("c1", "c2", "c3", "c4"):
        assert customer not in {row["group"] for row in rows.kept.dicts()}
    for file in context.scratch.rglob("*"):
        assert not file.is_file() or b"13812345678" not in file.read_bytes()


def test_side_tables(context: Context, shop: list[SourceConfig]) -> None:
    tables = run(context, shop).tables
    goods = {row["row_key"]: row for row in tables["goods"].dicts()}
    assert goods["S1"] | {"name": "红色连衣裙", "price": "0099.50", "contact_name": "[NAME]"} == goods["S1"]
    assert (goods["S2"]["name"], goods["S2"]["price"]) == ("Blue jacket [MOBILE]", "NA")
    events = {row["kind"]: row for row in tables["events"].dicts()}
    assert (events["view"]["item"], events["view"]["path"]) == ("S1", "/goods/S1")
    assert events["search"]["terms"] == "[MOBILE]"
    assert events["view"]["group"] == events["search"]["group"]
    assert events["view"]["time"].isoformat() == "2025-03-05T02:00:00+00:00"


def test_machines_are_counted_and_kept_out_of_the_events(context: Context, shop: list[SourceConfig]) -> None:
    def line(target: str, agent: str) -> str:
        return f'192.0.2.7 - - [05/Mar/2025:10:00:00 +0800] "GET {target} HTTP/1.1" 200 5 "-" "{agent}"\n'

    with (context.root / "access.log").open("a") as file:
        file.write(line("/goods/S1", "Googlebot/2.1") * 3 + line("/healthz", "x") + line("/a.css", "Firefox"))
    rows = run(context, shop)
    assert sorted(row["kind"] for row in rows.tables["events"].dicts()) == ["search", "view"]
    assert rows.facts["set_apart"] == {"weblog-4": {"a file of a page": 1, "a health check": 1, "a robot's request": 3}}
    account = rows.facts["sources"]["weblog-4"]
    assert (account["in"], account["kept"], account["dropped"], account["rejected"]) == (8, 2, 5, 1)


def test_golden(context: Context, shop: list[SourceConfig]) -> None:
    """Fails when the output moves: then raise VERSION and write the file anew."""
    now = golden(run(context, shop))
    assert now == json.loads(GOLDEN.read_text(encoding="utf-8"))


def golden(rows: Rows) -> Any:
    """What the golden file holds."""
    now = {
        "version": VERSION,
        "kept": json.loads(json.dumps(rows.kept.dicts(), default=str)),
        "dropped": [(row["row_key"], row["reason"]) for row in rows.dropped.dicts()],
        "rejected": rows.rejected.dicts() if rows.rejected else [],
        "tables": {name: table.digest for name, table in sorted(rows.tables.items())},
    }
    return json.loads(json.dumps(now, ensure_ascii=False))


def test_order_of_rows_does_not_matter(context: Context, shop: list[SourceConfig]) -> None:
    first = run(context, shop)
    backwards = shop[0].model_copy(
        update={"table": "", "query": "select * from reviews where review_id <> 'r6' order by 1 desc"}
    )
    forwards = shop[0].model_copy(
        update={"table": "", "query": "select * from reviews where review_id <> 'r6' order by 1"}
    )
    digests = {run(context, [one, *shop[2:]]).kept.digest for one in (backwards, forwards)}
    assert len(digests) == 1
    assert run(context, shop).kept.digest == first.kept.digest


def test_large_sources_are_sorted_on_disk(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "".join(f"{number},评价第{number}条很好\n" for number in range(4_000))
    (context.root / "r.csv").write_text("id,review\n" + lines, encoding="utf-8")
    config = source(kind="csv", path="r.csv", key="id")
    whole = run(context, [config]).kept
    expected, ids = whole.digest, [row["id"] for row in whole.dicts()]
    monkeypatch.setattr(parts, "_HELD", 1000)
    spilled = run(context, [config]).kept
    assert spilled.rows == 4_000
    assert [row["id"] for row in spilled.dicts()] == ids == sorted(ids)
    assert spilled.digest == expected
    assert not list(context.scratch.rglob("*part-*"))


def test_several_fields(context: Context) -> None:
    (context.root / "r.csv").write_text(
        "id,title,review\n1,,很好\n2,,\n3,好,加微信abc12345，日结兼职\n4,！,。\n5,此用户没有填写评价,真不错\n",
        encoding="utf-8",
    )
    task = TaskConfig(kind="classify", input=["title", "review"], target="label")
    rows = run(context, [source(kind="csv", path="r.csv", key="id")], task)
    assert {row["target"]["label"] for row in rows.kept.dicts()} == {None}
    assert sorted(row["row_key"] for row in rows.kept.dicts()) == ["1", "5"]
    assert {row["row_key"]: row["reason"] for row in rows.dropped.dicts()} == {
        "2": "empty",
        "3": "spam",
        "4": "too short",
    }


def test_social_posts_and_replies(context: Context) -> None:
    post = {
        "id": "m1",
        "content": "求推荐",
        "tag": "问",
        "author": "li",
        "replies": [{"content": "同问", "author": "wu"}],
    }
    (context.root / "s.jsonl").write_text(
        json.dumps(post, ensure_ascii=False) + "\nbroken 13812345678\n", encoding="utf-8"
    )
    config = source(kind="social", path="s.jsonl", fields={"text": "content", "label": "tag"})
    rows = run(context, [config])
    assert rows.rejected is not None
    found = sorted((row["row_key"], row["input"]["review"], row["target"]["label"]) for row in rows.kept.dicts())
    assert found == [("m1", "求推荐", "问"), ("m1/1", "同问", None)]
    assert len({row["group"] for row in rows.kept.dicts()}) == 1
    assert rows.rejected.dicts()[0]["text"] == "broken [MOBILE]"


def test_rejected_text_is_redacted_before_it_is_cut(context: Context) -> None:
    (context.root / "s.jsonl").write_text('{"review": "好"}\n' + "很" * 195 + "13812345678\n", encoding="utf-8")
    rows = run(context, [source(kind="jsonl", path="s.jsonl")], clean={"max_repeat": 0})
    assert rows.rejected is not None
    (row,) = rows.rejected.dicts()
    assert row["text"] == "很" * 195 + "[MOBI"
    assert (row["file"], row["line"], row["reason"].startswith("not JSON")) == ("s.jsonl", 2, True)


@pytest.mark.parametrize(
    ("content", "values", "message"),
    [
        ("id,text\n1,a\n", {}, "no column 'review'"),
        ("id,review\n1,a\n", {"key": "nr"}, "no column 'nr'"),
        ("id,review\n1,a\n", {"time": "at"}, "no column 'at'"),
        ("id,review\n1,a\n", {"fields": {"label": "stars"}}, "no column 'stars'"),
        ("id,review\n", {}, "has no rows"),
        ("", {}, "empty"),
        ("id,review\n1,2,3\n4,5,6\n", {}, "none of its 2 rows could be read; the first: line 2, 3 fields"),
    ],
)
def test_unusable_sources(context: Context, content: str, values: dict[str, Any], message: str) -> None:
    (context.root / "r.csv").write_text(content)
    with pytest.raises(SourceError, match=message) as caught:
        run(context, [source(kind="csv", path="r.csv", **values)])
    assert caught.value.place == "r.csv"
    assert caught.value.zh


def test_sources_that_do_not_fit_together(context: Context, shop: list[SourceConfig]) -> None:
    with pytest.raises(RecipeError, match="examples"):
        run(context, shop[2:])
    with pytest.raises(RecipeError, match="`of` must name"):
        run(context, [shop[0], shop[1].model_copy(update={"of": "nobody"})])
    with pytest.raises(RecipeError, match="need `key`"):
        run(context, [shop[0], shop[1].model_copy(update={"key": ""})])
    run(context, [shop[0], shop[1].model_copy(update={"of": ""})])


def test_observes_the_world(context: Context, shop: list[SourceConfig]) -> None:
    first = observes(sources=shop, prepare=PrepareConfig(), context=context)
    assert set(first) == {"source reviews", "source sql-2", "source csv-3", "source weblog-4", "pseudonym key"}
    assert observes(sources=shop, prepare=PrepareConfig(), context=context) == first
    assert context.secret.decode() not in str(first)
    with (context.root / "access.log").open("a") as file:
        file.write("more\n")
    other = observes(sources=shop, prepare=PrepareConfig(), context=dataclasses.replace(context, secret=b"another"))
    assert {name for name in first if first[name] != other[name]} == {"source weblog-4", "pseudonym key"}


def test_progress_is_told_and_leftovers_of_a_kill_do_no_harm(context: Context, shop: list[SourceConfig]) -> None:
    told: list[tuple[str, float, float]] = []
    expected = run(context, shop).kept.digest
    (context.scratch / "prepare" / "kept.part-0.parquet").write_bytes(b"half written")
    again = run(dataclasses.replace(context, progress=lambda *step: told.append(step)), shop)
    assert again.kept.digest == expected
    assert told
    assert all(what == "prepare" and 0 < done < total for what, done, total in told)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)


def test_a_reference_is_a_table_of_its_own(context: Context, shop: list[SourceConfig]) -> None:
    (context.root / "old.csv").write_text(
        "id,review,label,who\n1,质量很好，电话13987654321,好评,c1\n2,,差评,c2\n3,物流很快,差评,c3\n", encoding="utf-8"
    )
    before = source(kind="csv", name="old", role="reference", path="old.csv", key="id", group="who")
    alone, rows = run(context, shop), run(context, [*shop, before])
    assert rows.kept.digest == alone.kept.digest
    old = rows.tables["reference"]
    assert old.schema.equals(row_schema(["review"], "label"))
    assert {row["row_key"]: row["input"]["review"] for row in old.dicts()} == {
        "1": "质量很好，电话[MOBILE]",
        "3": "物流很快",
    }
    assert {row["target"]["label"] for row in old.dicts()} == {None}  # `fields` does not name the label
    assert rows.facts["sources"]["old"] == {"in": 3, "kept": 2, "dropped": 1, "rejected": 0, "unread_times": 0}
    assert "13987654321" not in everything(rows)
    labelled = before.model_copy(update={"fields": {"label": "label"}})
    told = run(context, [*shop, labelled]).tables["reference"]
    assert {row["row_key"]: row["target"]["label"] for row in told.dicts()} == {"1": "好评", "3": "差评"}


def test_a_reference_alone_trains_nothing(context: Context) -> None:
    (context.root / "old.csv").write_text("id,review,label\n1,质量很好的,好评\n", encoding="utf-8")
    with pytest.raises(RecipeError, match="role `examples`"):
        run(context, [source(kind="csv", role="reference", path="old.csv", key="id")])
