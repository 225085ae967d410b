"""The allow-list of a recipe: empty by default, and nothing is asked that does not stand on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chat_api import chat_api
from fittingroom.asks import asks_of
from fittingroom.checking import Cost
from fittingroom.config import RunConfig, load, parse
from fittingroom.errors import RecipeError
from fittingroom.history import History
from fittingroom.pipeline import data_road
from fittingroom.run import Run
from fittingroom.store import Store
from fittingroom.types import Rows
from shop import messages, write_csv, write_shop

SECRET = b"test-key-test-key-test-key"

RECIPE: dict[str, Any] = {
    "task": {"kind": "classify", "input": ["text"], "target": "label", "labels": ["a", "b"]},
    "sources": [{"kind": "csv", "path": "rows.csv", "key": "id"}],
}
CLOUD = {"cloud": {"url": "https://api.deepseek.com", "model": "deepseek-flash", "key": "${API_KEY}", "budget": 2.0}}


def recipe(**sections: Any) -> RunConfig:
    return parse({**RECIPE, **sections}, "recipe.yaml")


def test_the_list_is_empty_and_a_name_that_is_not_on_it_is_refused() -> None:
    assert recipe().endpoints == {}
    assert recipe(endpoints=CLOUD, label={"endpoint": {"name": "cloud"}}).label.endpoint is not None
    uses: list[dict[str, Any]] = [
        {"label": {"endpoint": {"name": "cloud"}}},
        {"balance": {"method": "oversample", "teacher": {"endpoint": "cloud"}}},
        {"evaluate": {"baselines": ["majority", "untuned", "api"], "api": {"endpoint": "cloud"}}},
    ]
    for use in uses:
        assert recipe(endpoints=CLOUD, **use)
        with pytest.raises(RecipeError, match="names cloud, which is not on the list `endpoints`"):
            recipe(endpoints={"other": CLOUD["cloud"]}, **use)
    with pytest.raises(RecipeError, match="belong together"):
        recipe(endpoints=CLOUD, evaluate={"api": {"endpoint": "cloud"}})


def test_a_recipe_of_before_has_its_teacher_on_the_list() -> None:
    old = {"url": "https://api.example.com", "model": "big", "key": "${KEY}", "max_calls": 5, "parallel": 2}
    found = recipe(balance={"method": "oversample", "teacher": old})
    assert found.balance.teacher is not None
    assert (found.balance.teacher.endpoint, found.balance.teacher.max_calls) == ("teacher", 5)
    listed = found.endpoints["teacher"]
    assert (listed.url, listed.model, listed.key, listed.parallel) == ("https://api.example.com", "big", "${KEY}", 2)
    assert not listed.switch_thinking, "as it was asked before"
    assert found.patched({"seed": 8}).balance.teacher == found.balance.teacher
    assert recipe(endpoints=CLOUD, balance={"teacher": old}).endpoints.keys() == {"cloud", "teacher"}
    with pytest.raises(RecipeError, match=r"endpoints\.teacher another"):
        recipe(endpoints={"teacher": CLOUD["cloud"]}, balance={"teacher": old})


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"key": "sk-abc"}, "endpoints.cloud.key: a key must not stand"),
        ({"url": "http://api.deepseek.com"}, "endpoints.cloud.url: http goes unencrypted"),
        ({"model": "own-model"}, "a budget needs prices"),
        ({"prices": {"input": 1, "output": 2, "peak_hours": [[9, 4]]}}, "peak hours"),
        ({"prices": {"input": 1}}, "endpoints.cloud.prices.output"),
        ({"modell": "x"}, "unknown key"),
    ],
)
def test_an_endpoint_that_cannot_be_is_named_by_its_key(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError) as caught:
        recipe(endpoints={"cloud": {**CLOUD["cloud"], **changed}})
    assert said in caught.value.text("en")
    assert caught.value.text("zh") != caught.value.text("en")


def test_what_people_and_a_judge_compare_must_be_there() -> None:
    for section in ({"gate": {"pairs": {"against": "tfidf"}}}, {"evaluate": {"judge": {"endpoint": "cloud"}}}):
        assert recipe(endpoints=CLOUD, **section)
        wanted = {**section, "evaluate": {"baselines": ["majority"], **section.get("evaluate", {})}}
        wanted["gate"] = {"better_than": [], **section.get("gate", {})}
        with pytest.raises(RecipeError, match=r"against names \w+, which evaluate\.baselines does not hold"):
            recipe(endpoints=CLOUD, **wanted)
    assert recipe(gate={"pairs": {"against": "target"}}).gate.pairs is not None


def test_a_bound_on_money_wants_one_currency() -> None:
    bound: dict[str, Any] = {"label": {"endpoint": {"name": "cloud"}}, "adapt": {"max_cost": 1.0}}
    with pytest.raises(RecipeError, match=r"adapt\.max_cost is in CNY, endpoints\.cloud has USD"):
        recipe(endpoints=CLOUD, **bound)
    assert recipe(endpoints=CLOUD, prices={"currency": "USD"}, **bound)
    own = {"cloud": {**CLOUD["cloud"], "prices": {"input": 1, "output": 2, "currency": "CNY"}}}
    assert recipe(endpoints=own, **bound)


def test_names_of_endpoints_are_plain(tmp_path: Path) -> None:
    with pytest.raises(RecipeError):
        recipe(endpoints={"../else": CLOUD["cloud"]})


def test_a_run_asks_what_was_reckoned_pays_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The data road of a shop in which every fourth message is without a label."""
    rows = messages(120)
    wanted = {row["text"]: row["label"] for row in rows}
    for number in range(0, 120, 4):
        rows[number]["label"] = ""
    write_shop(tmp_path)
    write_csv(tmp_path / "messages.csv", rows)
    monkeypatch.setenv("API_KEY", "sk-very-secret")
    with chat_api() as server:
        server.reply = lambda text: json.dumps({"label": wanted.get(text, "no label")})
        cloud = {"url": server.url, "model": "m", "key": "${API_KEY}", "prices": {"input": 1, "output": 1}}
        listed = f"endpoints={json.dumps({'cloud': cloud})}"
        sets = [listed, "label.endpoint={name: cloud, check_rows: 10}"]
        config = load(tmp_path / "recipe.yaml", sets)
        unpaid = config.patched({"label.endpoint": None})
        free = Run(tmp_path / "free", Store(tmp_path), root=tmp_path, secret=SECRET)
        walked = data_road(unpaid, free)
        labelled = free.outputs["label"]
        assert isinstance(labelled, Rows)
        asks = asks_of(config, walked, labelled)
        assert server.tried == 0
        assert [(one.purpose, one.endpoint, one.currency) for one in asks] == [("label", "cloud", "USD")]
        assert 40 <= asks[0].calls <= 50
        assert asks[0].money == pytest.approx((asks[0].input_tokens + asks[0].output_tokens) / 1e6)
        told = Cost(minutes=1, minutes_at_most=1, memory_bytes=1, currency="CNY", asks=asks).told()
        assert "questions to cloud (label)" in told.en
        assert "向 cloud 提问" in told.zh
        run = Run(History(tmp_path).create(config, "recipe.yaml"), Store(tmp_path), root=tmp_path, secret=SECRET)
        data_road(config, run)
        assert isinstance(run.outputs["label"], Rows)
        facts = run.outputs["label"].facts["endpoint"]
        assert (facts["used"], facts["agreement"]["share"], facts["not_used"]) == (facts["unlabelled"], 1.0, {})
        assert facts["unlabelled"] > 20
        paid = [event for event in run.journal.read() if event["kind"] == "spent"]
        assert sum(event["amount"] for event in paid) == pytest.approx(facts["cost"])
        assert paid[0]["models"] == {"deepseek-flash-1017": server.tried}
        assert facts["cost"] == pytest.approx(server.tried * 110 / 1e6)
        asked = server.tried
        Store(tmp_path).forget_actions({run.digests["label"]})
        again = Run(History(tmp_path).create(config, "recipe.yaml"), Store(tmp_path), root=tmp_path, secret=SECRET)
        data_road(config, again)
        assert again.digests["label"] == run.digests["label"]
        assert server.tried == asked, "what was answered is not paid twice"
        assert not [event for event in again.journal.read() if event["kind"] == "spent"]
