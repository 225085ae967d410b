"""A threshold of confidence that keeps its word."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from fittingroom.tasks.abstaining import choose_threshold, lower_bound, out_of_scope, told


def test_the_bound_is_the_exact_one() -> None:
    for hits, rows in ((0, 5), (9, 10), (180, 200), (50, 50)):
        exact = binomtest(hits, rows, alternative="greater").proportion_ci(0.95, method="exact").low
        assert lower_bound(hits, rows, 0.05) == pytest.approx(exact)


def test_as_much_as_possible_is_answered() -> None:
    confidence = np.linspace(0.2, 1.0, 1000)
    found = choose_threshold(confidence, confidence > 0.5, 0.9)
    assert found.threshold is not None
    assert found.coverage == pytest.approx(0.6)
    assert found.lower is not None
    assert found.lower >= 0.9
    assert choose_threshold(confidence, confidence > 0, 0.9).coverage == 1.0


def test_a_good_share_of_few_rows_is_no_promise() -> None:
    found = choose_threshold([0.9] * 10, [True] * 10, 0.9)
    assert (found.threshold, found.coverage, found.precision) == (None, 1.0, 1.0)
    assert found.lower is not None
    assert found.lower < 0.9
    assert choose_threshold([0.9] * found.needed, [True] * found.needed, 0.9).threshold == 0.9
    assert choose_threshold([0.9] * (found.needed - 1), [True] * (found.needed - 1), 0.9).threshold is None
    assert choose_threshold([], [], 0.9).lower is None


def test_the_promise_holds_on_other_rows() -> None:
    """A model whose answers are right as often as it says; at most 5 % of the thresholds may break their word."""
    generator = np.random.default_rng(3)
    broken = found = 0
    for _ in range(200):
        confidence = generator.uniform(0.3, 1.0, 400)
        threshold = choose_threshold(confidence, generator.random(400) < confidence, 0.85).threshold
        if threshold is not None:
            found += 1
            broken += (threshold + 1.0) / 2 < 0.85  # the mean of what is right above it
    assert found > 50
    assert broken <= 0.05 * found


def test_rows_of_no_class_break_the_promise_of_a_sure_answer() -> None:
    sure, right = np.full(200, 0.99), np.arange(200) >= 60
    assert choose_threshold(sure, right, 0.9, out_of_scope=60).threshold is None


def test_what_is_told_of_other_rows() -> None:
    chosen = choose_threshold(np.linspace(0.2, 1.0, 1000), np.linspace(0.2, 1.0, 1000) > 0.5, 0.9)
    facts = told(np.array([0.1, 0.95, 0.9]), np.array([False, True, False]), chosen)
    assert (facts["answered"], facts["precision"], facts["coverage"]) == (2, 0.5, pytest.approx(2 / 3))
    assert facts["promised"] == chosen.lower


def test_none_of_these_is_judged_like_a_finder() -> None:
    from sklearn.metrics import precision_recall_fscore_support

    targets, said = ["a", "none", "none", "b", "none"], ["none", "none", "a", "b", "none"]
    found = out_of_scope(targets, said, "none")
    precision, recall, f1, _ = precision_recall_fscore_support(targets, said, labels=["none"])
    assert (found["precision"], found["recall"], found["f1"]) == (precision[0], recall[0], f1[0])
    assert out_of_scope(["a"], ["a"], "none")["recall"] is None
