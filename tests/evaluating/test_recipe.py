"""What a recipe asks of judging is held against the job before any row is read."""

from __future__ import annotations

from typing import Any

import pytest

from fittingroom.config import RunConfig, parse
from fittingroom.errors import RecipeError

BASE: dict[str, Any] = {
    "task": {"kind": "classify", "input": ["text"], "target": "label"},
    "sources": [{"kind": "csv", "path": "a.csv", "key": "id"}],
}


def _parsed(**sections: Any) -> RunConfig:
    return parse({**BASE, **sections}, place="recipe.yaml")


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"gate": {"metric": "rouge_l"}}, "gate.metric is rouge_l.*macro_f1"),
        ({"gate": {"better_than": ["encoder"]}}, "gate.better_than asks for encoder"),
        ({"gate": {"no_worse_than_champion": 0.01}}, "gate.no_worse_than_champion asks for champion"),
        ({"evaluate": {"baselines": ["majority", "untuned", "bm25"]}}, "bm25.*classify does not have"),
        ({"evaluate": {"baselines": ["majority", "untuned", "encoder"]}}, "needs its folder"),
        ({"gate": {"slices": {"class": {"at_least": 1}}}}, "no lower bound reaches 1"),
        ({"gate": {"forgetting": 0.1}, "evaluate": {"forgetting": {"measure": False}}}, "forgetting.measure is false"),
        ({"gate": {"latency_ms": 50}, "evaluate": {"latency_rows": 0}}, "latency_rows is 0"),
        ({"gate": {"latency_ms": 50}, "evaluate": {"latency_rows": 71}}, "raise it to 72"),
        ({"gate": {"slices": {"customer": {"at_least": 0.5}}}}, "slices.customer has a floor.*length.*frequency$"),
        ({"gate": {"slices": {"scope": {"at_least": 0.5}}}}, "scope needs task.none_of_these"),
        ({"evaluate": {"encoder": {"path": "x"}}}, "evaluate.encoder says how"),
        ({"evaluate": {"few_shot": {"examples": 3}}}, "evaluate.few_shot says how"),
        ({"evaluate": {"head": {"tune": True}}}, "evaluate.head says how"),
        ({"evaluate": {"generated_rows": 50}}, "evaluate.generated_rows is of free answers"),
        (
            {
                "task": {**BASE["task"], "labels": ["a", "b"]},
                "gate": {"slices": {"class": {"at_least": 0.5, "only": ["c"]}}},
            },
            "class.only holds c, which task.labels",
        ),
    ],
)
def test_what_cannot_be_met_is_refused(sections: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=said) as caught:
        _parsed(**sections)
    assert caught.value.zh != caught.value.en


def test_slices_go_by_the_job() -> None:
    scope = {"slices": {"scope": {"at_least": 0.5}}}
    assert _parsed(task={**BASE["task"], "none_of_these": "other"}, gate=scope).gate.slices
    ranks = {"kind": "recommend", "input": ["history"], "target": "item"}
    assert _parsed(task=ranks, gate={"slices": {"customer": {"at_least": 0.1}}}).gate.slices
    with pytest.raises(RecipeError, match="it has: goods, source"):
        _parsed(task={**ranks, "input": ["query"]}, gate={"slices": {"history": {"at_least": 0.1}}})


def test_what_belongs_together_is_taken() -> None:
    config = _parsed(
        evaluate={"baselines": ["majority", "champion", "head"], "head": {"tune": True}},
        gate={"better_than": ["head"], "no_worse_than_champion": 0.02, "forgetting": 0.1, "latency_ms": 300,
              "slices": {"frequency": {"at_least": 0.4, "only": ["rare"]}}},
    )  # fmt: skip
    assert config.gate.slices["frequency"].when_small == "skip"


@pytest.mark.parametrize(
    ("kind", "metric", "baseline"),
    [("reply", "rouge_l", "retrieval"), ("recommend", "ndcg@10", "bm25"), ("copywrite", "coverage", "template")],
)
def test_a_job_brings_its_own_metric_and_baselines(kind: str, metric: str, baseline: str) -> None:
    task = {"kind": kind, "input": ["query"], "target": "answer"}
    config = parse({**BASE, "task": task}, place="recipe.yaml")
    assert config.gate.metric == metric
    assert baseline in config.evaluate.baselines
    assert config.gate.better_than == config.evaluate.baselines
    mine = parse({**BASE, "task": task, "gate": {"better_than": []}}, place="recipe.yaml")
    assert (mine.gate.metric, mine.gate.better_than) == (metric, [])
    with pytest.raises(RecipeError, match="majority"):
        parse({**BASE, "task": task, "evaluate": {"baselines": ["majority"]}}, place="recipe.yaml")
