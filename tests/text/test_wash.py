"""Cleaning comes before redaction: what hides a number is taken away first."""

from __future__ import annotations

import pytest

from fittingroom.text.clean import CleanConfig
from fittingroom.text.redact import RedactConfig
from fittingroom.text.wash import wash

KEY = b"test-key"


@pytest.mark.parametrize(
    "hidden", ["138\u200b1234\u200b5678", "138<b>1234</b>5678", "１３８&nbsp;1234 5678", "138&#49;2345678"]
)
def test_hidden_numbers_are_found(hidden: str) -> None:
    (washed,) = wash([f"电话{hidden}"], CleanConfig(), RedactConfig(), KEY)
    assert washed.text == "电话[MOBILE]"
    assert washed.personal == {"mobile": 1}
    assert washed.edits


def test_reasons_and_nulls() -> None:
    washed = wash([None, "此用户没有填写评价", "好"], CleanConfig(), RedactConfig(), KEY)
    assert [one.drop for one in washed] == ["empty", "boilerplate", ""]


def test_a_column_of_personal_data_is_replaced_as_a_whole() -> None:
    washed = wash(["诸葛亮", "", "X"], CleanConfig(), RedactConfig(), KEY, kind="name")
    assert [one.text for one in washed] == ["[NAME]", "", "[NAME]"]
    kept = wash(["诸葛亮"], CleanConfig(), RedactConfig(kinds=["mobile"]), KEY, kind="name")
    assert kept[0].text == "诸葛亮"


def test_repeated_values_are_like_single_ones() -> None:
    texts = ["好", "<b>差</b>", None, "好", "13812345678", "好", "<b>差</b>", "13812345678"] * 20
    many = wash(texts, CleanConfig(), RedactConfig(), KEY)
    assert many == [wash([text], CleanConfig(), RedactConfig(), KEY)[0] for text in texts]


def test_no_texts_at_all() -> None:
    assert wash([], CleanConfig(), RedactConfig(), b"key") == []
