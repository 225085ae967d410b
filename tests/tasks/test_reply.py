"""Reply: what the model is asked, what it may learn, and what must not be learnt."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from fittingroom.tasks import reply
from fittingroom.tasks.config import TaskConfig
from fittingroom.types import row_schema

BEFORE = json.dumps(
    [
        {"role": "user", "content": "在吗"},
        {"role": "user", "content": "我身高170厘米"},
        {"role": "assistant", "content": "您好"},
    ]
)


def task(**style: Any) -> TaskConfig:
    fields = [style.get("history", ""), "question", *style.get("facts", []), style.get("resolved", "")]
    more = [style.get("must_hand_over", "")]
    return TaskConfig(
        kind="reply",
        input=[name for name in [*fields, *more] if name],
        target="answer",
        instruction="客服",
        reply=style,
    )


def table(config: TaskConfig, rows: list[tuple[dict[str, str | None], str | None]]) -> pa.Table:
    schema = row_schema(config.input, "answer")
    empty = {"annotations": [], "edits": [], "dup_count": 1}
    made = [
        {**empty, "id": f"r{at}", "input": {name: given.get(name) for name in config.input}, "target": {"answer": said}}
        for at, (given, said) in enumerate(rows)
    ]
    return pa.Table.from_pylist(made, schema=schema)


def test_facts_stand_in_the_system_turn_and_history_before_the_question() -> None:
    config = task(history="before", facts=["price", "stock"], resolved="solved")
    given = {"before": BEFORE, "question": "穿什么码", "price": "129元", "stock": "", "solved": "yes"}
    assert reply.JOB.messages(given, config, []) == [
        {"role": "system", "content": "客服\nprice: 129元"},
        {"role": "user", "content": "在吗\n我身高170厘米"},
        {"role": "assistant", "content": "您好"},
        {"role": "user", "content": "穿什么码"},
    ]


def test_a_history_alone_may_hold_the_question_and_a_torn_one_is_read_as_text() -> None:
    config = TaskConfig(kind="reply", input=["before"], target="answer", reply={"history": "before"})
    asked = json.dumps([{"role": "user", "content": "几天到"}])
    assert reply.JOB.messages({"before": asked}, config, []) == [{"role": "user", "content": "几天到"}]
    assert reply.JOB.messages({"before": '[{"role"'}, config, []) == [{"role": "user", "content": '[{"role"'}]
    nothing = reply.JOB.messages({"before": json.dumps([{"role": "assistant", "content": "您好"}])}, config, [])
    assert nothing[-1] == {"role": "user", "content": ""}


def test_answers_are_free() -> None:
    config = task()
    assert reply.JOB.closed is False
    assert reply.JOB.answers(config, []) == reply.JOB.choices({}, config, []) == []
    assert reply.JOB.answer(" 三天 ", config, []) == "三天"


def test_only_resolved_and_supported_answers_are_learnt() -> None:
    config = task(history="before", facts=["price"], resolved="solved")
    good: dict[str, str | None] = {"question": "多少钱", "price": "129元", "solved": "YES", "before": BEFORE}
    rows: list[tuple[dict[str, str | None], str | None]] = [
        (good, "129块哦"),
        (good, "99元"),
        (good, "170厘米穿这款合适"),
        ({**good, "solved": "no"}, "129块"),
        ({**good, "solved": None}, "129块"),
        (good, "。"),
        (good, None),
        ({**good, "question": " ", "before": None}, "129块"),
        ({**good, "price": None}, "好的"),
        ({**good, "price": None}, "129块"),
    ]
    assert reply.JOB.learnable(table(config, rows), config) == [
        "", "not supported by its facts", "", "not resolved", "not resolved", "blank answer", "blank answer",
        "no question", "", "not supported by its facts",
    ]  # fmt: skip


def test_without_facts_in_the_task_nothing_is_held_against_an_answer() -> None:
    config = task()
    assert reply.JOB.learnable(table(config, [({"question": "几天"}, "三天")]), config) == [""]


def test_rows_that_must_be_handed_over_are_marked_or_say_so() -> None:
    config = task(hand_over=["转人工"], must_hand_over="flag")
    assert reply.must_hand_over({"flag": "1"}, "好的", config)
    assert reply.must_hand_over({"flag": "0"}, "这就为您转 人工", config)
    assert not reply.must_hand_over({"flag": "0"}, "好的", config)
    assert not reply.must_hand_over({"flag": "1"}, "转人工", task())


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"input": ["q"], "reply": {"facts": ["stock"]}}, "task.input does not hold"),
        ({"input": ["stock"], "reply": {"facts": ["stock"]}}, "holds no question"),
        ({"input": ["q", "x"], "reply": {"facts": ["x"], "resolved": "x"}}, "two meanings"),
        ({"input": ["q", "x"], "reply": {"must_hand_over": "x"}}, "needs hand_over"),
        ({"input": ["q"], "reply": {"min_words": 9, "max_words": 3}}, "above max_words"),
        ({"input": ["q"], "copywrite": {}}, "take task.copywrite out"),
    ],
)
def test_settings_that_cannot_be_are_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        TaskConfig(kind="reply", target="answer", **values)
