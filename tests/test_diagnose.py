"""The diagnosis is told what the gate said no to: what cannot turn it is not tried, and numbers have their unit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fittingroom.config import RunConfig, load, parse
from fittingroom.diagnose import Diagnosis, diagnose, in_its_unit
from fittingroom.loop import Stand, worse
from fittingroom.pitfalls import detect_all
from fittingroom.pitfalls.refusal import AFTER, Refused
from fittingroom.types import (
    Attempt,
    EvalReport,
    Examination,
    Expected,
    Finding,
    GateDecision,
    Interval,
    Safety,
    Score,
    Severity,
    Text,
    Verdict,
)
from pitfalls.refused import decided, poor, report
from shop import write_shop

WORDS = Text(en="x", zh="某")
SLOW = {"p50_ms": 400.0, "p95_ms": 900.0, "p95_low_ms": 700.0, "p95_high_ms": 1200.0, "latency_rows": 100.0}
WIDE = Score(name="model", metrics={"macro_f1": Interval(value=0.84, low=0.72, high=0.94)})


def suspected(pitfall: str, *, proven: bool = False, **measured: float) -> Finding:
    return Finding(pitfall=pitfall, severity=Severity.WARN, summary=WORDS, measured=measured, proven=proven)


OVER = suspected("overfitting", best_epoch=1.0, last_epoch=2.0)
LOW = suspected("learning-rate-too-low", proven=True, best_factor=10.0, rise=0.2)
FEW = suspected("too-few-rows", gain=0.1)


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    return load(write_shop(tmp_path) / "recipe.yaml")


def after(found: EvalReport, decision: GateDecision, *others: Finding) -> list[Finding]:
    """What is known after a no: `others`, and what the refusal itself tells."""
    examined = Examination(steps=[], evals=[], best_step=0, stopped="completed")
    told = detect_all(Refused.of(decision, found, examined), AFTER, settings={}, disabled=[])
    return [*others, *told]


def diagnosed(config: RunConfig, found: EvalReport, *others: Finding, **conditions: Any) -> Diagnosis:
    decision = decided(found, **{"at_least": 0.8, **conditions})
    return diagnose(after(found, decision, *others), config, None, lambda config: False, decision)


def test_no_training_is_paid_for_answers_that_are_slow(config: RunConfig) -> None:
    found = diagnosed(config, report(timing=SLOW), OVER, FEW, latency_ms=100)

    assert (found.config, found.cause, found.trainable) == (None, "", False)
    assert [(cause.pitfall, cause.helps) for cause in found.causes] == [
        ("answers-too-slow", True), ("overfitting", False), ("too-few-rows", False),
    ]  # fmt: skip
    assert "smaller base" in found.advice.en
    assert "Collect and label more rows" not in found.advice.en
    assert "更小的基座" in found.advice.zh


def test_a_smaller_base_is_asked_for_where_the_recipe_names_one(config: RunConfig) -> None:
    named = config.patched({"adapt.bases": ["org/small", "nano", "org/large"]})

    found = diagnosed(named, report(timing=SLOW), OVER, latency_ms=100)

    assert found.patch == {"model.base": "org/small"}
    assert found.waits_for_person


def test_the_gates_own_limit_on_forgetting_has_a_cause(config: RunConfig) -> None:
    told = {"texts": 40, "before": 1.0, "after": 1.08, "rise": 0.08, "low": 0.06, "high": 0.09}

    found = diagnosed(config, report(facts={"forgetting": told}), forgetting=0.05)

    assert (found.cause, found.patch) == ("forgetting-beyond-the-limit", {"train.method": "lora"})


def test_what_only_lessens_forgetting_is_not_tried_for_a_score(config: RunConfig) -> None:
    forgot = suspected("forgetting", rise=0.5)

    found = diagnosed(config, poor(), forgot)

    assert (found.config, found.causes[0].helps) == (None, False)


def test_too_few_rows_are_not_trained_again_but_counted(config: RunConfig) -> None:
    found = diagnosed(config, report(model=WIDE, rows=40), OVER)

    assert (found.config, found.trainable) == (None, False)
    assert found.causes[0].pitfall == "too-few-rows-to-decide"
    assert found.advice.en.startswith("more rows are needed")
    assert "rows would decide" in found.advice.en
    assert "约需" in found.advice.zh


def test_a_proven_cause_is_worth_a_training_even_then(config: RunConfig) -> None:
    found = diagnosed(config, report(model=WIDE, rows=40), OVER, LOW)

    assert found.cause == "learning-rate-too-low"


def test_what_was_not_measured_is_no_cause_to_train(config: RunConfig) -> None:
    found = diagnosed(config, report(), OVER, latency_ms=100)

    assert found.config is None
    assert "evaluate.latency_rows" in found.advice.en


def test_a_plain_no_of_the_score_is_diagnosed_as_ever(config: RunConfig) -> None:
    decision = decided(poor(), at_least=0.8)
    findings = [OVER, LOW, FEW]

    found = diagnose(findings, config, None, lambda config: False, decision)

    assert found == diagnose(findings, config, None, lambda config: False)
    assert after(poor(), decision) == [], "nothing else is said of it"


def test_the_champion_is_a_cause_by_name(config: RunConfig) -> None:
    behind = Interval(value=-0.06, low=-0.08, high=-0.04)
    champion = Score(name="champion", metrics={}, difference={"macro_f1": behind})

    found = diagnosed(config, report(baselines=[champion]), no_worse_than_champion=0.01)

    assert [(cause.pitfall, cause.safety) for cause in found.causes] == [("worse-than-champion", Safety.ADVICE)]
    assert found.trainable


def test_of_two_good_scores_the_one_that_less_stops_is_better(config: RunConfig) -> None:
    def stand(score: float, decision: GateDecision) -> Stand:
        attempt = Attempt(number=1, config_digest="x", metrics={"dev.accuracy": score})
        return Stand(attempt, config, None, None, decision=decision)

    passed, slow = decided(report(), at_least=0.8), decided(report(timing=SLOW), at_least=0.8, latency_ms=100)
    low = decided(poor(), at_least=0.8)
    assert slow.verdict is Verdict.FAIL
    assert worse(stand(0.96, slow), stand(0.95, passed))
    assert worse(stand(0.5, low), stand(0.95, slow))
    assert not worse(stand(0.96, slow), stand(0.95, slow))


def test_a_gain_is_told_in_the_unit_it_was_measured_in(config: RunConfig) -> None:
    assert config.gate.metric == "accuracy"
    assert diagnose([LOW], config, None, lambda config: False).expected == Expected(change=0.2, metric="macro_f1")


def test_of_free_answers_only_that_they_get_no_worse() -> None:
    values = {
        "task": {"kind": "reply", "input": ["question"], "target": "answer"},
        "sources": [{"kind": "jsonl", "path": "rows.jsonl", "key": "id"}],
        "train": {"epochs": 4},
    }
    free = parse(values, "test")

    expected = diagnose([OVER], free, None, lambda config: False).expected

    assert expected == Expected(change=0.0, metric=free.gate.metric)
    assert in_its_unit(Expected(change=-0.02), free).change == -0.02
