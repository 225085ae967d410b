"""Curves that sound trainings of few rows show too are no cause; recorded from real runs and varied."""

from __future__ import annotations

import pyarrow as pa
import pytest

from fittingroom.pitfalls import detect_all
from fittingroom.pitfalls.fit import majority_collapse
from fittingroom.pitfalls.labels import undersampled_too_far
from fittingroom.tables import Table
from fittingroom.types import Examination, Finding, Rival, Splits


def known_by_heart(dev_losses: list[float], dev_metrics: list[float]) -> Examination:
    """A training by its dev loss and macro-F1 after every pass, whose own rows were learnt in the second."""
    evals = [
        {"step": 20.0 * n, "epoch": float(n), "dev_loss": loss, "dev_metric": metric,
         "train_loss": 6.0 if n == 0 else 0.1 / n, "train_metric": 0.4 if n == 0 else 1.0}
        for n, (loss, metric) in enumerate(zip(dev_losses, dev_metrics, strict=True))
    ]  # fmt: skip
    best = max(evals, key=lambda entry: (entry["dev_metric"], -entry["dev_loss"]))
    steps = [{"step": float(n), "epoch": n / 20, "loss": 6.0 / n} for n in range(1, 20 * (len(evals) - 1) + 1)]
    return Examination(
        steps=steps, evals=evals, best_step=int(best["step"]), stopped="completed", rows={"train": 320, "dev": 120}
    )


def found(examination: Examination) -> list[Finding]:
    return detect_all(examination, "examine", settings={}, disabled=[])


LONG = [6.26, 0.23, 0.19, 0.24, 0.26, 0.33, 0.38, 0.39, 0.40, 0.41, 0.42, 0.43, 0.43]
"""Sixty passes over 200 reviews, every fifth: lowest at the tenth, then up to more than twice as much."""


def test_most_of_a_training_after_the_turn_is_overfitting() -> None:
    (one,) = found(known_by_heart(LONG, [0.43, 0.72, 0.76, 0.77, 0.78, 0.78, 0.77, 0.78, 0.78, 0.77, 0.77, 0.77, 0.77]))

    assert one.pitfall == "overfitting"
    assert one.measured["gap"] == pytest.approx(0.23)
    assert one.measured["rise"] == pytest.approx(0.43 / 0.19 - 1)


def test_answers_that_only_get_surer_in_the_last_passes_are_none() -> None:
    six = known_by_heart([6.26, 0.27, 0.19, 0.23, 0.24, 0.28, 0.28], [0.41, 0.44, 0.76, 0.73, 0.78, 0.81, 0.81])

    assert found(six) == []


def test_a_score_that_went_on_rising_is_none() -> None:
    """The loss was lowest after one of seven passes, and macro-F1 rose by six hundredths since."""
    unsteady = [6.26, 0.18, 0.19, 0.43, 0.25, 0.25, 0.33, 0.35], [0.43, 0.75, 0.74, 0.69, 0.79, 0.81, 0.83, 0.82]

    assert found(known_by_heart(*unsteady)) == []
    still = unsteady[0], [0.43, 0.75, 0.74, 0.69, 0.76, 0.75, 0.77, 0.76]
    assert [one.pitfall for one in found(known_by_heart(*still))] == ["overfitting"]


def test_a_score_that_fell_far_needs_no_training_as_long() -> None:
    """Best in the second of five passes, where early stopping ended it: no longer sure, and wrong more often."""
    worse = [6.26, 0.35, 0.20, 0.40, 0.60, 0.80], [0.43, 0.70, 0.72, 0.70, 0.68, 0.66]

    (one,) = found(known_by_heart(*worse))
    assert (one.pitfall, one.measured["fallen"]) == ("overfitting", pytest.approx(0.06))
    as_good = worse[0], [0.43, 0.70, 0.72, 0.70, 0.72, 0.71]
    assert found(known_by_heart(*as_good)) == []


def test_a_score_that_rose_and_came_back_is_none() -> None:
    back = (
        [6.26, 0.20, 0.19, 0.25, 0.26, 0.27, 0.30, 0.34, 0.40],
        [0.43, 0.65, 0.70, 0.72, 0.74, 0.78, 0.77, 0.75, 0.74],
    )

    assert found(known_by_heart(*back)) == [], "what it gained after the lowest loss is kept with the best weights"


@pytest.mark.parametrize(("score", "told"), [(0.908, []), (0.80, ["too-few-rows"])])
def test_rows_are_too_few_for_a_model_that_would_gain_by_more_of_them(score: float, told: list[str]) -> None:
    """A sixth of its errors goes with each doubling: three hundredths where one in five answers is wrong."""
    curve = [{"rows": 300.0, "macro_f1": 0.76}, {"rows": 600.0, "macro_f1": 0.80}]
    sound = known_by_heart([6.0, 0.5, 0.4], [0.1, 0.8, score])

    findings = found(sound.model_copy(update={"data_curve": curve, "scores": {"macro_f1": score}}))

    assert [one.pitfall for one in findings] == told
    assert all(one.measured["expected"] == pytest.approx(0.2 / 6) for one in findings)


def test_a_linear_model_that_gains_nothing_tells_nothing() -> None:
    flat = [{"rows": 300.0, "macro_f1": 1.0}, {"rows": 600.0, "macro_f1": 1.0}]
    sound = known_by_heart([6.0, 0.5, 0.4], [0.1, 0.8, 0.7])

    assert found(sound.model_copy(update={"data_curve": flat, "scores": {"macro_f1": 0.7}})) == []


@pytest.mark.parametrize(("at_a_tenth", "patch"), [(7.5, None), (7.3, {"train.learning_rate": 0.00333333})])
def test_a_collapse_is_no_fault_of_a_rate_that_no_lower_one_did_better_than(
    at_a_tenth: float, patch: dict[str, float] | None
) -> None:
    """By a few steps at other rates; a short training at another rate outranks them."""
    classes = {
        label: {"rows": 40.0, "weight": 40.0, "support": 20.0, "answered": answered, "recall": float(label == "map")}
        for label, answered in {"map": 80.0, "music": 0.0, "news": 0.0, "radio": 0.0}.items()
    }
    response = {"start": 7.88, "losses": {"0.1": at_a_tenth, "1": 7.4, "10": 14.2}, "steps": 4}
    sound = known_by_heart([6.0, 0.5, 0.4], [0.1, 0.8, 0.7])
    collapsed = sound.model_copy(update={"classes": classes, "facts": {"rate_response": response}})
    used = {"balance": {"method": "none"}, "train": {"learning_rate": 0.01}}

    one_of = "majority-collapse"
    (one,) = found(collapsed)
    assert one.pitfall == one_of
    remedy = majority_collapse.remedy(one, used)

    assert (remedy.patch if remedy else None) == (pytest.approx(patch) if patch else None)
    for factor in (0.1, 3.0):
        other = Rival(
            change="rate", factor=factor, share=0.2, train_loss=3.0, train_metric=0.5, dev_loss=3.0, dev_metric=0.5
        )
        (told,) = [one for one in found(collapsed.model_copy(update={"rivals": [other]})) if one.pitfall == one_of]
        assert told.measured["rate_blamed"] == float(factor < 1)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({"a": 400, "b": 10}, {"a": 10, "b": 10}, True),
        ({"a": 30, "b": 10}, {"a": 20, "b": 10}, False),  # few, and most of them are left
        ({"a": 800, "b": 100}, {"a": 200, "b": 100}, False),  # few are left of many, and enough
        ({}, {}, False),
    ],
)
def test_rows_left_out_are_told_where_few_are_left_of_many(
    before: dict[str, int], after: dict[str, int], told: bool
) -> None:
    none = Table.of(pa.table({"id": pa.array([], pa.string())}))
    facts = {"before": before, "after": after}
    splits = Splits(train=none, dev=none, calibration=none, test=none, dropped=none, facts=facts)

    found = list(undersampled_too_far.detect(splits, undersampled_too_far.Settings()))

    assert bool(found) == told
    for one in found:
        used = {"balance": {"method": "undersample", "correct_prior": True}}
        remedy = undersampled_too_far.remedy(one, used)
        assert remedy is not None
        assert remedy.patch == {"balance.method": "weights"}, "what is said of the prior stays"
        assert undersampled_too_far.remedy(one, {"balance": {"method": "weights"}}) is None
