"""The scores are scikit-learn's, and the intervals cover what they say they cover."""

from __future__ import annotations

import numpy as np
import pytest

from fittingroom.statistics.intervals import (
    METRICS,
    bootstrap,
    calibration,
    confusion_matrix,
    counts_of,
    metrics_of,
    paired_bootstrap,
    per_class,
    replicate_counts,
    resamples,
)

SHARES = np.array([0.5, 0.3, 0.15, 0.05])


def _answers(rng: np.random.Generator, rows: int, skill: float = 0.7) -> tuple[np.ndarray, np.ndarray]:
    """True and predicted classes: right with probability `skill`, else any of the four."""
    target = rng.choice(4, rows, p=SHARES)
    return target, np.where(rng.random(rows) < skill, target, rng.integers(4, size=rows))


def _units(rows: int) -> list[str]:
    return [f"row-{index:06d}" for index in range(rows)]


@pytest.mark.parametrize("seed", range(5))
def test_metrics_are_those_of_scikit_learn(seed: int) -> None:
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support
    from sklearn.metrics import confusion_matrix as theirs

    rng = np.random.default_rng(seed)
    target, predicted = rng.integers(5, size=40), rng.integers(1, 7, size=40)  # classes on one side only, one unseen
    counts = counts_of(confusion_matrix(target, predicted, 8))
    ours = metrics_of(counts)
    assert (confusion_matrix(target, predicted, 8) == theirs(target, predicted, labels=range(8))).all()
    assert ours["accuracy"] == pytest.approx(accuracy_score(target, predicted))
    macro = precision_recall_fscore_support(target, predicted, average="macro", zero_division=0)
    assert [ours["macro_precision"], ours["macro_recall"], ours["macro_f1"]] == pytest.approx(macro[:3])
    each = precision_recall_fscore_support(target, predicted, labels=range(8), average=None, zero_division=0)
    assert per_class(counts)["precision"] == pytest.approx(each[0])
    assert per_class(counts)["recall"] == pytest.approx(each[1])
    assert per_class(counts)["f1"] == pytest.approx(each[2])


def test_a_replicate_scores_what_the_repeated_rows_would_score() -> None:
    from sklearn.metrics import f1_score

    rng = np.random.default_rng(3)
    target, predicted = _answers(rng, 60)
    groups = [f"customer-{index % 17}" for index in range(60)]
    drawn = resamples(groups, replicates=20, seed=5)
    spread = metrics_of(replicate_counts(target, predicted, 4, drawn))
    for replicate in range(20):
        times = drawn.weights[replicate][drawn.unit]
        wanted = f1_score(target, predicted, average="macro", zero_division=0, sample_weight=times)
        assert spread["macro_f1"][replicate] == pytest.approx(wanted)
    assert drawn.weights.min() > 0  # nothing vanishes


def test_the_draw_depends_on_names_and_seed_only() -> None:
    rng = np.random.default_rng(1)
    target, predicted = _answers(rng, 50)
    units = _units(50)
    order = rng.permutation(50)
    one = bootstrap(target, predicted, 4, resamples(units, seed=7))
    two = bootstrap(target[order], predicted[order], 4, resamples([units[index] for index in order], seed=7))
    assert one == two
    assert one != bootstrap(target, predicted, 4, resamples(units, seed=8))


@pytest.mark.parametrize(("rows", "least"), [(80, 0.90), (300, 0.91)])
def test_intervals_cover_the_truth(rows: int, least: float) -> None:
    """Of 200 samples, the 95 % intervals hold the true value in about 95 %, also with four rows of the rarest class."""
    rng = np.random.default_rng(0)
    truth = metrics_of(counts_of(confusion_matrix(*_answers(rng, 1_000_000), 4)))
    covered = dict.fromkeys(METRICS, 0)
    for seed in range(200):
        found = bootstrap(*_answers(rng, rows), 4, resamples(_units(rows), replicates=300, seed=seed))
        for name in METRICS:
            covered[name] += int(found[name].low <= truth[name] <= found[name].high)
    assert all(covered[name] >= 200 * least for name in METRICS), covered
    assert 0.91 * 200 <= covered["accuracy"] <= 200


@pytest.mark.parametrize(("classes", "rows", "samples"), [(22, 142, 100), (77, 800, 40)])
def test_many_classes_of_few_rows_hide_the_truth_on_neither_side(classes: int, rows: int, samples: int) -> None:
    """Each end misses the true macro-F1, and the true difference to a classifier that knows nothing, rarely."""
    rng = np.random.default_rng(3)
    skill = np.linspace(0.6, 0.95, classes)
    said = np.full((classes, classes), 0.0)
    for true in range(classes):  # what is not right goes to the next two classes
        said[true, true], said[true, (true + 1) % classes], said[true, (true + 2) % classes] = (
            skill[true], 0.7 * (1 - skill[true]), 0.3 * (1 - skill[true]),
        )  # fmt: skip
    truth = float(metrics_of(counts_of(said / classes))["macro_f1"])
    above = below = ahead = behind = 0
    for seed in range(samples):
        target = rng.integers(classes, size=rows)
        predicted = np.minimum((rng.random(rows)[:, None] > said.cumsum(axis=1)[target]).sum(axis=1), classes - 1)
        drawn = resamples(_units(rows), replicates=300, seed=seed)
        alone = bootstrap(target, predicted, classes, drawn)["macro_f1"]
        dumb = np.zeros(rows, dtype=np.int64)
        paired = paired_bootstrap(target, predicted, dumb, classes, drawn)["macro_f1"]
        gap = truth - 2 / classes / (classes + 1)  # one class of all: precision 1/k, recall 1
        above, below = above + (truth > alone.high), below + (truth < alone.low)
        ahead, behind = ahead + (gap > paired.high), behind + (gap < paired.low)
    assert max(above, below, ahead, behind) <= 0.08 * samples, (above, below, ahead, behind)


def test_paired_intervals_cover_the_true_difference() -> None:
    rng = np.random.default_rng(2)
    covered = 0
    for seed in range(200):
        target, weak = _answers(rng, 200, skill=0.5)
        strong = np.where(rng.random(200) < 0.3, target, weak)
        found = paired_bootstrap(target, strong, weak, 4, resamples(_units(200), replicates=300, seed=seed))
        # weak: .5 + .5 / 4 = .625; strong turns 30 % of the wrong ones right
        covered += found["accuracy"].low <= 0.3 * 0.375 <= found["accuracy"].high
    assert 0.90 * 200 <= covered <= 200


def test_groups_make_the_interval_as_wide_as_it_is() -> None:
    """Ten customers with the same answer forty times over are ten observations."""
    rng = np.random.default_rng(4)
    target, predicted = _answers(rng, 10)
    many_target, many_predicted = np.repeat(target, 40), np.repeat(predicted, 40)
    customers = [f"customer-{index // 40}" for index in range(400)]
    grouped = bootstrap(many_target, many_predicted, 4, resamples(customers, seed=1))["accuracy"]
    by_row = bootstrap(many_target, many_predicted, 4, resamples(_units(400), seed=1))["accuracy"]
    assert grouped.high - grouped.low > 3 * (by_row.high - by_row.low)


def test_pairing_beats_two_separate_intervals() -> None:
    rng = np.random.default_rng(6)
    target, weak = _answers(rng, 300)
    strong = weak.copy()
    strong[:20] = target[:20]
    drawn = resamples(_units(300), seed=1)
    difference = paired_bootstrap(target, strong, weak, 4, drawn)["accuracy"]
    alone = bootstrap(target, strong, 4, drawn)["accuracy"]
    assert difference.high - difference.low < 0.5 * (alone.high - alone.low)


def test_a_perfect_score_on_few_rows_is_not_certain() -> None:
    target = np.arange(20) % 2
    found = bootstrap(target, target, 2, resamples(_units(20)))["accuracy"]
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(0.025 ** (1 / 20), abs=1e-9)  # exact bound for 20 of 20
    same = paired_bootstrap(target, target, target, 2, resamples(_units(20)))["macro_f1"]
    assert same.low < same.value == 0.0 < same.high  # a difference that so few rows may have missed
    better = paired_bootstrap(target, target, 1 - target, 2, resamples(_units(20)))["accuracy"]
    assert better.value == 1.0
    assert better.low == pytest.approx(2 * 0.025 ** (1 / 20) - 1)


def test_large_draws_are_the_same_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    from fittingroom.statistics import intervals

    rng = np.random.default_rng(8)
    target, predicted = _answers(rng, 90)
    drawn = resamples(_units(90), replicates=50, seed=2)
    whole = replicate_counts(target, predicted, 4, drawn)
    monkeypatch.setattr(intervals, "_CELLS_AT_ONCE", 300)
    pieces = replicate_counts(target, predicted, 4, drawn)
    assert (whole.hits == pieces.hits).all()
    assert (whole.predicted == pieces.predicted).all()


def test_calibration_against_a_count_by_hand() -> None:
    confidence = np.array([0.95, 0.95, 0.95, 0.95, 0.55, 0.55, 1.0])
    right = np.array([True, True, True, False, True, False, True])
    found = calibration(confidence, right, bins=10)
    gap = abs(4 - (4 * 0.95 + 1.0)) + abs(1 - 1.1)
    assert found["ece"] == pytest.approx(gap / 7)
    assert [entry["rows"] for entry in found["bins"]] == [2, 5]
    assert found["bins"][0]["accuracy"] == 0.5
