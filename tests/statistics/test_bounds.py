"""Bounds that count what no row showed: exact where rows stand alone, and never better for one mistake more."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from fittingroom.statistics.bounds import exact_gap, mean_interval
from fittingroom.statistics.intervals import METRICS, bootstrap, paired_bootstrap, resamples


def _units(rows: int, each: int = 1) -> list[str]:
    return [f"g{index // each:05d}" for index in range(rows)]


@pytest.mark.parametrize("rows", [1, 20, 50, 200, 500])
def test_of_right_and_wrong_rows_the_bounds_are_the_binomial_ones(rows: int) -> None:
    from scipy.stats import binomtest

    drawn = resamples(_units(rows), replicates=200)
    for wrong in {0, min(1, rows), rows // 3, rows}:
        values = np.ones(rows)
        values[:wrong] = 0
        found = mean_interval(values, drawn)
        wanted = binomtest(rows - wrong, rows).proportion_ci(method="exact")
        assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high), abs=1e-9)
    assert exact_gap(3, 7, 10) == pytest.approx(tuple(2 * bound - 1 for bound in binomtest(3, 10).proportion_ci()))


@pytest.mark.parametrize("each", [1, 10])
@pytest.mark.parametrize("rows", [20, 50, 200])
def test_one_mistake_more_never_raises_a_bound(rows: int, each: int) -> None:
    """Also of macro averages, and where customers have several rows, one of them many."""
    target = np.arange(rows) % 3 * (np.arange(rows) % 5 > 0)  # shares about .47, .27, .27
    drawn = resamples(["g00000"] * (rows // 4) + _units(rows, each)[rows // 4 :], replicates=300)
    before = dict.fromkeys(METRICS, (1.0, 1.0))
    said = target.copy()
    for wrong in range(8):
        said[:wrong] = (target[:wrong] + 1) % 3
        found = bootstrap(target, said, 3, drawn)
        for name in METRICS:
            if name != "macro_precision":  # a mistake can raise it: a class that is never said wrongly any more
                assert found[name].low <= before[name][0] + 1e-9, (name, wrong)
                assert found[name].high <= before[name][1] + 1e-9, (name, wrong)
            before[name] = (found[name].low, found[name].high)


@pytest.mark.parametrize(("better", "beats"), [(4, False), (5, False), (6, True), (9, True)])
def test_a_difference_is_above_zero_when_the_sign_test_says_so(better: int, beats: bool) -> None:
    from scipy.stats import binomtest

    target = np.arange(200) % 2
    theirs = target.copy()
    theirs[:better] = 1 - theirs[:better]
    drawn = resamples(_units(200), replicates=2000)
    found = paired_bootstrap(target, target, theirs, 2, drawn)
    assert (found["accuracy"].low > 0) is beats is bool(binomtest(better, better).pvalue < 0.05)
    if better != 5:  # p = .063: too near for a thousand draws
        assert (found["macro_f1"].low > 0) is beats
    low, high = exact_gap(better, 3, 200)
    assert (low > 0) is bool(binomtest(better, better + 3).pvalue < 0.05)
    assert low < (better - 3) / 200 < high
    assert (low, high) == (-exact_gap(3, better, 200)[1], -exact_gap(3, better, 200)[0])


def test_what_is_computed_is_what_many_draws_show() -> None:
    rng = np.random.default_rng(0)
    draws = rng.dirichlet([5, 3 + 1, 42], size=200_000)
    low, _ = exact_gap(5, 3, 50)
    assert low == pytest.approx(np.quantile(draws[:, 0] - draws[:, 1], 0.025), abs=0.002)


def test_equal_contestants_differ_by_no_more_than_so_few_rows_can_miss() -> None:
    same = mean_interval(np.zeros(20), resamples(_units(20)), floor=-1.0)
    assert same.value == 0.0
    assert (same.low, same.high) == pytest.approx((-(1 - 0.025 ** (1 / 20)), 1 - 0.025 ** (1 / 20)))


def test_twenty_customers_are_twenty_observations() -> None:
    """Whoever has 30 rows each cannot be surer than with one each; uneven customers are less sure than even ones."""
    drawn = resamples(_units(600, 30), replicates=2000)
    found = mean_interval(np.ones(600), drawn)
    assert found.low == pytest.approx(0.025 ** (1 / 20), abs=0.015)
    uneven = [f"g{index:05d}" for index in range(20)] + ["g00000"] * 580
    assert mean_interval(np.ones(600), resamples(uneven, replicates=1000)).low < 0.6


Draw = Callable[[np.random.Generator], tuple[np.ndarray, list[str], float]]


def _customers(rng: np.random.Generator) -> tuple[np.ndarray, list[str], float]:
    """25 customers of 1 to 12 rows; nine in ten are served well, one in ten badly."""
    sizes = rng.integers(1, 13, size=25)
    skill = np.where(rng.random(25) < 0.9, 0.98, 0.3)
    return (rng.random(sizes.sum()) < np.repeat(skill, sizes)).astype(float), np.repeat(np.arange(25), sizes), 0.912


def _overlaps(rng: np.random.Generator) -> tuple[np.ndarray, list[str], float]:
    """40 rows, most of which are nearly perfect."""
    return np.where(rng.random(40) < 0.95, 0.98, rng.random(40) * 0.2), list(range(40)), 0.95 * 0.98 + 0.05 * 0.1


@pytest.mark.parametrize("draw", [_customers, _overlaps])
def test_the_bounds_hold_the_truth_where_failures_are_rare(draw: Draw) -> None:
    """The lower bound, on which the gate decides, is wrong in 2.5 % of all samples at most (5 of 200; 10 is luck)."""
    rng = np.random.default_rng(1)
    missed = 0
    for seed in range(200):
        values, units, truth = draw(rng)
        missed += mean_interval(values, resamples([str(one) for one in units], replicates=300, seed=seed)).low > truth
    assert missed <= 10
