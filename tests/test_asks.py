"""What endpoints would be asked is reckoned as it will be asked, before anything is bought."""

from __future__ import annotations

from typing import Any

import pytest

from fittingroom.asks import asks_of
from fittingroom.config import RunConfig, parse
from fittingroom.models import answering, judge
from fittingroom.models.endpoint_prices import about_tokens
from fittingroom.tables import Table
from fittingroom.types import Splits, dropped_schema, row_schema

ANSWER = "亲，这款拍下后三天之内就会发货哦，请您放心"


def recipe(**evaluate: Any) -> RunConfig:
    return parse(
        {
            "task": {
                "kind": "reply",
                "input": ["question", "price"],
                "target": "answer",
                "instruction": "你是商店客服，只根据给出的事实回答。" * 5,
                "reply": {"facts": ["price"]},
            },
            "sources": [{"kind": "csv", "path": "rows.csv", "key": "id"}],
            "endpoints": {"cloud": {"url": "http://127.0.0.1:9/v1", "model": "m", "prices": {"input": 1, "output": 2}}},
            "evaluate": {"baselines": ["template", "untuned"], **evaluate},
            "gate": {"metric": "rouge_l", "better_than": []},
        },
        "recipe.yaml",
    )


def splits(dev: int, test: int) -> Splits:
    schema = row_schema(["question", "price"], "answer")

    def part(name: str, many: int) -> Table:
        return Table.records(
            [
                {
                    "id": f"{name}{at:03d}", "source": "s", "group": None,
                    "input": {"question": f"什么时候发货 {at}", "price": "129元"}, "target": {"answer": ANSWER},
                    "annotations": [], "dup_count": 1, "edits": [],
                }
                for at in range(many)
            ],
            schema,
        )  # fmt: skip

    none = Table.records([], schema)
    gone = Table.records([], dropped_schema(schema))
    return Splits(train=none, dev=part("d", dev), calibration=none, test=part("t", test), dropped=gone)


def test_free_answers_are_reckoned_by_their_own_prompt_and_length() -> None:
    config = recipe(baselines=["template", "untuned", "api"], api={"endpoint": "cloud", "max_tokens": 400})
    (asks,) = asks_of(config, splits(30, 25), None)
    each = answering.asking("cloud", config.endpoints["cloud"], 400).about_answered
    assert (asks.purpose, asks.calls, asks.output_tokens) == ("baseline", 55, 55 * each)
    assert each == 100
    assert asks.input_tokens >= 55 * about_tokens(config.task.instruction)
    assert asks.money == pytest.approx((asks.input_tokens + 2 * asks.output_tokens) / 1e6)
    assert asks.again == 0.0, "another attempt asks the same questions"


def test_no_more_rows_are_reckoned_than_are_generated() -> None:
    config = recipe(baselines=["template", "untuned", "api"], api={"endpoint": "cloud"}, generated_rows=20)
    assert asks_of(config, splits(30, 25), None)[0].calls == 40


def test_a_judge_is_reckoned_twice_for_each_pair_and_anew_for_each_attempt() -> None:
    config = recipe(judge={"endpoint": "cloud", "against": "template", "max_rows": 20})
    (asks,) = asks_of(config, splits(30, 10), None)
    assert (asks.purpose, asks.calls) == ("judge", 2 * 20 + 2 * 10)
    assert asks.output_tokens == 60 * judge.asking("cloud", config.endpoints["cloud"]).about_answered
    assert asks.input_tokens >= 60 * (about_tokens(judge.RUBRIC["zh"]) + 2 * about_tokens(ANSWER))
    assert asks.again == pytest.approx(40 / 60, abs=1e-6)
