"""The harness of the loop's benchmark: what it plants, what it reads, what its page says."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from fittingroom.config import parse
from fittingroom.engine import Context
from fittingroom.models.render import Renderer
from fittingroom.pitfalls import catalog
from fittingroom.stages.split import split as real_split
from fittingroom.types import Attempt
from pitfalls.made_rows import made, rows

LOOP = Path(__file__).parent.parent.parent / "benchmarks" / "loop"


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(LOOP.parent)
    monkeypatch.syspath_prepend(LOOP)


def test_every_state_names_causes_that_exist_and_leads_to_a_valid_recipe() -> None:
    from sets import SETS, recipe
    from states import read, spoilt

    good = recipe(SETS["en_intent_banking77"])
    states = {}
    for file in ("faults", "earlier", "unseen"):
        states |= read(LOOP / f"{file}.yaml")
    for title, state in states.items():
        assert set(state.causes) <= set(catalog()), title
        for changes in (state.recipe, state.hand):
            assert parse(spoilt(good, changes), title).name == "loop"
    assert spoilt(good, {"train.learning_rate": "x100"})["train"]["learning_rate"] == 0.1
    assert spoilt(good, {"train.learning_rate": "/100"})["train"]["learning_rate"] == 1e-5
    assert good["train"]["learning_rate"] == 1e-3, "the good one stays good"


@pytest.mark.parametrize(
    ("planted", "expected"),
    [({"noise": 0.3}, {"wrong": 0.3}), ({"imbalance": 50.0}, {"ratio": 50.0}), ({"rows": 100.0}, {"rows": 100.0})],
)
def test_faults_are_planted_into_training_rows_alone(
    context: Context, planted: dict[str, float], expected: dict[str, float]
) -> None:
    from planting import planted as planting
    from planting import split

    config = parse(
        {
            "task": {"kind": "classify", "input": ["text"], "target": "label"},
            "sources": [{"kind": "jsonl", "path": "x"}],
        },
        "test",
    )
    given = rows(made(900))
    asked: dict[str, Any] = {"split": config.split, "task": config.task, "seed": 7, "context": context}
    clean = real_split(given, **asked)
    with planting(planted):
        spoilt, again = split(given, **asked), split(given, **asked)
        from fittingroom import pipeline

        assert pipeline.split is split
    assert pipeline.split is real_split

    assert spoilt.train.digest == again.train.digest != clean.train.digest
    assert [spoilt.parts()[name].digest for name in ("dev", "calibration", "test")] == [
        clean.parts()[name].digest for name in ("dev", "calibration", "test")
    ]
    before = {row["id"]: row["target"]["label"] for row in clean.train.dicts()}
    after = {row["id"]: row["target"]["label"] for row in spoilt.train.dicts()}
    assert after.keys() <= before.keys()
    counts = Counter(after.values())
    measured = {
        "wrong": sum(before[name] != label for name, label in after.items()) / len(after),
        "ratio": max(counts.values()) / min(counts.values()),
        "rows": float(len(after)),
    }
    for name, value in expected.items():
        assert measured[name] == pytest.approx(value, rel=0.15)


def test_the_loss_goes_on_the_prompt_only_while_it_is_planted() -> None:
    from planting import planted as planting

    before = Renderer.example
    with planting({}, "prompt_in_the_loss"):
        assert Renderer.example is not before
    assert Renderer.example is before


def test_a_fault_that_nobody_knows_leaves_the_road_as_it_was() -> None:
    from planting import PLANTED
    from planting import planted as planting

    from fittingroom import pipeline

    before = pipeline.split, Renderer.example
    with pytest.raises(ValueError, match="no such fault"), planting({"noise": 0.3}, "weather"):
        pass
    assert ((pipeline.split, Renderer.example), PLANTED) == (before, {})


@pytest.mark.parametrize("attempted", [0, 1])
def test_a_loop_that_is_blocked_is_an_outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attempted: int) -> None:
    import arms
    from sets import SETS, recipe
    from states import State

    from fittingroom import pipeline
    from fittingroom.errors import Blocked
    from fittingroom.run import Run

    good = recipe(SETS["en_intent_banking77"])
    cell = arms.Cell(tmp_path, good, good, good, State(kind="seen", causes=["underfitting"]))
    monkeypatch.setenv("FITTINGROOM_KEY", "k" * 32)

    def blocked(config: Any, run: Run) -> Any:
        run.attempts += [Attempt(number=1, config_digest=config.digest)] * attempted
        raise Blocked("leaked", "泄漏", place="leaked-test-examples")

    monkeypatch.setattr(pipeline, "adapt", blocked)
    monkeypatch.setattr(arms, "judged_on_both", lambda run, config: {"dev": 0.5, "test": 0.4})
    released = pipeline.release

    found = arms.loop(cell, 0.9)

    assert (found["status"], found["blocked"], len(found["attempts"])) == ("failed", "leaked-test-examples", attempted)
    assert found["dev"] == (0.5 if attempted else None)
    assert pipeline.release is released


def test_the_page_counts_what_is_missing_and_what_was_named_wrongly() -> None:
    from loop_page import cells, summary, told
    from states import State

    attempts = [
        {"cause": "", "patch": {}, "expected": None, "came": None, "dev": 0.2},
        {"cause": "overfitting", "patch": {"train.epochs": 2}, "expected": 0.01, "came": 0.5, "dev": 0.7},
    ]
    looped = {
        "first": {"dev": 0.2, "test": 0.2}, "dev": 0.7, "test": 0.68, "named": "overfitting", "acted": "overfitting",
        "attempts": attempts, "minutes": 3.0, "status": "failed",
    }  # fmt: skip
    done = {
        ("en_intent_banking77", "a", "loop"): looped,
        ("en_intent_banking77", "a", "hand"): {"dev": 0.8, "test": 0.8},
        ("en_intent_banking77", "a", "optuna"): {"dev": 0.6, "test": 0.5},
        ("zh_shop_reviews", "a", "hand"): {"dev": 0.8, "test": 0.8},
    }
    states = {"a": State(kind="seen", causes=["underfitting"])}

    found = cells(done, states)
    page = told(
        {
            "summary": summary(found),
            "cells": found,
            "missing": {"x, y": ["z"]},
            "freeze": "0a1b2c3",
            "since": "none",
            "beside": {"loop_sound": summary(found)},
        }
    )

    (one,) = found
    assert (one["right"], one["recovered"], one["worse"]) == (False, 0.8, False)
    assert "| seen | 1 | 0 | 0 | 1 of 1 | 0 | 0.800 | 0 | 1 of 1 | 0 of 0 |" in page
    unharmed = looped | {"status": "passed", "attempts": attempts[:1]}
    (still,) = cells(done | {("en_intent_banking77", "a", "loop"): unharmed}, states)
    assert still["harmless"]
    assert summary([still])["seen"]["cells"] == 0, "a state that passed has nothing to name"
    assert "overfitting → `train.epochs` = 2: 0.700 (expected +0.010, came +0.500)" in page
    assert "- x, y: z\n" in page

    nothing = {"dev": None, "test": None}
    handed = cells(done | {("en_intent_banking77", "a", "loop"): looped | nothing | {"first": nothing}}, states)
    assert summary(handed)["seen"]["blocked"] == 1
    assert "| 0 of 1 | 1 |" in told(
        {"summary": summary(handed), "cells": handed, "missing": {}, "freeze": "", "since": "", "beside": {}}
    )

    fell = looped | {"test": 0.1}
    (lower,) = cells(done | {("en_intent_banking77", "a", "loop"): fell}, states)
    assert lower["worse"], "worse is told by the test part, which no attempt is chosen by"
    advised = looped | {"acted": ""}
    (sound,) = cells(done | {("en_intent_banking77", "a", "loop"): advised}, {"a": State(kind="healthy")})
    assert not sound["right"], "a healthy run is told no cause, not even one to think about"


def test_states_written_after_the_freeze_stand_on_one_set_each() -> None:
    from loop_page import planned
    from states import read

    states = {}
    for file in ("faults", "earlier", "unseen"):
        states |= read(LOOP / f"{file}.yaml")
    kinds = Counter(state.kind for state in states.values())
    assert (kinds["seen"], kinds["unseen"], kinds["compound"], kinds["healthy"]) == (8, 8, 4, 4)
    assert all(len(planned(states, title)) == 3 for title, state in states.items() if state.kind == "seen")
    after = [
        planned(states, title) for title, state in states.items() if state.kind in ("unseen", "compound", "healthy")
    ]
    assert sorted(Counter(name for (name,) in after).values()) == [5, 5, 6]
