"""Monitor: what changed in the traffic, and what to do next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from fittingroom.engine import Context
from fittingroom.errors import UserError
from fittingroom.stages.monitor import DriftReport, MonitorConfig, compare, reference_of, window_schema
from fittingroom.statistics.intervals import METRICS
from fittingroom.store import Store
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.types import EvalReport, Interval, Score, row_schema

START = datetime(2025, 3, 1, tzinfo=UTC)
CONFIG = MonitorConfig()
KINDS = {"good": ["很好", "满意", "喜欢", "great", "lovely"], "bad": ["差", "退货", "慢", "broken", "awful"]}
FILLER = ["衣服", "尺码", "颜色", "快递", "客服", "shirt", "size", "color", "delivery"]


def _traffic(
    rows: int, seed: int, *, good: float = 0.7, new: float = 0.0, sure: float = 8.0, long: int = 1
) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    made = []
    for number in range(rows):
        label = "good" if rng.random() < good else "bad"
        words = [str(word) for word in [*rng.choice(FILLER, 3 * long), rng.choice(KINDS[label])]]
        if rng.random() < new:
            words = [str(word) for word in rng.choice(["发票", "抬头", "税号", "invoice", "vat"], 4)]
        row = {"time": START + timedelta(minutes=number), "input": " ".join(words), "label": label}
        made.append(row | {"confidence": float(rng.beta(sure, 2))})
    return made


def _table(rows: list[dict[str, Any]]) -> Table:
    return Table.records(rows, window_schema())


def _compare(window: list[dict[str, Any]], context: Context, **over: Any) -> DriftReport:
    config = CONFIG.model_copy(update=over)
    return compare(_table(_traffic(400, 1)), _table(window), monitor=config, seed=7, context=context)


def _alarms(report: DriftReport) -> set[str]:
    return {signal.name for signal in report.signals if signal.drifted}


def test_the_same_kind_of_traffic_is_calm(context: Context) -> None:
    report = _compare(_traffic(300, 2), context)
    assert report.enough
    assert not report.drifted
    assert {signal.name for signal in report.signals} == {
        "classes", "script", "length", "confidence", "unfamiliar", "content"
    }  # fmt: skip
    assert [step.zh for step in report.next] == ["无需处理；下个时间窗再比较"]
    assert (report.since, report.until) == ("2025-03-01T00:00:00+00:00", "2025-03-01T04:59:00+00:00")
    assert sum(counts["window"] for counts in report.classes.values()) == 300


def test_false_alarms_stay_rare(context: Context) -> None:
    alarms = sum(_compare(_traffic(150, seed), context, max_rows=120).drifted for seed in range(100, 120))
    assert alarms <= 1


@pytest.mark.parametrize(
    ("change", "signal"),
    [
        ({"good": 0.3}, "classes"),
        ({"new": 0.4}, "content"),
        ({"sure": 3.0}, "confidence"),
        ({"sure": 3.0}, "unfamiliar"),
        ({"long": 3}, "length"),
    ],
)
def test_a_change_raises_its_signal(change: dict[str, Any], signal: str, context: Context) -> None:
    report = _compare(_traffic(300, 2, **change), context)
    assert report.drifted
    assert signal in _alarms(report)
    assert "fittingroom run" in report.next[-1].en
    assert len(report.next) > 1


def test_a_new_language_is_seen(context: Context) -> None:
    window = [row | {"input": "нет размера рубашка плохо"} for row in _traffic(200, 2)]
    assert {"script", "content"} <= _alarms(_compare(window, context))


def test_a_tiny_change_in_a_large_window_is_no_drift(context: Context) -> None:
    reference, window = _table(_traffic(5000, 1)), _table(_traffic(5000, 2, good=0.66))
    small = CONFIG.model_copy(update={"max_rows": 200})
    report = compare(reference, window, monitor=small, seed=7, context=context)
    moved = next(signal for signal in report.signals if signal.name == "classes")
    assert moved.p_value < 0.001
    assert not moved.drifted


def test_a_small_window_is_not_judged(context: Context) -> None:
    report = _compare(_traffic(40, 2, good=0.0), context)
    assert not report.enough
    assert not report.drifted
    assert not report.signals
    assert "60 more" in report.next[0].en
    empty = _compare([], context)
    assert (empty.rows_window, empty.since) == (0, "")


def test_answers_without_label_or_confidence_are_told_apart(context: Context) -> None:
    window = [row | {"label": None, "confidence": None} for row in _traffic(200, 2)]
    report = _compare(window, context)
    assert report.classes["(none)"] == {"reference": 0, "window": 200}
    assert "classes" in _alarms(report)
    assert "confidence" not in {signal.name for signal in report.signals}


def test_a_new_answer_is_named(context: Context) -> None:
    window = [row | {"label": "refund"} for row in _traffic(200, 2)]
    assert any("refund" in step.en and "refund" in step.zh for step in _compare(window, context).next)


def test_a_missing_column_is_a_clear_error(context: Context) -> None:
    bad = Table.of(pa.table({"input": ["a"]}))
    with pytest.raises(UserError, match=r"window: has no column time, label, confidence"):
        compare(_table(_traffic(10, 1)), bad, monitor=CONFIG, seed=7, context=context)


def test_the_report_can_be_kept(context: Context) -> None:
    store = Store(context.root / "store")
    report = _compare(_traffic(150, 2, good=0.2), context)
    digest = store.publish(report)
    assert store.load(digest, DriftReport) == report
    again = _compare(list(reversed(_traffic(150, 2, good=0.2))), context)
    assert [signal.name for signal in again.signals] == [signal.name for signal in report.signals]


def test_the_reference_joins_answers_with_texts() -> None:
    task = TaskConfig(kind="classify", input=["title", "body"], target="kind")
    row: dict[str, Any] = {
        "source": "s",
        "row_key": "1",
        "group": None,
        "annotations": [],
        "cluster": None,
        "dup_count": 1,
        "edits": [],
    }
    rows = [
        row | {"id": "b", "time": START, "input": {"title": "T", "body": "B"}, "target": {"kind": "x"}},
        row | {"id": "a", "time": None, "input": {"title": "U", "body": None}, "target": {"kind": "y"}},
        row | {"id": "c", "time": None, "input": {"title": "not", "body": "judged"}, "target": {"kind": None}},
    ]
    score = Score(name="model", metrics={name: Interval(value=1, low=1, high=1) for name in METRICS})
    predictions = pa.table({"id": ["a", "b"], "predicted": ["y", "z"], "confidence": [0.9, 0.4]})
    report = EvalReport(
        part="dev", labels=["x"], model=score, baselines=[], confusion=[[2]], predictions=Table.of(predictions), rows=2
    )
    reference = reference_of(report, Table.records(rows, row_schema(["title", "body"], "kind")), task)
    assert reference.schema == window_schema()
    assert reference.dicts() == [
        {"time": None, "input": "U\n", "label": "y", "confidence": 0.9},
        {"time": START, "input": "T\nB", "label": "z", "confidence": 0.4},
    ]


def test_settings_that_can_never_alarm_are_refused() -> None:
    with pytest.raises(ValueError, match="permutations: 5999 or more"):
        MonitorConfig(level=0.001)
