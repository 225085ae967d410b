"""A judge asked in both orders through a real server: what stands, what is torn, what cannot be read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from chat_api import Api, chat_api
from fittingroom.engine import Context
from fittingroom.models.endpoint_config import EndpointConfig, EndpointPrices
from fittingroom.models.judge import RUBRIC, Judge, Pair, Verdict, agreement
from fittingroom.models.labelling import ToLabel, asking, label_all


@pytest.fixture
def api() -> Iterator[Api]:
    with chat_api() as found:
        yield found


@pytest.fixture
def judge(api: Api, context: Context) -> Judge:
    prices = EndpointPrices(input=1, output=1)
    config = EndpointConfig(url=api.url, model="deepseek-flash", parallel=1, retries=0, prices=prices)
    return Judge("cloud", config, context)


def halves(text: str) -> tuple[str, str]:
    """The first and the second answer as they were shown."""
    first, _, second = text.partition("\n\n### Second answer\n")
    return first.split("### First answer\n")[1], second


def by(better: Callable[[str, str], str]) -> Callable[[str], str]:
    return lambda text: json.dumps({"better": better(*halves(text))})


def longest(first: str, second: str) -> str:
    return "tie" if len(first) == len(second) else "first" if len(first) > len(second) else "second"


def test_a_verdict_that_does_not_depend_on_the_order_stands(api: Api, judge: Judge) -> None:
    api.reply = by(longest)
    assert judge.compare("when?", "tomorrow at noon", "soon") == Verdict("a")
    assert judge.compare("when?", "soon", "tomorrow at noon") == Verdict("b")
    assert judge.compare("when?", "soon", "late") == Verdict("tie")
    assert len(api.asked) == 4, "a swapped pair was asked already"
    assert judge.compare("when?", "soon", "soon ") == Verdict("tie")
    assert len(api.asked) == 4, "equal answers need no judge"


def test_a_judge_that_favours_a_place_says_nothing_but_ties(api: Api, judge: Judge) -> None:
    api.reply = lambda text: '{"better": "first"}'
    found = judge.compare_all([Pair(f"r{n}", None, f"q{n}", "one", "other") for n in range(3)])
    assert found.verdicts == [Verdict("tie", torn=True)] * 3
    facts = found.facts()
    assert (facts["ties"], facts["torn"], facts["wins"], facts["losses"]) == (3, 3, 0, 0)
    assert facts["cost"] == pytest.approx(6 * 110 / 1e6)
    api.reply = lambda text: json.dumps({"better": "tie" if halves(text)[0] == "one" else "second"})
    assert judge.compare("q9", "one", "other") == Verdict("tie", torn=True), "a winner and a tie are a tie"


def test_what_cannot_be_read_is_unscored(api: Api, judge: Judge) -> None:
    said = iter(['{"better": "first"}', "A is better", '{"better": "A"}', '{"better": "first"}'])
    api.reply = lambda text: next(said)
    found = judge.compare_all([Pair("r1", None, "q1", "one", "other"), Pair("r2", None, "q2", "one", "other")])
    assert [one.winner for one in found.verdicts] == [None, None]
    assert found.facts()["unscored"] == {"no JSON": 1, "no verdict": 1}


def test_the_rubric_is_in_the_language_of_the_question_and_both_ask_for_json(api: Api, judge: Judge) -> None:
    api.reply = lambda text: '{"better": "tie"}'
    judge.compare("什么时候发货", "明天中午发货", "不知道")
    judge.compare("when?", "tomorrow", "no idea, call 13812345678")
    systems = [one["messages"][0]["content"] for one in api.asked]
    assert systems == [RUBRIC["zh"]] * 2 + [RUBRIC["en"]] * 2, "redaction leaves our own words as they are"
    assert all("JSON" in words for words in RUBRIC.values())
    assert "### 第二个回答\n不知道" in api.asked[0]["messages"][1]["content"]
    assert "13812345678" not in json.dumps(api.asked)


def test_agreement_with_people() -> None:
    people = {"1": "a", "2": "b", "3": "tie", "4": "a", "5": "b"}
    found = agreement({"1": "a", "2": "b", "3": "a", "4": "b", "6": "a"}, people)  # type: ignore[arg-type]
    assert (found["rows"], found["share"], found["firm_rows"], found["firm_share"]) == (4, 0.5, 3, 0.6667)
    assert found["kappa"] == pytest.approx(0.2, abs=0.01)
    assert agreement({}, {})["share"] is None


def test_one_budget_for_all_purposes(api: Api, judge: Judge, context: Context) -> None:
    api.reply = by(longest)
    judge.compare("when?", "tomorrow at noon", "soon")
    config = EndpointConfig(url=api.url, model="m", budget=0.0000001, prices=EndpointPrices(input=1, output=1))
    with pytest.raises(Exception, match="nothing was asked"):
        label_all(
            [ToLabel("r", None, [{"role": "user", "content": "hello"}], ["x", "y"])],
            asking("cloud", config, "label"),
            context,
        )
