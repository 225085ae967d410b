"""Gate: floors of slices, the champion, forgetting and latency; what is open says what it would take."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from fittingroom.evaluating.latency import ends_of_p95, one_at_a_time
from fittingroom.stages.gate import GateConfig, gate
from fittingroom.statistics.intervals import METRICS
from fittingroom.tables import Table
from fittingroom.types import Check, EvalReport, Interval, Score, Verdict

PASS, FAIL, OPEN = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE


def _same(value: float, low: float, high: float) -> dict[str, Interval]:
    return {name: Interval(value=value, low=low, high=high) for name in METRICS}


def _slice(by: str, value: str, accuracy: tuple[float, float, float], groups: int = 200) -> dict[str, Any]:
    entry = {"by": by, "value": value, "rows": groups + 10, "groups": groups, "few": groups < 30, "metric": "accuracy"}
    return {**entry, "accuracy": accuracy[0], "low": accuracy[1], "high": accuracy[2]}


def _checks(baseline: Score | None = None, *, timing: dict[str, float] | None = None, **facts: Any) -> Any:
    report = EvalReport(
        part="test",
        labels=["a", "b"],
        model=Score(name="model", metrics=_same(0.9, 0.88, 0.92)),
        baselines=[baseline] if baseline else [],
        confusion=[[1, 0], [0, 1]],
        predictions=Table.of(pa.table({"id": ["1"]})),
        rows=400,
        facts=facts,
        timing=timing or {},
    )

    def judged(**config: Any) -> list[Check]:
        return gate(report, gate=GateConfig(**{"better_than": [], **config})).checks[1:]

    return judged


@pytest.mark.parametrize(
    ("accuracy", "verdict"), [((0.8, 0.7, 0.9), PASS), ((0.8, 0.65, 0.9), OPEN), ((0.5, 0.4, 0.6), FAIL)]
)
def test_a_floor_is_decided_on_the_bound(accuracy: tuple[float, float, float], verdict: Verdict) -> None:
    judged = _checks(slices=[_slice("class", "refund", accuracy), _slice("script", "zh", (0.1, 0.0, 0.2))])
    check = judged(slices={"class": {"at_least": 0.7}})[0]
    assert (check.name, check.verdict) == ("slices class refund", verdict)
    assert ("rows would decide (pass)" in check.reason.en) == (verdict is OPEN)
    assert check.measured["groups"] == 200


def test_small_slices_are_skipped_or_leave_it_open_as_declared() -> None:
    judged = _checks(slices=[_slice("class", "rare", (0.1, 0.0, 0.8), groups=7)])
    skipped = judged(slices={"class": {"at_least": 0.7}})[0]
    assert skipped.verdict is PASS
    assert "decides nothing" in skipped.reason.en
    assert "不参与判定" in skipped.reason.zh
    left = judged(slices={"class": {"at_least": 0.7, "when_small": "inconclusive"}})[0]
    assert left.verdict is OPEN
    assert "at least 23 more" in left.reason.en
    assert judged(slices={"class": {"at_least": 0.85, "fewest": 5}})[0].verdict is FAIL


def test_a_slice_that_is_surely_below_its_floor_fails_however_small_it_is() -> None:
    judged = _checks(slices=[_slice("class", "rare", (0.0, 0.0, 0.3), groups=7)])
    assert judged(slices={"class": {"at_least": 0.7}})[0].verdict is FAIL
    assert judged(slices={"class": {"at_least": 0.3}})[0].verdict is PASS, "0.3 may still be true"


def test_a_class_without_rows_is_not_passed_over() -> None:
    judged = _checks(slices=[_slice("class", "a", (0.9, 0.8, 1.0))])  # of the labels a and b
    assert [check.verdict for check in judged(slices={"class": {"at_least": 0.5}})] == [PASS, PASS]
    found = judged(slices={"class": {"at_least": 0.5, "when_small": "inconclusive"}})
    assert [check.verdict for check in found] == [PASS, OPEN]
    assert "class b: not one row" in found[1].reason.en
    assert "类别 b" in found[1].reason.zh


def test_named_slices_only_and_missing_ones_are_told() -> None:
    judged = _checks(slices=[_slice("script", "zh", (0.9, 0.8, 1.0)), _slice("script", "en", (0.1, 0.0, 0.2))])
    assert [check.verdict for check in judged(slices={"script": {"at_least": 0.5, "only": ["zh"]}})] == [PASS]
    found = judged(slices={"script": {"at_least": 0.5, "only": ["zh", "mixed"]}, "time": {"at_least": 0.5}})
    assert [check.verdict for check in found] == [PASS, OPEN, OPEN]
    assert "no rows in the slice script mixed" in found[1].reason.en
    assert "切片 时间 没有数据" in found[2].reason.zh


@pytest.mark.parametrize(
    ("difference", "verdict"),
    [
        ((0.01, -0.01, 0.03), PASS),
        ((-0.01, -0.02, 0.0), PASS),
        ((0.0, 0.0, 0.0), PASS),  # the champion itself
        ((-0.01, -0.04, 0.02), OPEN),
        ((-0.05, -0.07, -0.03), FAIL),
    ],
)
def test_no_worse_than_the_champion(difference: tuple[float, float, float], verdict: Verdict) -> None:
    champion = Score(name="champion", metrics=_same(0.9, 0.8, 1.0), difference=_same(*difference))
    judged = _checks(champion, champion={"alias": "champion", "release": 3})
    check = judged(no_worse_than_champion=0.02)[0]
    assert (check.name, check.verdict) == ("macro_f1 no_worse_than_champion", verdict)
    assert ("rows would decide (pass)" in check.reason.en) == (verdict is OPEN)


def test_a_first_release_has_no_champion_and_a_gone_one_leaves_it_open() -> None:
    nobody = Score(name="champion", metrics={}, error="alias champion: no release")
    first = _checks(nobody, champion={"alias": "champion", "release": None})(no_worse_than_champion=0.0)[0]
    assert first.verdict is PASS
    assert "first release" in first.reason.en
    assert "首次上线" in first.reason.zh
    facts = {"alias": "chanpion", "release": None, "passed_over": [1, 2]}
    misspelt = _checks(nobody, champion=facts)(no_worse_than_champion=0.0)[0]
    assert misspelt.verdict is OPEN
    assert "(v1, v2), but the alias chanpion points at none" in misspelt.reason.en
    gone = Score(name="champion", metrics={}, error="objects/x: the bundle of this release is gone")
    lost = _checks(gone, champion={"alias": "champion", "release": 2})(no_worse_than_champion=0.0)[0]
    assert lost.verdict is OPEN
    assert "is gone" in lost.reason.en


@pytest.mark.parametrize(
    ("rise", "verdict"), [((0.1, 0.05, 0.2), PASS), ((0.15, 0.05, 0.3), OPEN), ((0.5, 0.4, 0.6), FAIL)]
)
def test_forgetting_is_decided_on_the_upper_bound(rise: tuple[float, float, float], verdict: Verdict) -> None:
    facts = {"texts": 40, "rise": rise[0], "low": rise[1], "high": rise[2]}
    check = _checks(forgetting=facts)(forgetting=0.2)[0]
    assert check.verdict is verdict
    assert ("texts would decide (pass)" in check.reason.en) == (verdict is OPEN)
    assert _checks(forgetting=facts)(forgetting=0.2, decide="point")[0].verdict is (FAIL if verdict is FAIL else PASS)


def test_forgetting_that_was_not_measured_leaves_it_open() -> None:
    check = _checks(forgetting={"error": "the base model is not here"})(forgetting=0.2)[0]
    assert check.verdict is OPEN
    assert "the base model is not here" in check.reason.en


def test_latency_stands_on_the_95th_of_a_hundred() -> None:
    timing = one_at_a_time(lambda _: None, range(80), 80)
    assert timing["p95_low_ms"] <= timing["p95_ms"] <= timing["p95_high_ms"]
    timing = {"p50_ms": 20.0, "p95_ms": 120.0, "p95_low_ms": 110.0, "p95_high_ms": 130.0, "latency_rows": 80.0}
    assert _checks(timing=timing)(latency_ms=130)[0].verdict is PASS
    slow = _checks(timing=timing)(latency_ms=100)[0]
    assert slow.verdict is FAIL
    assert "120 ms" in slow.reason.en
    assert "100 毫秒" in slow.reason.zh
    near = _checks(timing=timing)(latency_ms=125)[0]
    assert near.verdict is OPEN
    assert "at least 160 must be asked to decide (pass), 80 more" in near.reason.en
    assert "询问 160 次" in near.reason.zh
    assert _checks(timing=timing)(latency_ms=125, decide="point")[0].verdict is PASS
    assert _checks()(latency_ms=100)[0].verdict is OPEN


def test_few_answers_do_not_show_how_long_95_of_100_take() -> None:
    once = {"p50_ms": 20.0, "p95_ms": 20.0, "latency_rows": 1.0}
    for decide in ("bound", "point"):
        check = _checks(timing=once)(latency_ms=1000, decide=decide)[0]
        assert check.verdict is OPEN
        assert "measured 1 times, at least 20" in check.reason.en
        assert "至少需要 20 次" in check.reason.zh
    assert ends_of_p95([1.0]) == {}
    some = [float(at) for at in range(1, 41)]
    assert set(ends_of_p95(some)) == {"p95_low_ms"}, "40 answers have no upper end"
    assert ends_of_p95([float(at) for at in range(1, 73)])["p95_high_ms"] == 72.0
    forty = {"p50_ms": 20.0, "p95_ms": 38.0, "latency_rows": 40.0, **ends_of_p95(some)}
    assert _checks(timing=forty)(latency_ms=1000)[0].verdict is OPEN
    assert "at least 72" in _checks(timing=forty)(latency_ms=1000)[0].reason.en
    assert _checks(timing=forty)(latency_ms=10)[0].verdict is FAIL
