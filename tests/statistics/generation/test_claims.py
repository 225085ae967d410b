"""Numbers, prices, sizes and colours are found as people write them, in both languages, and nothing else is."""

from __future__ import annotations

import pytest

from fittingroom.statistics.generation.claims import claims
from fittingroom.statistics.generation.grounding import consistent, unsupported
from fittingroom.statistics.generation.numerals import chinese

CARD = ["价格：129元", "颜色：红/藏青", "尺码：M、XL、42", "发货：72小时内", "电池：5000mAh，USB3.0", "重量 1.5kg"]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("十", 10), ("十五", 15), ("二十", 20), ("一百二", 120), ("两百零五", 205), ("三千五", 3500),
        ("一万三千", 13000), ("三亿五千万", 350_000_000), ("二〇二四", 2024),
        ("壹佰贰拾", 120), ("一千零一十", 1010),
    ],
)  # fmt: skip
def test_chinese_numerals(text: str, number: int) -> None:
    assert chinese(text) == number


def _found(text: str) -> set[tuple[str, str]]:
    return {(claim.kind, claim.value) for claim in claims(text)}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("这款是１２９元，有红色和XL码", {("price", "129 CNY"), ("colour", "red"), ("size", "XL")}),
        ("It costs $1,299.00, size M, navy blue", {("price", "1299 USD"), ("size", "M"), ("colour", "navy")}),
        ("三天内发货", {("number", "259200 second")}),
        ("ships in three days", {("number", "259200 second")}),
        ("打八折", {("price", "8 zhe")}),
        ("百分之五十", {("price", "50 percent")}),
        ("2XL 和 XXL", {("size", "2XL")}),
        ("42码有货", {("size", "42")}),
        ("支持USB3.0", {("code", "usb3.0")}),
        ("2024-05-01前，5月1号后", {("date", "2024-05-01"), ("date", "0-05-01")}),
        ("9点到18:30", {("time", "09:00"), ("time", "18:30")}),
        ("两三天", {("number", "172800 second"), ("number", "259200 second")}),
        ("1、先登录 2、点击", set()),
        ("一个一下第一次，十分感谢，万一不行，一件代发", set()),
        ("网红款，粉丝推荐", set()),
        ("请联系[数字x]或[PHONE_abcdefghijklmnop]", set()),
        ("don't worry, it's a small thing", set()),
    ],
)
def test_what_an_answer_claims(text: str, wanted: set[tuple[str, str]]) -> None:
    assert _found(text) == wanted


def test_what_stands_in_the_facts_is_supported_in_any_spelling() -> None:
    answer = "这款１２９块，红色、藏青色都有，XL码和42码现货，3天内发货，净重3斤，usb3.0接口"
    assert unsupported(answer, CARD) == []
    assert unsupported("It is 129 yuan, in red, size XL, and weighs 1500 g.", CARD) == []


@pytest.mark.parametrize(
    "answer", ["这款99元", "有绿色", "XXL码有货", "43码有货", "两天内发货", "支持USB2.0", "3件", "打9折", "Only $129"]
)
def test_what_nobody_gave_is_not(answer: str) -> None:
    assert len(unsupported(answer, CARD)) == 1
    assert consistent(answer, CARD) == 0.0


def test_what_the_customer_said_supports_all_but_prices() -> None:
    assert consistent("170cm的话穿XL码", CARD, ["我身高１７０厘米"]) == 1.0
    assert consistent("可以99元给您", CARD, ["99元行不行"]) == 0.0


GOODS = ["颜色: 蓝色, 尺码: M"]


@pytest.mark.parametrize(
    ("answer", "said", "facts", "kinds"),
    [
        ("有红色XL码有货", "红色XL有吗", GOODS, ["size", "colour"]),
        ("Yes, we have it in red.", "in red?", GOODS, ["colour"]),
        ("43码有货", "43码有吗", ["尺码: 40, 41, 42"], ["size"]),
        ("43码有货", "43码有吗", ["size: 40, 41"], ["size"]),
        ("有红色，XL码也有", "红色XL有吗", ["颜色: 蓝色"], ["colour"]),
        ("红色XL有货，没有其他优惠", "红色XL", GOODS, ["size", "colour"]),
        ("红色没有问题", "红色行吗", GOODS, ["colour"]),
        ("红色有现货，不会缺货", "红色有吗", GOODS, ["colour"]),
        ("有红色，蓝色没有了", "红色有吗", GOODS, ["colour"]),
        ("蓝色M码有货", "红色XL有吗", GOODS, []),
        ("红色XL码有货", "红色XL有吗", ["库存: 3"], []),
        ("170cm、55kg的话穿M码，订单A1234已发", "我170厘米110斤，订单a1234", GOODS, []),
    ],
)
def test_a_wish_of_the_customer_is_no_fact_where_the_shop_knows(
    answer: str, said: str, facts: list[str], kinds: list[str]
) -> None:
    assert [claim.kind for claim in unsupported(answer, facts, [said])] == kinds


@pytest.mark.parametrize(
    "answer",
    [
        "红色没有了", "抱歉，您要的红色XL码目前缺货", "红色XL码，目前没有货哦", "红色、XL码都没有", "您要红色吗？",
        "没有红色，只有蓝色", "Sorry, we don't have it in red.", "The red one is sold out",
        "The red one, it is sold out.", "No red, blue only", "是要红色XL码？没有了哦",
    ],
)  # fmt: skip
def test_what_is_denied_or_asked_back_is_not_promised(answer: str) -> None:
    assert unsupported(answer, GOODS, ["红色XL有吗 red"]) == []
    assert unsupported(answer, GOODS), "nobody spoke of it"


def test_without_facts_only_an_answer_without_claims_is_consistent() -> None:
    assert consistent("好的，马上为您处理", []) == 1.0
    assert consistent("24小时内发货", []) == 0.0


def test_a_number_in_the_facts_without_a_unit_supports_it_with_one() -> None:
    assert consistent("库存还有12件", ["12"]) == 1.0
    assert consistent("库存还有13件", ["12"]) == 0.0
    assert consistent("129元", ["129"]) == 1.0


@pytest.mark.parametrize("fact", ["库存 3", "库存：3", "剩余3", "stock: 3", "quantity = 3"])
def test_a_count_of_goods_is_no_price(fact: str) -> None:
    assert consistent("只要3元", [fact]) == 0.0
    assert consistent("还有3件", [fact]) == 1.0


@pytest.mark.parametrize("fact", ["金属拉链", "网红款", "粉丝价", "银行卡支付", "白天发货", "咖啡机"])
@pytest.mark.parametrize("colour", ["金色", "红色", "粉色", "银色", "白色", "咖啡色"])
def test_a_colour_inside_another_word_is_no_colour(fact: str, colour: str) -> None:
    assert consistent(f"有{colour}", [fact]) == 0.0


@pytest.mark.parametrize("fact", ["颜色：红", "红,黑", "红裙", "深红/藏青", "黑红拼色", "红"])
def test_a_bare_colour_is_one(fact: str) -> None:
    assert consistent("有红色", [fact]) == 1.0
