"""The judge of rankings, with a real bundle: what is judged is what the server would answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fittingroom.engine import Context
from fittingroom.errors import UserError
from fittingroom.evaluating.baselines import few_shot_ranking
from fittingroom.evaluating.config import EvaluateConfig
from fittingroom.evaluating.ranked import judge
from fittingroom.evaluating.setting import Setting
from fittingroom.serving.predictor import Predictor
from fittingroom.statistics.ranking import DEPTH, METRICS
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.questions import asked
from fittingroom.types import Bundle, EvalReport, Folder, Splits, dropped_schema
from serving.ranked_bundles import COUNTS, make_ranking_bundle
from shopping import rows, task

OF = task(candidates=5, rebuy=True)
GRADED = task(["query", "grade"], grade="grade", worst=1, best=3, relevant=2)
TITLES = list(COUNTS)


def purchases(part: str, customers: int) -> list[dict[str, Any]]:
    """Everybody buys the first title, and one of the others with it; two customers in each part are new."""
    found = []
    for number in range(customers):
        group = f"{part}-new{number}" if number < 2 else f"c{number}"
        history = "" if number < 2 else TITLES[number % 3 + 1]
        for title in (TITLES[0], TITLES[number % 5]):
            name = f"{part}{number:03d}{title[:3]}"
            found.append({"id": name, "group": group, "day": number, "history": history, "title": title})
    return [row for place, row in enumerate(found) if row not in found[:place]]


def splits(parts: dict[str, Table]) -> Splits:
    empty = Table.of(parts["train"].arrow().slice(0, 0))
    return Splits(**{name: parts.get(name, empty) for name in ("train", "dev", "calibration", "test")},
                  dropped=Table.records([], dropped_schema(parts["train"].schema)))  # fmt: skip


def judged(folder: Path, of: TaskConfig, parts: dict[str, Table], baselines: list[Any], context: Context) -> EvalReport:
    config = EvaluateConfig(baselines=baselines, replicates=200, untuned_rows=20)
    bundle = Bundle(folder=Folder(make_ranking_bundle(folder, of)))
    return judge(Setting(bundle, splits(parts), "dev", config, of, 1, context))


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    folder = tmp_path_factory.mktemp("context")
    return Context(root=folder, scratch=folder, secret=b"key", threads=1)


@pytest.fixture(scope="module")
def parts() -> dict[str, Table]:
    return {"train": rows(purchases("t", 40), OF), "dev": rows(purchases("d", 30), OF)}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, context: Context, parts: dict[str, Table]) -> EvalReport:
    folder = tmp_path_factory.mktemp("bundle") / "folder"
    return judged(folder, OF, parts, ["popularity", "item_knn", "bm25", "untuned"], context)


def test_metrics_and_baselines_are_there(report: EvalReport) -> None:
    assert list(report.model.metrics) == list(METRICS)
    assert [(score.name, score.error) for score in report.baselines] == [
        ("popularity", ""), ("item_knn", ""), ("bm25", ""), ("untuned", ""),
    ]  # fmt: skip
    for score in (report.model, *report.baselines):
        for found in score.metrics.values():
            assert 0 <= found.low <= found.value <= found.high <= 1
    assert (report.labels, report.confusion, report.unscored) == ([], [], 0)
    assert report.rows == report.facts["questions"]["judged"] == 30, "a basket is one question"
    by_name = {score.name: score for score in report.baselines}
    assert by_name["popularity"].metrics["hit@1"].value == 1.0, "everybody buys the most popular"
    assert by_name["popularity"].difference["ndcg@10"].value < 0
    assert by_name["popularity"].p_values["ndcg@10"] < 0.05


def test_predictions_are_what_the_server_answers(
    report: EvalReport, parts: dict[str, Table], tmp_path: Path, context: Context
) -> None:
    predictor = Predictor.load(make_ranking_bundle(tmp_path / "b", OF), threads=1)
    given = {row["id"]: row["input"] for row in parts["dev"].dicts()}
    shown = report.predictions.dicts()
    for row in shown:
        assert row["predicted"].split("; ") == predictor.rank(given[row["id"]]).titles
    for name, found in report.model.metrics.items():
        assert found.value == pytest.approx(float(np.mean([row[name] for row in shown])))
    asked = [row for row in shown if row["untuned"] is not None]
    assert len(asked) == report.facts["baseline_rows"]["untuned"] == 20
    base = Predictor.load(make_ranking_bundle(tmp_path / "c", OF), threads=1, weights="base", root=context.root)
    assert asked[0]["untuned"].split("; ") == base.rank(given[asked[0]["id"]]).titles


def test_a_ranking_is_the_same_when_it_is_asked_alone(report: EvalReport) -> None:
    assert report.facts["alone"] == {"rows": 20, "same": 20}


def test_cold_start_is_a_slice_of_its_own(report: EvalReport) -> None:
    slices = {(one["by"], one["value"]): one for one in report.facts["slices"]}
    assert slices["customer", "new"]["rows"] == 2
    assert slices["customer", "known"]["rows"] == 28
    assert slices["history", "0"]["rows"] == 2
    assert slices["goods", "known"]["rows"] == 30
    for one in slices.values():
        assert one["low"] <= one["ndcg@10"] <= one["high"]


def test_reach_and_ceiling_are_told(report: EvalReport) -> None:
    reach = report.facts["reach"]
    assert list(reach) == ["model", "popularity", "item_knn", "bm25", "untuned"]
    assert all(0 <= value <= 1 for found in reach.values() for value in found.values())
    ceiling = report.facts["candidates"]
    assert ceiling["mean"] == 5
    assert report.model.metrics["recall@10"].value == pytest.approx(ceiling["recall"]), "five of five are shown"


def test_a_baseline_that_has_nothing_to_go_by_fails_alone(tmp_path: Path, context: Context) -> None:
    told = [
        {"id": f"{query}{grade}", "query": f"{query} price", "grade": str(grade), "title": f"{TITLES[grade]} {query}"}
        for query in range(12)
        for grade in (1, 2, 3)
    ]
    alone = {"id": "x", "query": "alone", "grade": "3", "title": "y"}
    nameless = {"id": "y", "query": "nameless", "grade": "3", "title": ""}
    parts = {"train": rows(told, GRADED), "dev": rows([*told, alone, nameless], GRADED)}
    report = judged(tmp_path / "b", GRADED, parts, ["item_knn", "bm25"], context)
    knn, words = report.baselines
    assert "need the field `history`" in knn.error
    assert not knn.metrics
    assert words.metrics["ndcg@10"].value > 0.4
    assert report.rows == 12
    asked = report.facts["questions"]
    assert (asked["unrankable"], asked["untold"], report.unscored) == (1, 1, 2), "counted in questions, as rows are"
    assert "customer" not in {one["by"] for one in report.facts["slices"]}, "a search has no history"


def test_a_part_without_a_choice_is_refused(tmp_path: Path, context: Context) -> None:
    alone = {"dev": rows([{"query": "a", "grade": "3", "title": "b"}], GRADED)}
    parts = {"train": alone["dev"], **alone}
    with pytest.raises(UserError, match="nothing to rank: 1 questions"):
        judged(tmp_path / "b", GRADED, parts, ["bm25"], context)


def test_examples_of_train_stand_before_the_question(tmp_path: Path, context: Context, parts: dict[str, Table]) -> None:
    report = judged(tmp_path / "b", OF, parts, ["untuned", "few_shot"], context)
    untuned, shown = report.baselines
    assert (untuned.error, shown.error) == ("", "")
    assert shown.metrics.keys() == untuned.metrics.keys()
    assert report.facts["baseline_facts"] == {"few_shot": {"examples": 2, "wanted": 2, "fewer": 0}}
    rankings = report.predictions.frame()
    assert rankings["few_shot"].to_list() != rankings["untuned"].to_list()
    base = Predictor.load(make_ranking_bundle(tmp_path / "c", OF), threads=1, weights="base", root=context.root)
    setting = Setting(
        Bundle(folder=Folder(tmp_path / "c")), splits(parts), "dev", EvaluateConfig(baselines=["few_shot"]), OF, 1,
        context,
    )  # fmt: skip
    questions = asked(parts["dev"], OF, seed=1).questions
    titles = [base.ranker.candidates(question) for question in questions]
    examples, _ = few_shot_ranking.examples(base, questions, titles, setting)
    assert [[turn["role"] for turn in turns] for turns in examples] == [["user", "assistant"]] * 2
    learnt = {(row["input"]["history"], row["target"]["title"]) for row in parts["train"].dicts()}
    assert {(turns[0]["content"], turns[1]["content"]) for turns in examples} <= learnt
    assert len({turns[1]["content"] for turns in examples}) == 2, "no title stands twice"
    behind = base.ranker.after([turn for turns in examples for turn in turns])
    row = next(row for row in report.predictions.dicts() if row["few_shot"] is not None)
    place = [question.id for question in questions].index(row["id"])
    [ranked] = behind.rank([questions[place].given], [titles[place]])
    assert row["few_shot"].split("; ") == [title for title, _ in ranked][:DEPTH]


def test_examples_that_do_not_fit_are_told(tmp_path: Path, context: Context, parts: dict[str, Table]) -> None:
    long = "; ".join(f"{title} " + "price " * 120 for title in TITLES)
    wordy = [{**one, "history": long} for one in purchases("t", 40)]
    report = judged(tmp_path / "b", OF, {**parts, "train": rows(wordy, OF)}, ["few_shot"], context)
    assert "no moment of train can be shown as an example" in report.baselines[0].error
