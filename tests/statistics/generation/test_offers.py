"""Offers that name no price are held against the facts as prices are, in both languages; a refused one is none."""

from __future__ import annotations

import pytest

from fittingroom.statistics.generation.claims import claims
from fittingroom.statistics.generation.grounding import consistent, unsupported
from fittingroom.tasks.reply import evidence


def _kinds(answer: str, *facts: str, said: str = "") -> list[str]:
    return [claim.kind for claim in unsupported(answer, facts, [said])]


@pytest.mark.parametrize(
    ("answer", "kinds"),
    [
        ("半价优惠", ["price"]),
        ("现在打对折", ["price"]),
        ("half price today", ["price"]),
        ("now half-price, half off", ["price", "price"]),
        ("买一送一", ["offer"]),
        ("满2件送1件哦", ["offer"]),
        ("Buy one, get one free!", ["offer"]),
        ("BOGO this week", ["offer"]),
        ("包邮的亲", ["offer"]),
        ("两件包邮", ["offer", "number"]),
        ("3件以上可以包邮", ["offer", "number"]),
        ("一件也包邮", ["offer"]),
        ("这个是不要运费的", ["offer"]),
        ("Free shipping on all orders", ["offer"]),
        ("It ships for free, delivery is free", ["offer", "offer"]),
    ],
)
def test_an_offer_that_nobody_gave_is_not_supported(answer: str, kinds: list[str]) -> None:
    assert _kinds(answer, "价格 129") == kinds
    assert _kinds(answer, "price: 10") == kinds
    wish = "半价、买一送一、满2送1、两件包邮、3件包邮行吗？half price, bogo, free shipping?"
    # How many pieces they buy is the customer's to say, what they get for it is not.
    assert _kinds(answer, "价格 129", said=wish) == [kind for kind in kinds if kind != "number"]


@pytest.mark.parametrize(
    ("answer", "fact"),
    [
        ("半价优惠", "活动：5折"), ("半价优惠", "五折"), ("半价优惠", "50% off"), ("打五折", "全场半价"),
        ("半价", "half price"),
        ("half price", "半价"), ("half price", "discount: 50%"), ("50% off", "半价"), ("half-price", "打对折"),
        ("买一送一", "买1送1"), ("买1送1", "买一件赠一件"), ("买一送一", "buy one get one free"), ("BOGO", "满一送一"),
        ("买2送1", "买两件送一件"), ("buy two get one free", "买2送1"), ("two for one", "promotion: buy_1_get_1"),
        ("两件包邮", "2件包邮"), ("2件包邮", "满两件免运费"), ("两件包邮", "free shipping on two items"),
        ("free shipping on 2 items", "两件包邮"), ("买两件就行", "2件包邮"), ("一件也包邮", "包邮"),
        ("1件包邮", "全国包邮"),
        ("包邮", "运费: 0"), ("free shipping", "包邮"), ("包邮哦", "shipping: free"), ("满99元包邮", "满99元免邮费"),
        ("包邮", "是否包邮：是"), ("It ships free", "shipping fee: 0.00"),
    ],
)  # fmt: skip
def test_an_offer_in_the_facts_supports_it_in_any_spelling(answer: str, fact: str) -> None:
    assert _kinds(answer, fact) == []


@pytest.mark.parametrize(
    ("answer", "fact"),
    [
        ("买一送一", "买二送一"), ("买2送1", "买一送一"), ("两件包邮", "3件包邮"), ("半价", "6折"), ("包邮", "不包邮"),
        ("包邮", "包邮: 否"), ("free shipping", "free shipping: no"), ("买一送一", "买一送一活动已结束"),
        ("包邮", "赠运费险"),
        ("buy one get one free", "buy one get one half price"), ("free shipping", "no free shipping"),
        ("包邮", "运费 10元"),
    ],
)  # fmt: skip
def test_another_offer_or_one_that_is_refused_supports_nothing(answer: str, fact: str) -> None:
    assert consistent(answer, [fact]) == 0.0


@pytest.mark.parametrize(
    "answer",
    [
        "抱歉，这款不包邮", "目前没有半价活动", "没有参加买一送一", "买一送一活动已经结束了", "不是半价哦",
        "Sorry, there is no free shipping.", "We don't offer free shipping", "It is not half price", "可对折收纳",
        "买点东西送朋友", "非包邮区请联系客服", "附赠运费险", "送您免邮券", "hassle-free delivery",
        "a half-zip top, price on request",
        "buy it and get in touch",
    ],
)  # fmt: skip
def test_what_is_refused_or_no_offer_claims_nothing(answer: str) -> None:
    assert claims(answer) == []


def test_asking_back_for_what_the_customer_said_promises_nothing() -> None:
    assert _kinds("您问的是买一送一吗？", said="有买一送一吗") == []
    assert _kinds("可以买一送一", said="有买一送一吗") == ["offer"]


def test_a_sum_of_money_for_a_gift_is_read_as_a_sum() -> None:
    assert _kinds("买100元送20元", "满100元送20元") == []
    assert _kinds("买100送20元券", "100送30") == ["price"]


def test_a_yes_is_read_behind_the_name_of_its_field() -> None:
    assert consistent("包邮", evidence({"包邮": "是"})) == 1.0
    assert consistent("free delivery", evidence({"free_shipping": "Yes"})) == 1.0
    assert consistent("包邮", evidence({"包邮": "否"})) == 0.0
    assert evidence({"red": "no", "stock": "3", "colour": "red"}) == ["no", "stock: 3", "red"]
