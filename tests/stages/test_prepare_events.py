"""The stream of events of a web log: nobody is named in it, whatever stands in an address."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from fittingroom.engine import Context
from fittingroom.pitfalls.data.personal_data_in_labels import Settings, detect
from fittingroom.sources.paths import order_numbers
from fittingroom.stages.prepare import PrepareConfig, prepare
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.text.redact import RedactConfig, placeholder_of, pseudonym
from fittingroom.types import Rows
from sources.reading import source

TASK = TaskConfig(kind="classify", input=["review"], target="label")
AGENT = "Mozilla/5.0 (X11; Linux x86_64) Firefox/120.0"
PHONE, CARD = "13812345678", "11010519491231002X"
TARGETS = [
    f"/product.php?id={PHONE}",
    f"/detail?id={CARD}",
    "/u/zhangsan%40qq.com",
    f"/u/{quote('1%33812345678')}",
    "/orders/202301051234",
    "/my/orders/DD20230105123456/pay",
    "/order/detail/202301051234",
    "/order-detail/202301051234.html",
    "/orders?id=202301051234",
    "/orders/202301051234/items/SKU-10010",
    "/goods/7000000000000000001",
    f"/{quote('商品')}/1",
]


def line(target: str) -> str:
    return f'192.0.2.7 - - [05/Mar/2025:10:00:00 +0800] "GET {target} HTTP/1.1" 200 512 "-" "{AGENT}"'


def run(context: Context, lines: list[str]) -> Rows:
    (context.root / "r.csv").write_text("id,review,label\n1,很好的裙子，订单号DD20230105123456,a\n", encoding="utf-8")
    (context.root / "goods.csv").write_text(f"sku,title\n{PHONE},裙子\n7000000000000000001,鞋\n", encoding="utf-8")
    (context.root / "access.log").write_text("\n".join(lines) + "\n", encoding="utf-8")
    sources = [
        source(kind="csv", path="r.csv", key="id"),
        source(kind="csv", path="goods.csv", role="goods", key="sku"),
        source(kind="weblog", path="access.log"),
    ]
    return prepare(sources=sources, prepare=PrepareConfig(), task=TASK, context=context)


def test_events_name_nobody_and_are_still_joined(context: Context) -> None:
    rows = run(context, [line(target) for target in TARGETS] + ["unreadable GET /u/zhangsan%40qq.com"])
    events = sorted(rows.tables["events"].dicts(), key=lambda row: int(row["row_key"]))
    order = placeholder_of("order", "202301051234", RedactConfig(), context.secret)
    other = placeholder_of("order", "DD20230105123456", RedactConfig(), context.secret)
    long = placeholder_of("order", "7000000000000000001", RedactConfig(), context.secret)
    item = pseudonym(context.secret, "key", PHONE)
    assert [(row["kind"], row["item"], row["path"]) for row in events] == [
        ("view", item, "/product.php"),
        ("view", pseudonym(context.secret, "key", CARD), "/detail"),
        ("page", None, "/u/[EMAIL]"),
        ("page", None, "/u/[MOBILE]"),
        ("order", None, f"/orders/{order}"),
        ("order", None, f"/my/orders/{other}/pay"),
        ("order", None, f"/order/detail/{order}"),
        ("page", None, f"/order-detail/{order}.html"),
        ("order", None, "/orders"),
        ("order", "SKU-10010", f"/orders/{order}/items/SKU-10010"),
        ("view", "7000000000000000001", f"/goods/{long}"),
        ("page", None, "/商品/1"),
    ]
    assert other in rows.kept.dicts()[0]["input"]["review"]
    assert rows.rejected is not None
    assert {"7000000000000000001", item} == {row["row_key"] for row in rows.tables["goods"].dicts()}
    written = json.dumps([*events, *rows.rejected.dicts()], default=str)
    assert not [one for one in (PHONE, CARD, "zhangsan", "20230105") if one in written]
    assert not list(detect(rows, Settings()))


def test_the_pitfall_looks_at_items_too(context: Context) -> None:
    rows = run(context, [line("/goods/S1")])
    events = rows.tables["events"].frame()
    spoiled = Table.of(events.with_columns(item=events["item"].replace("S1", PHONE)))
    (finding,) = detect(rows.model_copy(update={"tables": {"events": spoiled}}), Settings())
    assert finding.measured == {"values": 1.0, "mobile": 1.0}


@pytest.mark.parametrize(
    ("path", "numbers"),
    [
        ("/orders/202301051234", ["202301051234"]),
        ("/api/v1/orders/8f3c2a10-1b2c-4d5e-9f00-0242ac120002/refund", ["8f3c2a10-1b2c-4d5e-9f00-0242ac120002"]),
        ("/order-DD1234567.html", ["DD1234567"]),
        ("/订单/202301051234", ["202301051234"]),
        ("/express/SF1234567890123;jsessionid=1", ["SF1234567890123"]),
        ("/orders/2024/page/2", []),
        ("/orders/list", []),
        ("/goods/202301051234", []),
        ("/buy/10010010", []),
        ("/preorder-2024-sale", []),
        ("/payday-20240105", []),
    ],
)  # fmt: skip
def test_numbers_of_orders_in_paths(path: str, numbers: list[str]) -> None:
    assert [path[start:stop] for start, stop in order_numbers(path)] == numbers
