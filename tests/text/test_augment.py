"""Variants: other words in another order, never another meaning."""

from __future__ import annotations

import pytest

from fittingroom.text.augment import varied
from fittingroom.text.similarity import distinguishing, match_key
from shop import messages

TEXTS = [row["text"] for row in messages(200)]
LONG = [
    "the zip of this coat broke after just 2 weeks and I would not buy it again [ORDER_abcdefghijklmnop]",
    "这件衣服的质量真的很不错,物流也快,就是尺码不太标准,买了 3 件退了 2 件,电话 [MOBILE]",
]


@pytest.mark.parametrize("text", LONG)
def test_something_moves_and_what_counts_stays(text: str) -> None:
    variants = {varied(text, 0.2, str(seed)) for seed in range(20)}
    assert len(variants) > 8
    for one in variants:
        assert match_key(one) != match_key(text)
        assert distinguishing(one) == distinguishing(text)
        for mark in ("[ORDER_abcdefghijklmnop]", "[MOBILE]"):
            assert (mark in one) == (mark in text)
        assert len(one) <= len(text)
        assert "not buy" in one or "不太标准" in one, "nothing moves beside a negation"


def test_the_same_seed_gives_the_same_variant() -> None:
    assert varied(LONG[0], 0.2, "a") == varied(LONG[0], 0.2, "a") != varied(LONG[0], 0.2, "b")


def test_short_texts_stay() -> None:
    for text in ("好评", "not good", "123 456 789", "", "[MOBILE]"):
        assert varied(text, 0.3, "a") == text


def test_letters_are_only_moved_or_left_out() -> None:
    changed = 0
    for text in TEXTS:
        one = varied(text, 0.2, "x")
        changed += one != text
        assert not (set(one) - set(text))
        assert len(one) <= len(text)
        assert distinguishing(one) == distinguishing(text)
    assert changed > 100
