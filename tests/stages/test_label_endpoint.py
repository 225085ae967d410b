"""An endpoint as one more annotator: rows of which nobody spoke, agreement with people, nonsense that is counted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chat_api import Api, chat_api
from fittingroom.engine import Context
from fittingroom.errors import RecipeError, UserError
from fittingroom.models.endpoint_config import EndpointConfig
from fittingroom.sources import decisions
from fittingroom.sources.decisions import Decision
from fittingroom.stages.label import LabelConfig, label
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.rules import LabelRule
from fittingroom.types import Rows

THINGS = "abcdefghijklmnop"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    monkeypatch.setenv("API_KEY", "sk-very-secret")
    with chat_api() as found:
        found.reply = lambda text: json.dumps({"label": "delivery" if "parcel" in text else "Quality"})
        yield found


@pytest.fixture
def rows(make_rows: Callable[..., Rows]) -> Rows:
    """Eight rows that people labelled (one of them wrongly), six of which nobody spoke, one that a rule knows."""
    found: list[Any] = [(f"the parcel with {THINGS[n]} never came", "delivery") for n in range(4)]
    found += [(f"the coat of {THINGS[n]} is torn", "quality") for n in range(3)]
    found += [("the parcel of this coat is open", "quality")]
    found += [(f"parcel number {THINGS[n]} is late", None) for n in range(3)]
    found += [(f"shoe {THINGS[n]} is broken", None) for n in range(3)]
    return make_rows([*found, ("money back please", None)])


def config(**changed: Any) -> LabelConfig:
    return LabelConfig.model_validate({"endpoint": {"name": "cloud", "check_rows": 6, **changed}})


def endpoints(api: Api, **changed: Any) -> dict[str, EndpointConfig]:
    told = {"url": api.url, "model": "deepseek-flash", "key": "${API_KEY}", "retries": 0, **changed}
    return {"cloud": EndpointConfig(**told)}


def labelled(api: Api, rows: Rows, task: TaskConfig, context: Context, how: LabelConfig | None = None) -> Rows:
    return label(rows, label=how or config(), task=task, context=context, endpoints=endpoints(api))


def test_rows_without_a_word_get_one_and_say_where_it_came_from(
    api: Api, rows: Rows, task: TaskConfig, context: Context
) -> None:
    out = labelled(api, rows, task, context)
    found = {row["id"]: row for row in out.kept.dicts()}
    assert [found[f"r{n:03d}"]["target"]["label"] for n in (8, 9, 10)] == ["delivery"] * 3
    assert [found[f"r{n:03d}"]["target"]["label"] for n in (11, 12, 13)] == ["quality"] * 3, "case is not meaning"
    assert found["r008"]["edits"] == [{"rule": "endpoint label", "count": 1}]
    assert found["r008"]["annotations"] == [{"annotator": "endpoint:cloud", "label": "delivery"}]
    assert found["r007"]["target"]["label"] == "quality", "its word is weak beside people's"
    facts = out.facts["endpoint"]
    assert (facts["unlabelled"], facts["used"], facts["labelled"]) == (7, 7, 19)
    assert facts["agreement"]["rows"] == 6
    assert 0.8 < facts["agreement"]["share"] <= 1
    assert facts["order"] == {"rows": 6, "share": 1.0, "kappa": facts["order"]["kappa"]}
    assert facts["models"] == {"deepseek-flash-1017": 19}
    assert all(one["thinking"] == {"type": "disabled"} for one in api.asked)


def test_agreement_is_that_of_the_rows_that_people_labelled(
    api: Api, rows: Rows, task: TaskConfig, context: Context
) -> None:
    facts = labelled(api, rows, task, context, config(check_rows=50)).facts["endpoint"]
    assert facts["agreement"] == {"rows": 8, "share": 0.875, "kappa": 0.75}


def test_a_labeller_that_follows_the_order_of_the_list_is_seen(
    api: Api, rows: Rows, task: TaskConfig, context: Context
) -> None:
    api.by_system = lambda system, text: json.dumps(
        {"label": json.loads(system.split("Labels: ")[1].split("\n")[0])[0]}
    )
    facts = labelled(api, rows, task, context, config(check_rows=50)).facts["endpoint"]
    assert facts["order"]["share"] == 0.0


def test_nonsense_is_counted_and_its_rows_stay_without_a_label(
    api: Api, rows: Rows, task: TaskConfig, context: Context
) -> None:
    api.reply = lambda text: '{"label": "shoes"}' if "shoe" in text else '{"label": null}' if "late" in text else "hm"
    out = labelled(api, rows, task, context, config(check_rows=0))
    assert out.facts["endpoint"]["not_used"] == {"no JSON": 1, "none of these": 3, "outside the set": 3}
    assert out.facts["endpoint"]["used"] == 0
    assert {row["reason"] for row in out.dropped.dicts()} == {"not labelled"}
    assert out.dropped.rows == 7


def test_rules_and_people_come_first_and_max_rows_holds(
    api: Api, rows: Rows, task: TaskConfig, context: Context
) -> None:
    decisions.add(context.root, [Decision(id="r008", label="quality", annotator="Li", at="2026-01-01T00:00:00+00:00")])
    how = config(check_rows=0, max_rows=3).model_copy(
        update={"rules": [LabelRule(label="quality", keywords=["money back"])]}
    )
    out = labelled(api, rows, task, context, how)
    assert len(api.asked) == 3
    found = {row["id"]: row for row in out.kept.dicts()}
    assert found["r008"]["target"]["label"] == "quality"
    assert found["r014"]["edits"] == [{"rule": "weak label", "count": 1}]
    assert out.facts["endpoint"]["unlabelled"] == 5
    assert out.dropped.rows == 2
    again = labelled(api, rows, task, context, how)
    assert len(api.asked) == 3
    assert again.kept.digest == out.kept.digest
    assert again.facts == out.facts


def test_what_cannot_be_asked_is_said(
    api: Api, make_rows: Callable[..., Rows], rows: Rows, task: TaskConfig, context: Context
) -> None:
    with pytest.raises(RecipeError, match="allow-list"):
        label(rows, label=config(), task=task, context=context, endpoints={})
    with pytest.raises(RecipeError, match=r"task\.labels"):
        labelled(api, make_rows([("parcel a", None), ("shoe b", None)]), task, context)
    listed = task.model_copy(update={"labels": ["delivery", "quality"]})
    assert labelled(api, make_rows([("parcel a", None), ("shoe b", None)]), listed, context).kept.rows == 2
    api.faults = [402] * 9
    with pytest.raises(UserError, match="no money"):
        labelled(api, rows, task, context)
