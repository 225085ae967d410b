"""Which baselines a training should have beaten, and by which metric."""

from __future__ import annotations

import pyarrow as pa
import pytest

from fittingroom.pitfalls.fit.baseline_not_beaten import PITFALL, Settings
from fittingroom.tables import Table
from fittingroom.tasks.jobs import job_judged_by, job_of_kind
from fittingroom.types import EvalReport, Interval, Score


def interval(value: float) -> Interval:
    return Interval(value=value, low=value - 0.01, high=value + 0.01)


def report(metrics: tuple[str, ...], **differences: dict[str, float]) -> EvalReport:
    """Our model's differences to each baseline, per metric."""
    rows = Table.of(pa.table({"id": ["a"]}))
    others = [
        Score(name=name, metrics={}, difference={metric: interval(value) for metric, value in told.items()})
        for name, told in differences.items()
    ]
    return EvalReport(
        part="dev", labels=[], model=Score(name="model", metrics={metric: interval(0.5) for metric in metrics}),
        baselines=others, confusion=[], predictions=rows, rows=1,
    )  # fmt: skip


def test_to_be_as_good_as_the_champion_is_no_cause() -> None:
    judged = report(("macro_f1",), champion={"macro_f1": -0.1})

    assert list(PITFALL.detect(judged, Settings())) == []
    (found,) = PITFALL.detect(report(("macro_f1",), champion={"macro_f1": -0.1}, tfidf={"macro_f1": 0.0}), Settings())
    assert "tfidf" in found.summary.en
    assert "difference_to_champion" not in found.measured


@pytest.mark.parametrize("kind", ["classify", "reply", "recommend", "copywrite"])
def test_every_job_is_compared_by_its_first_metric(kind: str) -> None:
    metrics = job_of_kind(kind).metrics
    judged = report(metrics, simple={metrics[0]: -0.2, metrics[1]: 0.3})

    (found,) = PITFALL.detect(judged, Settings())

    assert found.measured["difference_to_simple"] == -0.2
    assert list(PITFALL.detect(judged, Settings(metric=metrics[1]))) == []
    assert list(PITFALL.detect(report(metrics, simple={metrics[1]: -0.2}), Settings())) == []


def test_metrics_that_no_job_has_tell_nothing() -> None:
    assert job_judged_by([]) is None
    assert job_judged_by(["macro_f1", "weather"]) is None
