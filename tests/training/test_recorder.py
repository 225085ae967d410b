"""When training stops, which weights are best, and the schedule of the rate."""

from __future__ import annotations

import math

import pytest

from fittingroom.training.evaluation import evaluation_steps
from fittingroom.training.recorder import Recorder
from fittingroom.training.schedule import Schedule, rate_factor


def measured(metric: float, loss: float) -> dict[str, float]:
    return {"dev_loss": loss, "dev_metric": metric, "train_loss": loss, "train_metric": metric}


def walk(recorder: Recorder, losses: list[float]) -> None:
    for step, loss in enumerate(losses, 1):
        recorder.add(loss)
        recorder.step_done(step, epoch=0.0, rate=1.0, norm=1.0, ratio=0.1 if recorder.records(step) else None)


def test_the_metric_chooses_the_weights_and_patience_ends() -> None:
    recorder = Recorder(total=100, patience=2)
    assert recorder.evaluated(0, 0.0, measured(0.3, 2.0))
    assert recorder.evaluated(10, 1.0, measured(0.6, 1.0))
    assert not recorder.evaluated(20, 2.0, measured(0.5, 0.9))
    assert recorder.idle == 0, "the loss still falls: the model is still learning"
    assert recorder.evaluated(30, 3.0, measured(0.6, 0.8)), "the same metric with a lower loss is better"
    assert not recorder.evaluated(40, 4.0, measured(0.6, 0.85))
    assert recorder.stopped == ""
    assert not recorder.evaluated(50, 5.0, measured(0.59, 1.2))
    assert (recorder.best_step, recorder.stopped) == (30, "early_stopping")


def test_rows_learnt_by_heart_end_the_training() -> None:
    known = {"dev_loss": 0.5, "dev_metric": 0.7, "train_loss": 0.004, "train_metric": 1.0}
    recorder = Recorder(total=100, patience=3)
    recorder.evaluated(10, 1.0, known)
    assert recorder.stopped == "", "once may be luck"
    recorder.evaluated(20, 2.0, {**known, "dev_metric": 0.8})
    assert (recorder.best_step, recorder.stopped) == (20, "learnt_by_heart")
    for nearly in ({**known, "train_loss": 0.006}, {**known, "train_metric": 0.99}):
        learning = Recorder(total=100, patience=3)
        for step in (10, 20):
            learning.evaluated(step, 1.0, {**nearly, "dev_metric": step / 100})
        assert learning.stopped == ""
    endless = Recorder(total=100, patience=None)
    for step in (10, 20):
        endless.evaluated(step, 1.0, known)
    assert endless.stopped == ""


def test_without_patience_training_runs_to_the_end() -> None:
    recorder = Recorder(total=100, patience=None)
    for step in range(9):
        recorder.evaluated(step, 0.0, measured(0.5 - step / 100, 1.0 + step))
    assert recorder.stopped == ""
    assert recorder.best_step == 0


def test_divergence_and_not_a_number() -> None:
    calm = Recorder(total=200, patience=None)
    walk(calm, [2.0 - step / 200 + (3.0 if step % 20 == 0 else 0.0) for step in range(200)])
    assert calm.stopped == "", "single bad batches are no divergence"
    wild = Recorder(total=200, patience=None)
    walk(wild, [1.0] * 20 + [9.0] * 60)
    assert wild.stopped == "diverged"
    broken = Recorder(total=200, patience=None)
    walk(broken, [1.0, math.nan])
    assert broken.stopped == "non_finite"


def step(recorder: Recorder, number: int, loss: float, norm: float, ratio: float = 0.1) -> None:
    recorder.add(loss)
    recorder.step_done(number, epoch=0.0, rate=1.0, norm=norm, ratio=ratio if recorder.records(number) else None)


def test_dead_gradients_end_the_training_and_learnt_rows_do_not() -> None:
    dead = Recorder(total=100, patience=None)
    for number in range(1, 31):
        step(dead, number, 1.4, norm=0.5 if number <= 5 else 1e-9)
        assert dead.stopped == ("dead_gradients" if number >= 25 else "")
    learnt = Recorder(total=100, patience=None)
    for number in range(1, 60):
        step(learnt, number, 1e-4, norm=1e-9, ratio=0.0)
    assert learnt.stopped == "", "a small gradient on learnt rows says that they are learnt"
    gaps = Recorder(total=100, patience=None)
    for number in range(1, 100):
        step(gaps, number, 1.4, norm=0.5 if number % 15 == 0 else 0.0)
    assert gaps.stopped == "", "never twenty in a row"


def test_weights_that_no_step_moves_end_the_training() -> None:
    """The gradient is there, but every update is lost in rounding; in a long training only some steps are measured."""
    for total in (100, 4000):
        still = Recorder(total=total, patience=None)
        for number in range(1, total):
            step(still, number, 1.4, norm=0.5, ratio=0.0)
            if still.stopped:
                break
        assert still.stopped == "dead_gradients"
        assert number <= max(20, total // 20) + still.every
    moving = Recorder(total=100, patience=None)
    for number in range(1, 100):
        step(moving, number, 1.4, norm=0.5, ratio=0.0 if number % 2 else 1e-9)
    assert moving.stopped == ""


def test_it_is_the_metric_that_stops_and_not_the_loss() -> None:
    """The dev loss rises from the first evaluation on, as over-confident models do, while macro-F1 still climbs."""
    recorder = Recorder(total=100, patience=2)
    for number, metric in enumerate([0.3, 0.5, 0.6, 0.7, 0.8, 0.8, 0.79]):
        recorder.evaluated(number * 10, float(number), measured(metric, 1.0 + number / 10))
        assert recorder.stopped == ("early_stopping" if number == 6 else "")
    assert recorder.best_step == 40
    lowest_loss = min(recorder.evals, key=lambda entry: entry["dev_loss"])
    assert lowest_loss["step"] == 0


def test_records_are_means_over_long_trainings() -> None:
    recorder = Recorder(total=4000, patience=None)
    walk(recorder, [float(step % 10) for step in range(40)])
    assert recorder.every == 10
    assert [record["loss"] for record in recorder.steps] == [4.5] * 4
    again = Recorder(**recorder.state())
    assert again == recorder


@pytest.mark.parametrize(("steps", "epochs", "count"), [(500, 10.0, 10), (30, 1.0, 5), (3, 3.0, 3), (9000, 90.0, 30)])
def test_evaluations_end_at_the_end(steps: int, epochs: float, count: int) -> None:
    after = evaluation_steps(steps, epochs)
    assert len(after) == count
    assert after[-1] == steps
    assert after[0] >= 1


@pytest.mark.parametrize(
    ("schedule", "factors"),
    [
        ("cosine", [1 / 11, 1.0, 0.5, 0.0]),
        ("linear", [1 / 11, 1.0, 0.5, 0.0]),
        ("constant", [1 / 11, 1.0, 1.0, 1.0]),
        ("step", [1 / 11, 1.0, 0.1, 0.01]),
    ],
)
def test_schedules(schedule: Schedule, factors: list[float]) -> None:
    seen = [rate_factor(step, schedule=schedule, steps=110, warmup=10) for step in (0, 10, 60, 110)]
    assert seen == pytest.approx(factors, abs=1e-9)
