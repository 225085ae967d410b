"""The allow-list of a recipe: empty by default, and nothing is asked that does not stand on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fittingroom.config import RunConfig, parse
from fittingroom.errors import RecipeError

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


def test_names_of_endpoints_are_plain(tmp_path: Path) -> None:
    with pytest.raises(RecipeError):
        recipe(endpoints={"../else": CLOUD["cloud"]})
