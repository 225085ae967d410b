"""Readings of what training recorded."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from fittingroom.pitfalls.curves import RateLimits, Response, better_rate, read, response
from fittingroom.types import Folder, Trained

LIMITS = RateLimits()


def trained(losses: list[float], *, stopped: str = "completed", facts: dict[str, Any] | None = None) -> Trained:
    steps = [{"step": n, "epoch": n / 10, "loss": loss} for n, loss in enumerate(losses, start=1)]
    evals = [
        {
            "step": n,
            "epoch": n / 10,
            "dev_loss": 2 - n / 20,
            "dev_metric": 0.5,
            "train_loss": 1.0,
            "train_metric": n / 20,
        }
        for n in (10, 20)
    ]
    return Trained(
        weights=Folder(Path("weights")), method="full", steps=steps, evals=evals, best_step=10, stopped=stopped,
        facts=facts or {},
    )  # fmt: skip


def test_a_training_in_numbers() -> None:
    curves = read(trained([2.0 - n / 20 for n in range(20)]))

    assert curves is not None
    assert curves.start_loss == pytest.approx(1.975)
    assert curves.end_loss == pytest.approx(1.075)
    assert (curves.train_metric, curves.last_train_metric, curves.learnt) == (0.5, 1.0, 1.0)
    assert (curves.best_epoch, curves.last_epoch) == (1.0, 2.0)
    assert curves.jump == 0.0
    assert not curves.broken


def test_the_largest_jump_is_measured_from_the_lowest_loss_before_it() -> None:
    curves = read(trained([2.0, 1.0, 1.5, 0.4, 0.4, 1.2, 0.3, 0.5]))

    assert curves is not None
    assert (curves.lowest_loss, curves.jump) == (0.4, pytest.approx(0.8))
    assert curves.jumped(0.5)
    assert not curves.jumped(0.9)


def test_a_jump_must_be_large_beside_a_large_loss() -> None:
    curves = read(trained([8.0, 4.0, 5.0, 3.0]))

    assert curves is not None
    assert curves.jump == 1.0
    assert not curves.jumped(0.5)


@pytest.mark.parametrize("losses", [[], [math.nan, math.inf]])
def test_nothing_measured_is_none(losses: list[float]) -> None:
    assert read(trained(losses)) is None


def test_a_loss_that_is_no_number_means_broken() -> None:
    curves = read(trained([2.0, 1.0, math.nan]))

    assert curves is not None
    assert curves.broken


def test_a_response_is_read_with_its_gaps() -> None:
    answer = response(
        trained([1.0], facts={"rate_response": {"start": 4.0, "losses": {"0.1": 3.0, "1": 2.0, "10": None}}})
    )

    assert answer is not None
    assert answer.gain(0.1) == -0.5
    assert answer.speed(0.1) == 0.5
    assert answer.gain(10.0) < -1e6
    assert answer.lower() == 0.1


@pytest.mark.parametrize(
    "facts", [{}, {"rate_response": None}, {"rate_response": {"start": 1.0, "losses": {"3": 1.0}}}]
)
def test_without_the_rate_used_there_is_no_response(facts: dict[str, Any]) -> None:
    assert response(trained([1.0], facts=facts)) is None


MOVING, STUCK = (0.1, 0.3), (0.3, 0.32)


@pytest.mark.parametrize(
    ("losses", "metrics", "factor"),
    [
        ({0.1: 3.9, 0.3: 3.5, 1.0: 2.0, 3.0: 1.95, 10.0: 2.5}, MOVING, 1.0),  # the best is hardly better
        ({0.1: 3.9, 0.3: 3.5, 1.0: 2.0, 3.0: 1.5, 10.0: 2.5}, MOVING, 3.0),  # higher saves a quarter
        ({0.1: 3.999, 0.3: 3.997, 1.0: 3.99, 3.0: 3.97, 10.0: 3.9}, MOVING, 10.0),  # higher is ten times as fast
        ({0.1: 4.0, 0.3: 4.0, 1.0: 4.0, 3.0: 4.0, 10.0: 3.9999}, MOVING, 1.0),  # nothing moves visibly
        ({0.1: 3.0, 0.3: 1.5, 1.0: 2.0, 3.0: 5.0, 10.0: 9.0}, MOVING, 0.3),  # lower saves a quarter
        ({0.1: 2.4, 0.3: 1.1, 1.0: 1.0, 3.0: 1.4, 10.0: 4.0}, STUCK, 0.1),  # stuck, and a tenth falls half as far
        ({0.1: 2.4, 0.3: 1.1, 1.0: 1.0, 3.0: 1.4, 10.0: 4.0}, MOVING, 1.0),  # still learning
        ({0.1: 3.4, 0.3: 2.1, 1.0: 1.0, 3.0: 1.4, 10.0: 4.0}, STUCK, 1.0),  # stuck for another reason
        ({1.0: 2.0}, STUCK, 1.0),  # nothing else was measured
    ],
)
def test_the_better_rate(losses: dict[float, float], metrics: tuple[float, float], factor: float) -> None:
    early, late = metrics
    evals = [
        {"step": n, "epoch": n / 4, "dev_loss": 1.0, "dev_metric": 0.1, "train_loss": 1.0, "train_metric": metric}
        for n, metric in ((0, 0.0), (2, early), (4, late), (8, late))
    ]
    curves = read(trained([2.0] * 8).model_copy(update={"evals": evals}))
    assert curves is not None

    assert better_rate(curves, Response(4.0, losses), LIMITS) == factor
