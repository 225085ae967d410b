"""Whether training rows were learnt, of a closed set and of free answers."""

from __future__ import annotations

import pytest

from fittingroom.training.learnt import learnt_rows


def entry(step: int, *, dev: float, own: float, score: float = 0.0) -> dict[str, float]:
    return {"step": float(step), "dev_loss": dev, "train_loss": own, "train_metric": score}


def test_of_a_closed_set_the_kept_or_the_last_score_counts() -> None:
    evals = [entry(1, dev=1, own=1, score=0.99), entry(2, dev=1, own=1, score=0.5)]

    assert learnt_rows(evals, 1, free=False)
    assert not learnt_rows(evals, 2, free=False)
    assert not learnt_rows([], 0, free=False)


@pytest.mark.parametrize(
    ("dev", "own", "learnt"),
    [
        ([2.0, 1.0, 0.9], [2.0, 0.9, 0.8], False),  # both still fall
        ([2.0, 1.0, 1.1], [2.0, 0.9, 0.8], True),  # dev turned, training went on
        ([2.0, 1.0, 1.1], [2.0, 1.0, 1.1], False),  # both rose: not learnt, but driven off
        ([2.0, 1.0, 1.03], [2.0, 0.9, 0.8], False),  # noise
        ([2.0, 1.0, float("inf")], [2.0, 0.9, 0.8], False),
    ],
)
def test_of_free_answers_the_turn_of_the_loss_counts(dev: list[float], own: list[float], learnt: bool) -> None:
    evals = [entry(step, dev=new, own=seen, score=0.3) for step, (new, seen) in enumerate(zip(dev, own, strict=True))]

    assert learnt_rows(evals, 1, free=True) is learnt
