"""P-values against scipy's exact tests, and under the null hypothesis against what they promise."""

from __future__ import annotations

import numpy as np
import pytest

from fittingroom.statistics.intervals import resamples
from fittingroom.statistics.swaps import swap_p_means, swap_p_values


def _units(rows: int, each: int = 1) -> list[str]:
    return [f"g{index // each:05d}" for index in range(rows)]


def test_accuracy_agrees_with_the_exact_sign_test() -> None:
    """With rows as groups, swapping is McNemar's test: a sign test on the rows on which just one is right."""
    from scipy.stats import binomtest

    target = np.zeros(100, dtype=np.int64)
    ours, theirs = target.copy(), target.copy()
    ours[:6], theirs[6:22] = 1, 1  # 6 rows only they get right, 16 only we
    drawn = resamples(_units(100), replicates=20_000, seed=1)
    found = swap_p_values(target, ours, theirs, 2, drawn, seed=1)["accuracy"]
    assert found == pytest.approx(binomtest(6, 22).pvalue, abs=0.005)
    hits = {"accuracy": (target == ours).astype(float)}, {"accuracy": (target == theirs).astype(float)}
    assert swap_p_means(*hits, drawn, seed=1)["accuracy"] == pytest.approx(found, abs=1e-9)


def test_means_agree_with_scipys_permutation_test() -> None:
    from scipy.stats import permutation_test

    rng = np.random.default_rng(4)
    ours, theirs = rng.random(60), rng.random(60) - 0.1
    wanted = permutation_test(
        (ours, theirs), lambda a, b: a.mean() - b.mean(), permutation_type="samples", n_resamples=9999, rng=rng
    ).pvalue
    drawn = resamples(_units(60), replicates=10_000, seed=3)
    assert swap_p_means({"m": ours}, {"m": theirs}, drawn, seed=3)["m"] == pytest.approx(wanted, abs=0.015)


def test_contestants_that_are_alike_are_rarely_told_apart() -> None:
    rng = np.random.default_rng(7)
    alarms = dict.fromkeys(("accuracy", "macro_f1"), 0)
    for seed in range(200):
        target = rng.choice(3, 90, p=[0.6, 0.3, 0.1])
        said = [np.where(rng.random(90) < 0.6, target, rng.integers(3, size=90)) for _ in range(2)]
        found = swap_p_values(target, *said, 3, resamples(_units(90), replicates=199, seed=seed), seed=seed)
        for name in alarms:
            alarms[name] += found[name] <= 0.05
    assert all(2 <= alarms[name] <= 20 for name in alarms), alarms


def test_groups_are_swapped_whole() -> None:
    target = np.zeros(120, dtype=np.int64)
    theirs = np.repeat([1, 1, 1, 0, 0, 0], 20)  # three customers of six: no evidence, however many rows
    by_row = resamples(_units(120), replicates=999, seed=1)
    grouped = resamples(_units(120, 20), replicates=999, seed=1)
    assert swap_p_values(target, target, theirs, 2, by_row, seed=1)["accuracy"] < 0.002
    assert swap_p_values(target, target, theirs, 2, grouped, seed=1)["accuracy"] > 0.1
    assert swap_p_values(target, theirs, theirs, 2, grouped, seed=1)["accuracy"] == 1.0


def test_rows_without_a_value_do_not_count() -> None:
    rng = np.random.default_rng(5)
    ours, theirs = rng.random(50), rng.random(50) + 1
    ours[:20] = theirs[:20] = np.nan
    drawn = resamples(_units(50), replicates=999, seed=1)
    assert swap_p_means({"m": ours, "x": ours}, {"m": theirs}, drawn, seed=1) == {"m": pytest.approx(0.001)}
