"""Curves that sound trainings of few rows show too are no cause; recorded from real runs and varied."""

from __future__ import annotations

import pytest

from fittingroom.pitfalls import detect_all
from fittingroom.pitfalls.fit import majority_collapse
from fittingroom.types import Examination, Finding


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


@pytest.mark.parametrize(("at_a_tenth", "patch"), [(7.86, None), (7.5, {"train.learning_rate": 0.00333333})])
def test_a_collapse_is_no_fault_of_a_rate_at_which_the_loss_falls_best(
    at_a_tenth: float, patch: dict[str, float] | None
) -> None:
    """A rate ten times lower that hardly lets the loss fall has not been too high."""
    classes = {
        label: {"rows": 40.0, "weight": 40.0, "support": 20.0, "answered": answered, "recall": float(label == "map")}
        for label, answered in {"map": 80.0, "music": 0.0, "news": 0.0, "radio": 0.0}.items()
    }
    response = {"start": 7.88, "losses": {"0.1": at_a_tenth, "1": 7.4, "10": 14.2}, "steps": 4}
    sound = known_by_heart([6.0, 0.5, 0.4], [0.1, 0.8, 0.7])
    collapsed = sound.model_copy(update={"classes": classes, "facts": {"rate_response": response}})
    used = {"balance": {"method": "none"}, "train": {"learning_rate": 0.01}}

    (one,) = found(collapsed)
    assert one.pitfall == "majority-collapse"
    remedy = majority_collapse.remedy(one, used)

    assert (remedy.patch if remedy else None) == (pytest.approx(patch) if patch else None)
