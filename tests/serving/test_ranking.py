"""Ranking on a real (tiny, random) model: the order is that of its own log-probabilities, whatever the way."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from fittingroom.errors import StoreError, UserError
from fittingroom.models.load import load_model, load_tokenizer
from fittingroom.models.render import Renderer
from fittingroom.serving.app import create_app
from fittingroom.serving.bundle import SHELF, seal
from fittingroom.serving.limits import Limits
from fittingroom.serving.predictor import Predictor
from fittingroom.serving.ranking import BYS, Ranker
from fittingroom.serving.shelving import shelve
from fittingroom.store import MANIFEST
from fittingroom.tables import Table
from fittingroom.tasks.questions import asked
from fittingroom.tasks.recommend import JOB
from fittingroom.tasks.shelf import Shelf
from fittingroom.types import Splits, dropped_schema
from models.test_scoring import one_by_one
from serving.bundles import make_bundle
from serving.fakes import TOKEN, FakeProvider, Kept
from serving.ranked_bundles import COUNTS, PAIRS, make_ranking_bundle, told
from shopping import rows, task
from tiny_model import tiny_folder

OF = task(["history", "searched"], candidates=4)
GRADED = task(["query", "grade"], grade="grade", worst=1, best=3)
TITLES = ["refund", "good quality", "尺码 颜色", "size price"]


@pytest.fixture(scope="module")
def model() -> Any:
    return load_model(tiny_folder())


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(load_tokenizer(tiny_folder()))


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    folder = make_ranking_bundle(tmp_path_factory.mktemp("objects") / "folder", OF, rank_by="lift")
    return Predictor.load(folder, threads=1, secret=b"a key of the tests")


def logs(model: Any, renderer: Renderer, given: dict[str, str], of: Any) -> np.ndarray:
    """log p(title | given) of the four titles, each scored by itself."""
    prompt = renderer.prompt_ids(JOB.messages(given, of, []))
    return one_by_one(model, [prompt], [renderer.answer_ids(title) for title in TITLES])[0]


def test_every_way_is_what_it_says(model: Any, renderer: Renderer) -> None:
    given = {"query": "good size"}
    best = logs(model, renderer, {**given, "grade": "3"}, GRADED)
    worst = logs(model, renderer, {**given, "grade": "1"}, GRADED)
    nothing = logs(model, renderer, {"query": "", "grade": "3"}, GRADED)
    lengths = np.array([len(renderer.answer_ids(title)) for title in TITLES])
    total = sum(COUNTS.values()) + len(COUNTS) + 1
    shares = np.array([math.log((COUNTS[title] + 1) / total) for title in TITLES])
    wanted = {
        "likelihood": best,
        "per_token": best / lengths,
        "lift": best - nothing,
        "lift_popular": best - nothing + shares,
        "contrast": best - worst,
    }
    assert tuple(wanted) == BYS
    orders = set()
    for way in BYS:
        ranker = Ranker(model, renderer, GRADED, Shelf(COUNTS, PAIRS), prompt_limit=90, by=way)
        [found] = ranker.rank([given], [TITLES])
        scores = dict(found)
        assert [scores[title] for title in TITLES] == pytest.approx(wanted[way].tolist(), abs=1e-4)
        assert list(scores.values()) == sorted(scores.values(), reverse=True)
        orders.add(tuple(scores))
    assert len(orders) > 1, "the ways differ"


def test_the_way_is_chosen_by_what_ranks_best(model: Any, renderer: Renderer, tmp_path: Path) -> None:
    """On the calibration part, or on dev where that is small; what is in the test part makes no difference."""
    folder, of = make_ranking_bundle(tmp_path / "bundle", OF), task(["history", "searched"])

    def part(*titles: str, many: int = 25) -> Table:
        told = [{"id": f"{title}{n}", "history": f"size {n}", "title": title} for n in range(many) for title in titles]
        return rows(told, OF)

    def shelved(**parts: Table) -> tuple[str, dict[str, Any]]:
        given = {"train": part(*TITLES, many=3), "dev": part("bad"), "test": part("bad"), **parts}
        made = Splits(**given, dropped=Table.records([], dropped_schema(given["dev"].schema)))
        return shelve(folder, made, of, renderer, prompt_limit=90, seed=1, progress=lambda done, total: None)

    chosen = {}
    for wanted in TITLES:
        by, facts = shelved(calibration=part(wanted))
        assert (facts["measured_on"], facts["questions"]) == ("calibration", 25)
        assert set(facts["by"]) == set(BYS) - {"contrast"}, "rows without grades have no worst one"
        assert facts["by"][by] == max(facts["by"].values()) > 0
        assert (by, facts) == shelved(calibration=part(wanted), test=part(*TITLES))
        chosen[wanted] = by
    assert len(set(chosen.values())) > 1, "it depends on the rows"
    assert shelved(calibration=part("refund", many=3), dev=part("refund", many=30))[1]["measured_on"] == "dev"
    none = shelved(calibration=part("refund", many=0), dev=part("refund", many=0))
    assert none == ("likelihood", {**none[1], "questions": 0, "by": {}})


def test_candidates_come_from_the_bundle_or_from_the_caller(predictor: Predictor) -> None:
    own = predictor.rank({"history": ["good quality"], "searched": "price"})
    assert set(own.titles) <= set(COUNTS) - {"good quality"}, "what the customer has is not shown again"
    assert len(own.titles) == 4
    assert own.input == {"history": "good quality", "searched": "price"}
    given = predictor.rank({"history": "good quality"}, ["unheard of", "refund", "refund "], most=1)
    assert len(given.titles) == 1
    assert given.titles[0] in ("unheard of", "refund")
    assert own.scores == sorted(own.scores, reverse=True)


def test_without_personal_history_everybody_gets_the_same(predictor: Predictor) -> None:
    one = predictor.rank({"history": ["good quality"], "searched": "size"}, personal=False)
    other = predictor.rank({"history": ["refund", "bad"], "searched": "size"}, personal=False)
    assert one == other
    assert one.input["history"] == ""
    nobody = predictor.rank({}, most=3)
    assert len(nobody.titles) == 3


def test_a_task_without_personal_history_never_uses_it(tmp_path: Path) -> None:
    of = task(["history", "searched"], candidates=4, personal=False)
    predictor = Predictor.load(make_ranking_bundle(tmp_path / "b", of), threads=1)
    found = predictor.rank({"history": ["good quality"], "searched": "size"})
    assert found.input == {"history": "", "searched": "size"}
    assert found == predictor.rank({"searched": "size"})


def test_what_is_asked_is_redacted(predictor: Predictor) -> None:
    found = predictor.rank({"searched": "call 13812345678 <b>size</b>"})
    assert "138" not in found.input["searched"]
    assert "<b>" not in found.input["searched"]


@pytest.mark.parametrize(
    ("raw", "candidates", "said"),
    [
        ({"history": "x", "secret": "y"}, None, "none of history, searched"),
        ("only a text", None, "must be an object"),
        ({}, [], "needs at least one title"),
        ({}, ["good", " "], "none that is empty"),
        ({}, ["good quality " * 400], "must fit into the 512 tokens"),
        ({"history": list(COUNTS)}, None, "no candidate to rank"),
    ],
)
def test_what_cannot_be_ranked_is_refused(predictor: Predictor, raw: Any, candidates: Any, said: str) -> None:
    with pytest.raises(UserError, match=said) as found:
        predictor.rank(raw, candidates)
    assert found.value.zh


def test_a_bundle_of_another_job_says_so(tmp_path: Path, predictor: Predictor) -> None:
    with pytest.raises(UserError, match="does not rank goods"):
        Predictor.load(make_bundle(tmp_path / "b"), threads=1).rank("x")
    with pytest.raises(UserError):
        predictor.classify([{"history": "x"}])


def test_a_shelf_that_is_missing_is_named(tmp_path: Path) -> None:
    folder = make_ranking_bundle(tmp_path / "b", OF)
    (folder / SHELF / "goods.parquet").unlink()
    (folder / MANIFEST).unlink()
    seal(folder)
    with pytest.raises(StoreError, match="tables of goods cannot be read"):
        Predictor.load(folder, threads=1)
    assert told(folder)["labels"] == []


def test_questions_bring_their_own_titles(model: Any, renderer: Renderer) -> None:
    told_rows = [
        {"query": "tea", "grade": "3", "title": "good quality"},
        {"query": "tea", "grade": "1", "title": "refund"},
    ]
    [question] = asked(rows(told_rows, GRADED), GRADED, seed=1).questions
    ranker = Ranker(model, renderer, GRADED, Shelf(COUNTS, PAIRS), prompt_limit=90)
    assert ranker.candidates(question) == ["good quality", "refund"]


# ---------------------------------------------------------------------------------------------- over the wire


class House:
    """A server in memory around a real bundle."""

    def __init__(self, predictor: Predictor, **limits: Any) -> None:
        self.kept = Kept()
        provider = FakeProvider(predictor)  # type: ignore[arg-type]
        app = create_app(
            provider, token=TOKEN, recorder=self.kept, limits=Limits(**limits), whose=lambda user: f"p-{len(user)}"
        )
        headers = {"Authorization": f"Bearer {TOKEN}"}
        self.client = TestClient(app, raise_server_exceptions=False, headers=headers)

    def rank(self, **asked: Any) -> Any:
        return self.client.post("/v1/rank", json=asked)


def test_the_route_ranks_and_records_what_was_redacted(predictor: Predictor) -> None:
    house = House(predictor)
    asked_for = {"history": ["good quality"], "searched": "13812345678 size"}
    answer = house.rank(input=asked_for, most=2, user="li")
    assert answer.status_code == 200
    assert answer.headers["x-release"] == "1"
    goods = answer.json()["goods"]
    direct = predictor.rank(asked_for, most=2)
    assert [(one["title"], one["score"]) for one in goods] == list(zip(direct.titles, direct.scores, strict=True))
    [record] = house.kept.records
    assert (record.route, record.label, record.group) == ("rank", goods[0]["title"], "p-2")
    assert "138" not in record.input["searched"]
    listed = house.rank(candidates=["refund", "bad"], personal=False).json()["goods"]
    assert {one["title"] for one in listed} == {"refund", "bad"}


@pytest.mark.parametrize(
    ("asked_for", "status", "param"),
    [
        ({"input": {"nobody": "x"}}, 422, "input"),
        ({"candidates": []}, 422, "candidates"),
        ({"candidates": [" "]}, 422, "candidates"),
        ({"candidates": ["a", "b", "c"]}, 413, "candidates"),
        ({"input": {"history": ["x" * 60]}}, 413, "input"),
        ({"most": 0}, 422, "most"),
        ({"weather": 1}, 422, None),
    ],
)
def test_bad_requests_are_told(predictor: Predictor, asked_for: Any, status: int, param: str | None) -> None:
    answer = House(predictor, max_candidates=2, max_characters=50).rank(**asked_for)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["message"]
    if param:
        assert error["param"].startswith(param)
