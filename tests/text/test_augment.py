"""Variants: fewer words or another order of clauses, never another meaning."""

from __future__ import annotations

from collections import Counter

import pytest

from fittingroom.text.augment import varied
from fittingroom.text.similarity import distinguishing, match_key
from shop import messages

TEXTS = [row["text"] for row in messages(200)]
LONG = [
    "the zip of a very nice coat broke after just 2 weeks, please note, I would not buy it [ORDER_abcdefghijklmnop]",
    "质量真的很好,物流非常快,包装特别结实,就是尺码不太标准,买了 3 件退了 2 件,电话 [MOBILE]",
]


@pytest.mark.parametrize("text", LONG)
def test_something_changes_and_what_counts_stays(text: str) -> None:
    variants = {varied(text, 0.2, str(seed)) for seed in range(20)}
    assert len(variants) > 5
    for one in variants:
        assert match_key(one) != match_key(text)
        assert distinguishing(one) == distinguishing(text)
        for mark in ("[ORDER_abcdefghijklmnop]", "[MOBILE]"):
            assert (mark in one) == (mark in text)
        assert len(one) <= len(text)
        assert "would not buy" in one or "不太标准" in one


@pytest.mark.parametrize(
    "text",
    [
        "店家欠我的钱一直拖着",
        "先付款后发货可以的吧",
        "我付款了,店家才发货,快递弄丢了",
        "the colour of the box differs from that of the lid",
        "the seller owes me money, i owe the seller nothing",
        "cats chase dogs in the house of my friend",
        "这个坏了,那个好的,到底要退哪一个",
        "价格比京东贵,京东比淘宝贵",
    ],
)
def test_who_does_what_and_in_which_order_stays(text: str) -> None:
    """Words may go, but those that are left stand as they stood."""
    for seed in range(50):
        whole = iter(text)
        assert all(sign in whole for sign in varied(text, 0.3, str(seed)))


def test_clauses_that_only_describe_change_places() -> None:
    assert {varied("质量很好,物流快速,包装结实", 0.2, str(seed)) for seed in range(30)} > {"物流快速,质量很好,包装结实"}
    assert "soft fabric, great zip" in {varied("great zip, soft fabric", 0.2, str(seed)) for seed in range(30)}


def test_the_same_seed_gives_the_same_variant() -> None:
    assert varied(LONG[0], 0.2, "a") == varied(LONG[0], 0.2, "a")


def test_short_texts_stay() -> None:
    for text in ("好评", "not good", "123 456 789", "", "[MOBILE]"):
        assert varied(text, 0.3, "a") == text


def test_letters_are_only_moved_or_left_out() -> None:
    changed = 0
    for text in TEXTS:
        one = varied(text, 0.2, "x")
        changed += one != text
        assert not Counter(one) - Counter(text)
        assert distinguishing(one) == distinguishing(text)
    assert changed > 20
