"""Drift: distances against counts by hand and other libraries, tests against what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fittingroom.statistics import drift
from fittingroom.statistics.drift import (
    binned,
    category_shift,
    holm,
    number_shift,
    psi,
    psi_noise,
    share_shift,
    text_shift,
)

WORDS = (
    *("颜色", "尺码", "很好", "差", "快递", "慢", "质量", "不错", "喜欢", "退货", "客服"),
    *("shirt", "size", "small", "great", "slow", "delivery", "color"),
)
NEW = ["发票", "抬头", "税号", "invoice"]


def _texts(rng: np.random.Generator, rows: int, new: float = 0.0) -> list[str]:
    made = []
    for _ in range(rows):
        words = [str(word) for word in rng.choice(WORDS, 6)]
        if rng.random() < new:
            words[:3] = [str(word) for word in rng.choice(NEW, 3)]
        made.append("".join(words))
    return made


def test_psi_by_hand() -> None:
    reference, window = {"a": 900, "b": 100}, {"a": 600, "b": 400}
    p, q = (900.5 / 1001, 100.5 / 1001), (600.5 / 1001, 400.5 / 1001)
    wanted = sum((new - old) * math.log(new / old) for old, new in zip(p, q, strict=True))
    assert psi(reference, window) == pytest.approx(wanted)
    assert psi(reference, reference) == 0.0
    assert psi({}, {}) == 0.0
    assert math.isfinite(psi({"a": 100}, {"b": 100}))


def test_psi_noise_is_what_no_change_gives() -> None:
    rng = np.random.default_rng(0)
    shares = np.full(8, 1 / 8)
    found = []
    for _ in range(400):
        one, two = (rng.multinomial(rows, shares) for rows in (400, 200))
        names = [str(index) for index in range(8)]
        found.append(psi(dict(zip(names, one.tolist(), strict=True)), dict(zip(names, two.tolist(), strict=True))))
    assert np.mean(found) == pytest.approx(psi_noise(8, 400, 200), rel=0.15)


def test_chi_square_is_that_of_the_pooled_table() -> None:
    from scipy.stats import chi2_contingency

    shift = category_shift({"a": 50, "b": 50, "rare": 1, "rarer": 2}, {"a": 80, "b": 20, "new": 3})
    assert shift.p_value == pytest.approx(chi2_contingency([[50, 80], [50, 20], [3, 3]]).pvalue)
    assert category_shift({"a": 10}, {"a": 500}).p_value == 1.0


def test_a_share_that_rises_is_seen_one_that_falls_is_not() -> None:
    up = share_shift((5, 100), (40, 200))
    assert up.size == pytest.approx(0.15)
    assert up.p_value < 0.001
    assert share_shift((40, 100), (5, 100)).p_value > 0.99


def test_numbers_against_a_moved_distribution() -> None:
    rng = np.random.default_rng(1)
    still, moved = rng.normal(size=300), rng.normal(0.6, size=300)
    assert number_shift(rng.normal(size=300).tolist(), still.tolist()).p_value > 0.05
    assert number_shift(rng.normal(size=300).tolist(), moved.tolist()).p_value < 1e-6


def test_bins_are_quantiles_of_the_reference() -> None:
    reference, window = binned(list(range(100)), [5, 5, 95], bins=10)
    assert list(reference.values()) == [10] * 10
    assert window["00"] == 2
    assert window["09"] == 1
    same, _ = binned([1.0] * 50, [2.0], bins=10)
    assert sum(same.values()) == 50


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_new_content_is_seen_and_old_is_not() -> None:
    rng = np.random.default_rng(2)
    reference = _texts(rng, 250)
    changed = text_shift(reference, _texts(rng, 150, new=0.5), seed=3, permutations=199)
    assert changed.size > 0.6
    assert changed.p_value <= 0.01
    same = text_shift(reference, _texts(rng, 150), seed=3, permutations=199)
    assert same.size < 0.56
    assert same.p_value > 0.02
    assert text_shift(reference, _texts(np.random.default_rng(9), 50), seed=3, permutations=9) == text_shift(
        reference, _texts(np.random.default_rng(9), 50), seed=3, permutations=9
    )


def test_content_raises_as_many_false_alarms_as_promised() -> None:
    rng = np.random.default_rng(5)
    p_values = [text_shift(_texts(rng, 60), _texts(rng, 40), seed=seed, permutations=39).p_value for seed in range(80)]
    assert np.mean(np.array(p_values) <= 0.1) <= 0.2
    assert 0.35 < np.mean(p_values) < 0.65


def test_areas_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(6)
    sides = (rng.random((50, 3)) < 0.4).astype(float)
    scores = rng.integers(5, size=(50, 3)).astype(float)  # ties
    wanted = [roc_auc_score(sides[:, column], scores[:, column]) for column in range(3)]
    assert drift._areas(sides, scores).tolist() == pytest.approx(wanted)
