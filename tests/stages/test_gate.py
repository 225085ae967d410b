"""Gate: PASS, FAIL or INCONCLUSIVE, with reasons in words."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from fittingroom.stages.gate import GateConfig, gate
from fittingroom.statistics.bounds import exact_gap
from fittingroom.statistics.intervals import METRICS
from fittingroom.tables import Table
from fittingroom.types import EvalReport, GateDecision, Interval, Score, Verdict

PASS, FAIL, OPEN = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE


def _metrics(value: float, low: float, high: float) -> dict[str, Interval]:
    return {name: Interval(value=value, low=low, high=high) for name in METRICS}


def _baseline(name: str, value: float, low: float, high: float) -> Score:
    return Score(name=name, metrics=_metrics(0.5, 0.4, 0.6), difference=_metrics(value, low, high))


def _report(model: tuple[float, float, float], *baselines: Score, **over: Any) -> EvalReport:
    fields: dict[str, Any] = {
        "part": "dev",
        "labels": ["a", "b"],
        "model": Score(name="model", metrics=_metrics(*model)),
        "baselines": list(baselines),
        "confusion": [[1, 0], [0, 1]],
        "predictions": Table.of(pa.table({"id": ["1"]})),
        "rows": 400,
    }
    return EvalReport(**fields | over)


def _gate(report: EvalReport, **over: Any) -> GateDecision:
    return gate(report, gate=GateConfig(**{"better_than": ["majority"], **over}))


WON = _baseline("majority", 0.3, 0.2, 0.4)


@pytest.mark.parametrize(
    ("model", "difference", "verdict"),
    [
        ((0.85, 0.81, 0.89), (0.30, 0.20, 0.40), PASS),
        ((0.82, 0.78, 0.86), (0.30, 0.20, 0.40), OPEN),  # the threshold lies inside the interval
        ((0.78, 0.74, 0.82), (0.30, 0.20, 0.40), OPEN),
        ((0.70, 0.66, 0.74), (0.30, 0.20, 0.40), FAIL),
        ((0.85, 0.81, 0.89), (0.02, -0.01, 0.05), OPEN),
        ((0.85, 0.81, 0.89), (0.00, 0.00, 0.00), FAIL),  # says exactly what the majority says
        ((0.85, 0.81, 0.89), (-0.05, -0.09, -0.01), FAIL),
        ((0.82, 0.78, 0.86), (-0.05, -0.09, -0.01), FAIL),  # a failure outweighs a doubt
    ],
)
def test_verdicts(model: tuple[float, float, float], difference: tuple[float, float, float], verdict: Verdict) -> None:
    assert _gate(_report(model, _baseline("majority", *difference))).verdict is verdict


def test_the_bounds_themselves_count_as_met() -> None:
    assert _gate(_report((0.85, 0.8, 0.9), WON)).verdict is PASS
    assert _gate(_report((0.75, 0.7, 0.8), WON)).verdict is OPEN
    edge = _baseline("majority", 0.05, 0.02, 0.08)
    assert _gate(_report((0.85, 0.81, 0.89), edge), margin=0.02).verdict is OPEN
    assert _gate(_report((0.85, 0.81, 0.89), edge), margin=0.08).verdict is FAIL
    assert _gate(_report((0.85, 0.81, 0.89), edge), margin=0.01).verdict is PASS


def test_points_decide_when_asked_to() -> None:
    shaky = _baseline("majority", 0.01, -0.05, 0.07)
    assert _gate(_report((0.81, 0.7, 0.9), shaky), decide="point").verdict is PASS
    assert _gate(_report((0.79, 0.7, 0.9), shaky), decide="point").verdict is FAIL
    assert _gate(_report((0.81, 0.7, 0.9), shaky), decide="point", margin=0.02).verdict is FAIL


def test_a_baseline_that_could_not_be_scored_leaves_the_gate_open() -> None:
    missing = _gate(_report((0.85, 0.81, 0.89), WON), better_than=["majority", "tfidf"])
    assert missing.verdict is OPEN
    assert "evaluate.baselines" in missing.checks[-1].reason.en
    assert "evaluate.baselines" in missing.checks[-1].reason.zh
    broken = Score(name="tfidf", metrics={}, error="one class only")
    decision = _gate(_report((0.85, 0.81, 0.89), WON, broken), better_than=["majority", "tfidf"])
    assert decision.verdict is OPEN
    assert "one class only" in decision.checks[-1].reason.zh


def test_too_many_unjudged_rows_leave_the_gate_open() -> None:
    assert _gate(_report((0.85, 0.81, 0.89), WON, unscored=4)).verdict is PASS
    assert _gate(_report((0.85, 0.81, 0.89), WON, unscored=40)).verdict is OPEN


def test_of_rankings_questions_are_counted_those_not_drawn_included() -> None:
    def judged(unscored: int, passed_over: int) -> GateDecision:
        facts = {"questions": {"judged": 100, "unrankable": unscored, "untold": 0, "passed_over": passed_over}}
        return _gate(_report((0.85, 0.81, 0.89), WON, labels=[], rows=100, unscored=unscored, facts=facts))

    hardly_any = judged(900, 0)
    assert hardly_any.verdict is OPEN
    assert "900 of 1000 questions" in hardly_any.checks[-1].reason.en
    assert "1000 个问题中有 900 个问题" in hardly_any.checks[-1].reason.zh
    assert judged(3, 400).verdict is PASS
    assert judged(3, 100).verdict is OPEN


def test_an_open_verdict_says_how_many_rows_it_would_take() -> None:
    reason = _gate(_report((0.82, 0.78, 0.86), WON)).checks[0].reason
    assert "about 1500 rows" in reason.en
    assert "1500 行" in reason.zh
    assert "pass" in reason.en
    assert "(fail)" in _gate(_report((0.78, 0.74, 0.82), WON)).checks[0].reason.en
    on_it = _gate(_report((0.8, 0.76, 0.84), WON)).checks[0].reason
    assert "hardly" in on_it.en
    assert "很难" in on_it.zh
    sampled = _report(
        (0.85, 0.81, 0.89), _baseline("untuned", 0.02, -0.02, 0.06), facts={"baseline_rows": {"untuned": 100}}
    )
    check = _gate(sampled, better_than=["untuned"]).checks[-1]
    assert check.measured["rows"] == 100.0
    assert "on 100 rows" in check.reason.en


def test_reasons_carry_the_numbers_in_both_languages() -> None:
    for check in _gate(_report((0.85, 0.81, 0.89), WON)).checks:
        for language in ("en", "zh"):
            assert f"{next(iter(check.measured.values())):.3f}" in check.reason.say(language)


def test_the_rows_that_are_wanting_are_those_of_the_exact_bound() -> None:
    perfect = (1.0, 0.025 ** (1 / 20), 1.0)  # 20 of 20
    wanted = {limit: next(n for n in range(20, 500) if 0.025 ** (1 / n) >= limit) for limit in (0.95, 0.9)}
    assert wanted == {0.95: 72, 0.9: 36}
    for limit, rows in wanted.items():
        reason = _gate(_report(perfect, WON, rows=20), at_least=limit).checks[0].reason
        assert f"about {rows} rows would decide (pass), {rows - 20} more" in reason.en
    small = _baseline("majority", 4 / 200, *exact_gap(4, 0, 200))  # better on 4 of 200: 6 would be enough
    assert "about 310 rows" in _gate(_report((0.85, 0.81, 0.89), small, rows=200)).checks[1].reason.en


def test_what_the_paired_test_does_not_say_is_not_beaten() -> None:
    lucky = WON.model_copy(update={"p_values": dict.fromkeys(METRICS, 0.137)})
    check = _gate(_report((0.85, 0.81, 0.89), lucky)).checks[1]
    assert check.verdict is OPEN
    assert "p = 0.137" in check.reason.en
    assert "p = 0.137" in check.reason.zh
    assert "rows would decide (pass)" in check.reason.en
    assert _gate(_report((0.85, 0.81, 0.89), lucky), decide="point").verdict is PASS
    sure = WON.model_copy(update={"p_values": dict.fromkeys(METRICS, 0.05)})
    assert _gate(_report((0.85, 0.81, 0.89), sure)).verdict is PASS


def test_who_says_the_same_on_every_row_is_not_beaten() -> None:
    said = pa.table({"id": ["1", "2"], "predicted": ["a", "b"], "majority": ["a", None]})
    equal = _baseline("majority", 0.0, -0.02, 0.02)
    check = _gate(_report((0.85, 0.81, 0.89), equal, predictions=Table.of(said))).checks[1]
    assert check.verdict is FAIL
    assert "the same on every row" in check.reason.en
    assert _gate(_report((0.85, 0.81, 0.89), equal)).checks[1].verdict is OPEN


@pytest.mark.parametrize(
    "over",
    [
        {"at_least": 1.2},
        {"at_least": 1.0},
        {"margin": 1.0},
        {"metric": "Macro F1"},
        {"slices": {"class": {"at_least": 1.1}}},
        {"slices": {"class": {"at_least": 1}}},
        {"slices": {"weather": {"at_least": 0.5}}},
        {"no_worse_than_champion": -0.1},
        {"no_worse_than_champion": 0.1, "better_than": ["champion"]},
        {"forgetting": -1},
        {"latency_ms": 0},
        {"better_than": ["majority", "majority"]},
        {"better_than": ["random"]},
    ],
)
def test_thresholds_that_cannot_be_met_are_refused(over: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        GateConfig(**over)
    assert GateConfig(at_least=1.0, decide="point").at_least == 1.0
