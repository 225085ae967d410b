"""One person's rows: what was recognised in one of them goes from all, in every table, and from nobody else's."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fittingroom.engine import Context
from fittingroom.errors import SourceError
from fittingroom.sample.shop import write_sample
from fittingroom.sources import parts
from fittingroom.sources.config import SourceConfig
from fittingroom.sources.rows import joining_column
from fittingroom.stages.prepare import PrepareConfig, prepare
from fittingroom.tasks.config import TaskConfig
from fittingroom.text.redact import pseudonym
from fittingroom.types import Rows
from sources.reading import source

TASK = TaskConfig(kind="classify", input=["review"], target="label")

TALK = """id,c,at,buyer_name,review,label
1,c1,2026-01-01,,王小明的订单20231109到了吗,问
2,c1,2026-01-02,,我叫王小明，手机13812345678,问
3,c2,2026-01-03,,王小明你好 20231109,问
4,c3,2026-01-04,李四光,李四光很满意，赵六来过,夸
5,c1,2026-01-05,,,王小明
1,c1,2026-01-06,,王小明再说一次 后四位5678,问
6,c4,2026-01-07,,加微信abc12345 兼职日结，我叫孙悟空,夸
7,c4,2026-01-08,,孙悟空又来了，abc12345,夸
"""
ORDERS = """order_no,customer_id,user_id,receiver,note,at
20231109,c1,c1,周天明,周天明或王小明签收,2026-01-02
20231110,c3,c9,赵六,NA,2026-01-02
"""


def run(context: Context, *sources: SourceConfig, **config: Any) -> Rows:
    return prepare(sources=list(sources), prepare=PrepareConfig(**config), task=TASK, context=context)


@pytest.fixture
def shop(context: Context) -> list[SourceConfig]:
    (context.root / "talk.csv").write_text(TALK, encoding="utf-8")
    (context.root / "orders.csv").write_text(ORDERS, encoding="utf-8")
    return [
        source(kind="csv", name="talk", path="talk.csv", key="id", group="c", time="at"),
        source(kind="csv", role="events", path="orders.csv", key="order_no", group="customer_id", time="at"),
    ]


def texts(rows: Rows) -> dict[str, str]:
    return {row["row_key"]: row["input"]["review"] for row in [*rows.kept.dicts(), *rows.dropped.dicts()]}


def test_names_and_numbers_go_from_all_rows_of_their_person(context: Context, shop: list[SourceConfig]) -> None:
    rows = run(context, *shop)
    order = f"[ORDER_{pseudonym(context.secret, 'order', '20231109')}]"
    found = texts(rows)
    assert found["1"] == f"[NAME]的订单{order}到了吗", "the name is only sure in a later row"
    assert found["3"] == "王小明你好 20231109", "another customer: nothing is known of it there"
    assert found["4"] == "[NAME]很满意，[NAME]来过", "the name beside the text, and one of the orders table"
    (dropped,) = [row for row in rows.dropped.dicts() if row["row_key"] == "6"]
    assert (dropped["reason"], "孙悟空" in dropped["input"]["review"]) == ("spam", False)
    assert found["7"] == "[NAME]又来了，[WECHAT]", "from a row that was dropped"
    assert next(row for row in rows.kept.dicts() if row["row_key"] == "1")["edits"] == [
        {"rule": "name", "count": 1},
        {"rule": "order", "count": 1},
    ]


def test_a_word_of_every_day_leaves_no_text_and_no_target(context: Context) -> None:
    said = "id,c,user_name,review,label\n1,c1,牛奶,这是白色，,白色\n2,c1,牛奶,我要白色的，牛奶很新鲜,白色\n"
    (context.root / "talk.csv").write_text(said, encoding="utf-8")
    rows = run(context, source(kind="csv", name="talk", path="talk.csv", key="id", group="c"))
    assert texts(rows) == {"1": "这是白色，", "2": "我要白色的，牛奶很新鲜"}
    assert {row["target"]["label"] for row in rows.kept.dicts()} == {"白色"}


def test_a_target_that_many_persons_carry_is_a_label(context: Context) -> None:
    said = "id,c,review,label\n" + "".join(f"{row},c{row},这双鞋第{row}天就开胶,李宁\n" for row in range(1, 11))
    (context.root / "talk.csv").write_text(f"{said}11,c11,我叫李宁，鞋很好,李宁\n12,c12,我叫王小明，很好,王小明\n")
    rows = run(context, source(kind="csv", name="talk", path="talk.csv", key="id", group="c"))
    assert texts(rows)["11"] == "我叫[NAME]，鞋很好"
    targets = {row["row_key"]: row["target"]["label"] for row in rows.kept.dicts()}
    assert (targets["11"], targets["12"]) == ("李宁", "[NAME]")


def test_targets_and_rejected_rows_too(context: Context, shop: list[SourceConfig]) -> None:
    rows = run(context, *shop)
    assert rows.rejected is not None
    (dropped,) = [row for row in rows.dropped.dicts() if row["row_key"] == "5"]
    assert dropped["target"] == {"label": "[NAME]"}
    (rejected,) = rows.rejected.dicts()
    assert (rejected["text"], rejected["reason"]) == ("[NAME]再说一次 后四位[MOBILE]", "the key stands twice")
    assert rejected["group"] == pseudonym(context.secret, "group", "c1")
    closed = TaskConfig(kind="classify", input=["review"], target="label", labels=["问", "夸", "王小明"])
    kept = prepare(sources=shop, prepare=PrepareConfig(), task=closed, context=context)
    assert {row["target"]["label"] for row in kept.dropped.dicts()} >= {"王小明"}, "a label of the task is no person"


def test_side_tables_and_the_join(context: Context, shop: list[SourceConfig]) -> None:
    rows = run(context, *shop)
    orders = {row["group"]: row for row in rows.tables["events"].dicts()}
    mine = orders[pseudonym(context.secret, "group", "c1")]
    assert mine["note"] == "[NAME]或[NAME]签收", "also the name that only the dialogue says for sure"
    assert (mine["receiver"], mine["user_id"]) == ("[NAME]", mine["group"])
    assert mine["row_key"] in texts(rows)["1"], "the order of the text is found in the table"
    assert orders[pseudonym(context.secret, "group", "c3")]["note"] == "NA"


def test_the_key_of_an_orders_table_goes_from_the_texts_of_its_customer(context: Context) -> None:
    (context.root / "t.csv").write_text(
        "id,customer_id,review,label\n1,u1,包裹到哪里了 E20260000000003,问\n2,u2,包裹到哪里了 E20260000000003,问\n",
        encoding="utf-8",
    )
    (context.root / "o.csv").write_text("order_id,customer_id,state\nE20260000000003,u1,sent\n", encoding="utf-8")
    talk = source(kind="csv", path="t.csv", key="id", group="customer_id")
    orders = source(kind="csv", role="events", path="o.csv", key="order_id", group="customer_id")
    rows = run(context, talk, orders)
    (order,) = rows.tables["events"].dicts()
    assert texts(rows) == {"1": f"包裹到哪里了 {order['row_key']}", "2": "包裹到哪里了 E20260000000003"}


def test_a_column_name_is_of_people_in_a_table_of_customers_only(context: Context) -> None:
    (context.root / "t.csv").write_text("id,customer_id,review,label\n1,u1,陈美玲说很好,夸\n", encoding="utf-8")
    (context.root / "who.csv").write_text(
        "customer_id,name,phone\nu1,陈美玲,13812345678\nu2,Mary Brown,13812345679\nu3,,13812345670\n", encoding="utf-8"
    )
    (context.root / "goods.csv").write_text(
        "sku,name,price,phone\nS1,红色连衣裙,9,1\nS2,Blue Jacket,8,1\n", encoding="utf-8"
    )
    (context.root / "clicks.csv").write_text("user_id,name\nu1,Page View\nu2,Add Cart\n", encoding="utf-8")
    talk = source(kind="csv", path="t.csv", key="id", group="customer_id")
    who = source(kind="csv", role="events", name="who", path="who.csv", group="customer_id")
    goods = source(kind="csv", role="goods", path="goods.csv", key="sku")
    clicks = source(kind="csv", role="events", path="clicks.csv", group="user_id")
    rows = run(context, talk, who, goods, clicks)
    found = sorted(row["name"] or "" for row in rows.tables["events"].dicts())
    assert found == ["", "Add Cart", "Page View", "[NAME]", "[NAME]"]
    assert {row["name"] for row in rows.tables["goods"].dicts()} == {"红色连衣裙", "Blue Jacket"}
    assert texts(rows)["1"] == "[NAME]说很好"


def test_it_also_holds_where_tables_are_sorted_on_disk(
    context: Context, shop: list[SourceConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(context, *shop)
    monkeypatch.setattr(parts, "_HELD", 2)
    spilled = run(context, *shop)
    assert spilled.kept.digest == whole.kept.digest
    assert spilled.tables["events"].digest == whole.tables["events"].digest


def test_ids_do_not_change_with_the_text_or_the_switch(context: Context, shop: list[SourceConfig]) -> None:
    names = [row["id"] for row in run(context, *shop).kept.dicts()]
    off = run(context, *shop, redact={"consistent": False})
    assert [row["id"] for row in off.kept.dicts()] == names
    assert texts(off)["1"].startswith("王小明的订单[ORDER_")


def test_a_file_without_a_header_and_with_a_number_in_its_name(context: Context) -> None:
    (context.root / "r.csv").write_text("id,review\n1,好\n", encoding="utf-8")
    (context.root / "13812345678.csv").write_text("13912345678,zhang@example.com,a\n1,2,3\n1,2\n", encoding="utf-8")
    goods = source(kind="csv", role="goods", path="13812345678.csv")
    rows = run(context, source(kind="csv", path="r.csv", key="id"), goods)
    assert rows.rejected is not None
    assert {"[MOBILE]", "[EMAIL]", "a"} < set(rows.tables["goods"].columns)
    assert rows.rejected.dicts()[0]["file"] == "[MOBILE].csv"
    with pytest.raises(SourceError) as caught:
        run(context, source(kind="csv", path="13812345678.csv"))
    told = caught.value.text("en") + caught.value.text("zh")
    assert "no column 'review'" in told
    for value in ("13812345678", "13912345678", "zhang@example.com"):
        assert value not in told


@pytest.mark.parametrize(
    ("column", "kind"),
    [("order_id", "order"), ("shop.order_no", "order"), ("订单号", "order"), ("运单编号", "order"),
     ("tracking_number", "order"), ("customer_id", "customer"), ("buyer_no", "customer"), ("会员号", "customer"),
     ("用户ID", "customer"), ("uid", "customer"),
     ("reorder", ""), ("order", ""), ("border_no_x", ""), ("sku", ""), ("customer_segment", ""), ("user", "")],
)  # fmt: skip
def test_columns_by_which_tables_are_joined(column: str, kind: str) -> None:
    assert joining_column(column) == kind


def test_the_sample_shop_joins_a_dialogue_to_its_order(context: Context, tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    write_sample(folder, seed=7)
    with closing(sqlite3.connect(folder / "shop.db")) as connection, connection:
        order, customer = connection.execute("select order_id, customer_id from orders order by 1 limit 1").fetchone()
        connection.execute(
            "insert into conversations values (1, ?, '2026-01-01', 'agent-01', 'delivery'), "
            "(2, ?, '2026-01-02', 'agent-01', 'delivery')", (customer, customer),
        )  # fmt: skip
        connection.execute(
            "insert into turns values (1, 1, 'customer', ?), (2, 1, 'customer', ?)",
            (f"订单号{order}还没到", f"还是{order}，问问"),
        )
    url = f"sqlite:///{folder}/shop.db"
    rows = prepare(
        sources=[
            source(
                kind="sql", name="talk", url=url, key="conversation_id", group="customer_id", fields={"review": "text"},
                query="select c.conversation_id, c.customer_id, t.text from conversations c join turns t on "
                "t.conversation_id = c.conversation_id where c.conversation_id < 10",
            ),
            source(kind="sql", role="events", url=url, table="orders", key="order_id", group="customer_id"),
        ],
        prepare=PrepareConfig(), task=TASK, context=context,
    )  # fmt: skip
    events = {row["row_key"]: row for row in rows.tables["events"].dicts()}
    said = [row["input"]["review"] for row in rows.kept.dicts() if row["row_key"] in ("1", "2")]
    named = {text[text.index("[ORDER_") : text.index("]") + 1] for text in said}
    assert len(said) == 2
    assert len(named) == 1
    assert events[named.pop()]["group"] == pseudonym(context.secret, "group", str(customer))
    assert order not in json.dumps([*rows.kept.dicts(), *rows.tables["events"].dicts()], default=str)


def test_a_column_may_have_two_names_of_ours(context: Context, shop: list[SourceConfig]) -> None:
    goods = source(kind="csv", role="goods", path="orders.csv", fields={"buyer": "receiver", "who": "receiver"})
    row = run(context, shop[0], goods).tables["goods"].dicts()[0]
    assert (row["buyer"], row["who"]) == ("[NAME]", "[NAME]")
