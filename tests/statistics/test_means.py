"""Means over rows: values, intervals and differences, against numbers made another way."""

from __future__ import annotations

import numpy as np
import pytest

from fittingroom.statistics.intervals import METRICS, bootstrap, paired_bootstrap, resamples
from fittingroom.statistics.means import bootstrap_means, paired_means


def _units(rows: int, each: int = 1) -> list[str]:
    return [f"g{index // each:05d}" for index in range(rows)]


def test_the_mean_of_hits_is_accuracy_with_its_interval() -> None:
    rng = np.random.default_rng(1)
    target, ours, theirs = (rng.integers(3, size=120) for _ in range(3))
    drawn = resamples(_units(120, 3), seed=5)
    hits, other = (target == ours).astype(float), (target == theirs).astype(float)
    wanted = bootstrap(target, ours, 3, drawn)["accuracy"]
    found = bootstrap_means({"hits": hits}, drawn)["hits"]
    assert (found.value, found.low, found.high) == pytest.approx((wanted.value, wanted.low, wanted.high))
    wanted = paired_bootstrap(target, ours, theirs, 3, drawn)["accuracy"]
    gap = paired_means({"hits": hits}, {"hits": other, "more": other}, drawn)
    assert list(gap) == ["hits"]
    assert (gap["hits"].value, gap["hits"].low) == pytest.approx((wanted.value, wanted.low))
    assert "accuracy" in METRICS


def test_rows_to_which_a_metric_does_not_apply_are_left_out() -> None:
    drawn = resamples(_units(40), replicates=300, seed=1)
    column = np.full(40, np.nan)
    column[:10] = [1, 0] * 5
    found = bootstrap_means({"some": column, "none": np.full(40, np.nan)}, drawn)
    assert list(found) == ["some"]
    assert found["some"].value == 0.5
    assert 0.1 < found["some"].low < 0.5 < found["some"].high < 0.9


def test_bounds_other_than_one() -> None:
    drawn = resamples(_units(30), seed=1)
    constant = bootstrap_means({"length": np.full(30, 40.0)}, drawn, floor=0.0, ceiling=100.0)["length"]
    assert constant.value == 40.0
    assert constant.low == pytest.approx(40 * 0.025 ** (1 / 30), abs=1.0)  # the share that nobody saw may be at 0
    spread = bootstrap_means({"length": np.arange(30.0)}, drawn, floor=0.0, ceiling=100.0)["length"]
    assert spread.value == pytest.approx(14.5)
    assert 9.0 < spread.low < 12.5 < 16.5 < spread.high < 30.0  # up to 100 may have been missed
    same = paired_means({"a": np.arange(30.0)}, {"a": np.arange(30.0)}, drawn, ceiling=100.0)["a"]
    assert same.value == 0.0
    assert (same.low, same.high) == pytest.approx((-11.57, 11.57), abs=0.01)  # what 30 rows may have missed


def test_a_column_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="3 values for 4"):
        bootstrap_means({"a": np.zeros(3)}, resamples(_units(4)))


def test_intervals_of_means_cover_the_truth() -> None:
    rng = np.random.default_rng(3)
    covered = 0
    for seed in range(100):
        levels = rng.beta(2, 5, size=40)  # customers differ, and their rows resemble each other
        values = np.clip(np.repeat(levels, 5) + rng.normal(0, 0.05, 200), 0, 1)
        drawn = resamples(_units(200, 5), replicates=300, seed=seed)
        found = bootstrap_means({"a": values}, drawn)["a"]
        covered += found.low <= 2 / 7 <= found.high
    assert 90 <= covered <= 100
