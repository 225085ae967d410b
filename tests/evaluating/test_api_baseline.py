"""The baseline `api`: labels through a real server; what is no label is unscored, and a failure leaves the rest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from chat_api import Api, chat_api
from fittingroom.engine import Context
from fittingroom.errors import RecipeError, UserError
from fittingroom.evaluating.baselines import api as baseline
from fittingroom.evaluating.baselines import hosted
from fittingroom.evaluating.config import EvaluateConfig
from fittingroom.evaluating.judged import judged
from fittingroom.evaluating.setting import Setting
from fittingroom.models.answering import answer_all
from fittingroom.models.answering import asking as asking_freely
from fittingroom.models.endpoint_batch import Question
from fittingroom.models.endpoint_config import EndpointConfig, EndpointPrices
from fittingroom.statistics.judging import Exam, Judge
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.types import EvalReport, Score, Splits, dropped_schema, row_schema

LABELS = ["delivery", "quality"]
ROWS = 60


@pytest.fixture
def server() -> Iterator[Api]:
    with chat_api() as found:
        found.reply = lambda text: json.dumps({"label": "delivery" if "parcel" in text else "quality"})
        yield found


def exam() -> Exam:
    """Every tenth row is labelled the other way round."""
    texts = [f"parcel {n}" if n % 2 else f"coat {n}" for n in range(ROWS)]
    targets = [LABELS[(n % 2 == 0) != (n % 10 == 0)] for n in range(ROWS)]
    values: dict[str, Any] = {
        "ids": [f"r{n:03d}" for n in range(ROWS)],
        "units": [f"g{n}" for n in range(ROWS)],
        "sources": ["s"] * ROWS,
        "inputs": [{"text": text} for text in texts],
        "targets": targets,
    }
    more = {name: [None] * ROWS for name in Exam.__dataclass_fields__ if name not in values}
    return Exam(**values, **more)


def judge() -> Judge:
    return Judge.of(exam(), LABELS, np.zeros(ROWS, dtype=np.int64), replicates=200, seed=1)


def setting(server: Api, context: Context, listed: bool = True, **changed: Any) -> Setting:
    prices = EndpointPrices(input=1, output=1)
    endpoint = EndpointConfig(url=server.url, model="deepseek-flash", retries=0, prices=prices)
    config = EvaluateConfig.model_validate(
        {"baselines": ["majority", "api"], "api": {"endpoint": "cloud", "max_rows": 40, **changed}}
    )
    task = TaskConfig(kind="classify", input=["text"], target="label", instruction="Labels of a shop.")
    nothing: Any = None
    return Setting(
        bundle=nothing, splits=nothing, part="dev", config=config, task=task, seed=1, context=context,
        endpoints={"cloud": endpoint} if listed else {},
    )  # fmt: skip


def test_it_is_scored_on_what_it_answered(server: Api, context: Context) -> None:
    served = server.reply
    server.reply = lambda text: "hm" if text in ("coat 2", "parcel 3", "coat 4") else served(text)
    judged = judge()
    said = baseline.answers(judged, setting(server, context, max_rows=ROWS), judged.exam)
    assert len(said.places) == ROWS - 3
    score = judged.beside("api", said)
    assert score.metrics["accuracy"].value == pytest.approx((ROWS - 3 - 6) / (ROWS - 3))
    assert score.difference["accuracy"].value < 0
    facts = said.facts
    assert (facts["asked"], facts["unscored"], facts["not_used"]) == (ROWS, 3, {"no JSON": 3})
    assert facts["cost"] == pytest.approx(ROWS * 110 / 1e6)
    assert facts["models"] == {"deepseek-flash-1017": ROWS}
    assert facts["median_seconds"] >= 0
    assert "Labels of a shop." in server.asked[0]["messages"][0]["content"]


def test_a_sample_is_asked_and_nothing_twice(server: Api, context: Context) -> None:
    judged = judge()
    first = baseline.answers(judged, setting(server, context), judged.exam)
    assert len(server.asked) == len(first.places) == 40
    again = baseline.answers(judged, setting(server, context), judged.exam)
    assert len(server.asked) == 40
    assert again.places.tolist() == first.places.tolist()
    assert again.facts == first.facts


def test_what_cannot_be_asked_is_an_error_of_this_baseline(server: Api, context: Context) -> None:
    judged = judge()
    with pytest.raises(RecipeError, match="allow-list"):
        baseline.answers(judged, setting(server, context, listed=False), judged.exam)
    server.reply = lambda text: "I think it is delivery"
    with pytest.raises(UserError, match=r"none of 40 answers is a label of the set .no JSON 40."):
        baseline.answers(judged, setting(server, context), judged.exam)


def test_free_answers_come_back_clean_or_not_at_all(server: Api, context: Context) -> None:
    server.reply = lambda text: "Ask Wang at 13812345678, <b>please</b>" if text == "one" else " "
    endpoint = EndpointConfig(url=server.url, model="deepseek-flash", retries=0, parallel=1)
    questions = [Question(f"r{n}", None, [{"role": "user", "content": text}]) for n, text in enumerate(["one", "two"])]
    said = answer_all(questions, asking_freely("cloud", endpoint, 200), context)
    assert said.texts == ["Ask Wang at [MOBILE], please", None]
    assert said.faults == {"blank": 1}
    assert said.facts()["answered"] == 1
    assert "13812345678" not in (context.root / "endpoints" / "cloud.jsonl").read_text("utf-8")


def replies(server: Api, context: Context, **evaluate: Any) -> Setting:
    """Sixty questions about goods, answered freely."""
    found = setting(server, context)
    task = TaskConfig(kind="reply", input=["text"], target="label", instruction="You are a shop.")
    config = EvaluateConfig.model_validate(
        {"baselines": ["api"], "api": {"endpoint": "cloud", "max_rows": 20, "max_tokens": 64}, **evaluate}
    )
    one = exam()
    records = [
        {
            "id": one.ids[n], "source": "s", "row_key": str(n), "group": None, "time": None, "input": one.inputs[n],
            "target": {"label": "x"}, "annotations": [], "cluster": None, "dup_count": 1, "edits": [],
        }
        for n in range(ROWS)
    ]  # fmt: skip
    schema = row_schema(["text"], "label")
    empty = Table.records([], schema)
    gone = Table.records([], dropped_schema(schema))
    parts = Splits(train=empty, dev=Table.records(records, schema), calibration=empty, test=empty, dropped=gone)
    return replace(found, task=task, config=config, splits=parts)


def test_a_hosted_model_answers_freely_beside_ours(server: Api, context: Context) -> None:
    server.reply = lambda text: "" if text == "coat 2" else f"about {text}"
    places, texts, told = hosted.answers(
        exam(), replies(server, context, api={"endpoint": "cloud", "max_rows": ROWS}), exam()
    )
    assert len(places) == len(texts) == ROWS - 1
    assert texts[0] == "about coat 0"
    assert (told["unscored"], told["not_used"], told["questions"]) == (1, {"blank": 1}, ROWS)
    assert told["tokens"]["sent"] > 0
    assert server.asked[0]["messages"][0] == {"role": "system", "content": "You are a shop."}
    assert {one["max_tokens"] for one in server.asked} == {400}
    server.reply = lambda text: " "
    with pytest.raises(UserError, match=r"none of 20 questions was answered .blank 20."):
        hosted.answers(exam().only(range(20)), replies(server, context), exam())


def test_a_judge_stands_in_the_facts_with_its_agreement(server: Api, context: Context) -> None:
    def better(text: str) -> str:
        first = text.split("### First answer\n")[1].partition("\n\n### Second answer\n")[0]
        return json.dumps({"better": "first" if first.startswith("ours") else "second"})

    server.reply = better
    one = exam()
    predictions = Table.of(
        pa.table(
            {"id": one.ids, "group": one.units, "predicted": ["ours"] * ROWS, "untuned": ["theirs", *["ours"] * 3] * 15}
        )
    )
    score = Score(name="model", metrics={})
    report = EvalReport(
        part="dev", labels=[], model=score, baselines=[], confusion=[], predictions=predictions, rows=ROWS
    )
    config = {"judge": {"endpoint": "cloud", "max_rows": ROWS}}
    facts = judged(replies(server, context, **config), report)
    assert (facts["wins"], facts["ties"], facts["losses"], facts["torn"]) == (15, 45, 0, 0)
    assert facts["win_rate"]["value"] == pytest.approx((15 + 22.5) / 60)
    assert facts["win_rate"]["low"] < facts["win_rate"]["value"] < facts["win_rate"]["high"]
    assert facts["people"]["rows"] == 0
    assert len(server.asked) == 30
    with pytest.raises(UserError, match="no answers of 'template'"):
        judged(replies(server, context, judge={"endpoint": "cloud", "against": "template"}), report)
