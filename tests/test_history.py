"""What a run's summary says of its attempts: the scores of the one that counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fittingroom.config import parse
from fittingroom.history import History
from fittingroom.journal import Journal
from fittingroom.types import Attempt, RunSummary

RECIPE: dict[str, Any] = {
    "task": {"kind": "classify", "input": ["text"], "target": "label"},
    "sources": [{"kind": "jsonl", "path": "rows.jsonl", "key": "id"}],
}
Told = tuple[str, float | None, str | None]
"""Part, score, verdict; no score: it was blocked before."""


def summary(folder: Path, *attempts: list[Told]) -> RunSummary:
    history = History(folder)
    run = history.create(parse(RECIPE, place="recipe"), "recipe.yaml")
    journal = Journal(run / "events.jsonl")
    for number, parts in enumerate(attempts, 1):
        this = Attempt(number=number, config_digest=f"{number}").model_dump(mode="json")
        journal.append("attempt_started", attempt=this)
        journal.append("stage_done", stage="train", digest=f"train-{number}", metrics={}, verdict=None)
        for part, score, verdict in parts:
            metrics = {f"{part}.macro_f1": score, f"{part}.accuracy": 0.5}
            journal.append("stage_done", stage=f"evaluate.{part}", digest="e", metrics=metrics, verdict=None)
            if verdict:
                journal.append("stage_done", stage=f"gate.{part}", digest="g", metrics={}, verdict=verdict)
    return history.summary(run)


@pytest.mark.parametrize(
    ("attempts", "score", "verdict"),
    [
        ([[("dev", 0.7, "FAIL")], [("dev", 0.4, "INCONCLUSIVE")]], 0.7, "FAIL"),
        ([[("dev", 0.7, "FAIL")], [("dev", 0.7, "INCONCLUSIVE")]], 0.7, "INCONCLUSIVE"),
        ([[("dev", 0.7, "FAIL")], []], 0.7, "FAIL"),
        ([[("dev", 0.7, "FAIL")], [("dev", 0.6, "PASS"), ("test", 0.5, "INCONCLUSIVE")]], 0.6, "INCONCLUSIVE"),
        ([[("dev", 0.7, "FAIL")], [("dev", 0.9, None)]], 0.9, None),
    ],
)
def test_the_scores_are_those_of_the_attempt_that_counts(
    tmp_path: Path, attempts: list[list[Told]], score: float, verdict: str | None
) -> None:
    found = summary(tmp_path, *attempts)
    assert found.metrics["dev.macro_f1"] == score
    assert ("test.macro_f1" in found.metrics) == (len(attempts[1]) == 2)
    assert found.decision == verdict
    assert found.digests["train"] == "train-2", "what can be looked at is of the last attempt"


def test_nothing_judged_has_no_scores(tmp_path: Path) -> None:
    assert (summary(tmp_path).metrics, summary(tmp_path, [], []).metrics) == ({}, {})
    assert summary(tmp_path, []).decision is None
