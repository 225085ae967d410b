"""Intervals, calibration and macro metrics on the same predictions as scikit-learn and scipy see them."""

from __future__ import annotations

import numpy as np
import pytest

from fittingroom.statistics.intervals import bootstrap, calibration, paired_bootstrap, resamples
from fittingroom.statistics.judging import calibration_of


def _predictions(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    target = rng.choice(4, rows, p=[0.5, 0.3, 0.15, 0.05])
    scores = rng.normal(size=(rows, 4)) + 1.5 * np.eye(4)[target]
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return target, shares, shares.argmax(axis=1)


@pytest.mark.parametrize("bins", [5, 10, 15])
def test_ece_is_made_of_scikit_learns_calibration_curve(bins: int) -> None:
    from sklearn.calibration import calibration_curve

    target, shares, said = _predictions(400, 1)
    confidence, right = shares.max(axis=1), said == target
    ours = calibration(confidence, right, bins=bins)
    hit, sure = calibration_curve(right, confidence, n_bins=bins, strategy="uniform")
    rows = np.histogram(confidence, np.linspace(0, 1, bins + 1))[0]
    assert ours["ece"] == pytest.approx(float((np.abs(hit - sure) * rows[rows > 0]).sum() / 400))
    assert [entry["accuracy"] for entry in ours["bins"]] == pytest.approx(hit)
    assert [entry["confidence"] for entry in ours["bins"]] == pytest.approx(sure)


def test_brier_and_log_loss_are_scikit_learns() -> None:
    from sklearn.metrics import brier_score_loss, log_loss

    target, shares, _ = _predictions(300, 2)
    found = calibration_of(shares, target, bins=10)
    assert found["log_loss"] == pytest.approx(log_loss(target, shares))
    whole = sum(brier_score_loss(target == label, shares[:, label]) for label in range(4))
    assert found["brier"] == pytest.approx(whole)


def test_intervals_are_those_of_scipys_bootstrap() -> None:
    from scipy.stats import bootstrap as theirs
    from sklearn.metrics import accuracy_score, f1_score

    target, _, said = _predictions(250, 3)
    ours = bootstrap(target, said, 4, resamples([f"{at:04d}" for at in range(250)], replicates=4000, seed=1))

    def macro(place: np.ndarray) -> float:
        return float(f1_score(target[place], said[place], average="macro", zero_division=0))

    places = (np.arange(250),)
    for name, statistic, replicates in (("accuracy", None, 4000), ("macro_f1", macro, 200)):
        judged = statistic or (lambda place: float(accuracy_score(target[place], said[place])))
        found = theirs(places, judged, vectorized=False, n_resamples=replicates, method="percentile", rng=5)
        assert ours[name].low == pytest.approx(found.confidence_interval.low, abs=0.025)
        assert ours[name].high == pytest.approx(found.confidence_interval.high, abs=0.025)


def test_a_paired_interval_is_that_of_scipys_paired_bootstrap() -> None:
    from scipy.stats import bootstrap as theirs

    target, _, said = _predictions(250, 4)
    other = np.where(np.random.default_rng(1).random(250) < 0.3, 0, said)
    ours = paired_bootstrap(
        target, said, other, 4, resamples([f"{at:04d}" for at in range(250)], replicates=4000, seed=1)
    )["accuracy"]
    gaps = ((said == target).astype(float) - (other == target).astype(float),)
    found = theirs(gaps, np.mean, n_resamples=4000, method="percentile", rng=5).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((found.low, found.high), abs=0.015)
