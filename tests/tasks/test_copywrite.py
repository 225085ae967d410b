"""Copywrite: what is asked, what is learnt, which draft is best; and the mark of machine-made text."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from fittingroom.tasks import copywrite
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.marking import MARK, marked, unmarked

TASK = TaskConfig(
    kind="copywrite", input=["goods", "for"], target="copy", copywrite={"attributes": ["goods"], "audience": "for"}
)
GOODS = {"goods": "类型#裙*颜色#红色", "for": "学生"}


def test_fields_are_named_and_the_audience_is_no_attribute() -> None:
    assert copywrite.JOB.messages(GOODS, TASK, []) == [
        {"role": "user", "content": "goods: 类型#裙*颜色#红色\nfor: 学生"}
    ]
    assert copywrite.attributes_of(GOODS, TASK) == [("类型", "裙"), ("颜色", "红色")]


@pytest.mark.parametrize(
    ("given", "said", "reason"),
    [
        (GOODS, "红色的裙子，适合学生", ""),
        (GOODS, "国家级品质的红裙", "forbidden words"),
        (GOODS, "第一次穿就爱上的红裙", ""),
        (GOODS, " ", "blank answer"),
        ({"goods": "", "for": "学生"}, "红裙", "no attributes"),
    ],
)
def test_what_is_learnt(given: dict[str, str], said: str, reason: str) -> None:
    assert copywrite.why_not(given, said, TASK) == reason


def test_the_better_draft_names_the_attributes_and_no_others_and_is_lawful() -> None:
    known = ["蓝色", "红色"]

    def score(text: str) -> float:
        return copywrite.quality(text, GOODS, TASK, known)

    assert score("红色的裙子") == 1.0
    assert score("红色的裙子") > score("好看的裙子") > score("") == score("最佳红色裙子") == 0.0
    assert score("红色的裙子") > score("红色蓝色的裙子")


def test_the_mark_is_put_on_once_and_taken_off() -> None:
    assert marked("好看的裙子", MARK) == "好看的裙子" + MARK
    assert marked(marked("好看的裙子", MARK), MARK) == "好看的裙子" + MARK
    assert marked("  ", MARK) == "  "
    assert unmarked(marked("好看的裙子", MARK), MARK) == "好看的裙子"
    assert unmarked("好看", "") == "好看"


def test_the_audience_cannot_be_an_attribute() -> None:
    with pytest.raises(ValidationError, match="name the field once"):
        TaskConfig(kind="copywrite", input=["a"], target="t", copywrite={"attributes": ["a"], "audience": "a"})
