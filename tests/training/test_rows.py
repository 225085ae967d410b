"""Batches depend on seed and epoch alone; samples keep the classes in proportion."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from fittingroom.training.rows import Batches, Encoded, sample

LENGTHS = [random.Random(5).randint(5, 60) for _ in range(203)]


@pytest.mark.parametrize("batch", [16, 1, 300, 7])
def test_every_row_once_in_steps_of_equal_size(batch: int) -> None:
    batches = Batches(LENGTHS, batch_size=batch, seed=1)
    made = batches.epoch_batches(0)
    assert sorted(row for one in made for row in one) == list(range(203))
    assert [len(one) for one in made[:-1]] == [batch] * (len(made) - 1)
    assert len(made) == batches.steps
    assert len(made) == len(batches)
    assert list(batches) == made


def test_the_order_follows_seed_and_epoch() -> None:
    def order(seed: int, epoch: int) -> list[list[int]]:
        return Batches(LENGTHS, batch_size=16, seed=seed).epoch_batches(epoch)

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)


def test_rows_of_like_length_share_a_batch() -> None:
    made = Batches(LENGTHS, batch_size=16, seed=1).epoch_batches(0)
    spread = [max(LENGTHS[row] for row in one) - min(LENGTHS[row] for row in one) for one in made]
    assert sum(spread) / len(spread) < 20


def encoded(wanted: list[int], empty: frozenset[int] = frozenset()) -> Encoded:
    ids = [[0, 1, 2]] * len(wanted)
    starts = [3 if row in empty else 2 for row in range(len(wanted))]
    return Encoded([f"r{row}" for row in range(len(wanted))], ids, starts, wanted, [1.0] * len(wanted), 0)


def test_a_sample_keeps_proportions_and_rare_classes() -> None:
    rows = encoded([0] * 900 + [1] * 90 + [2] * 10)
    chosen = sample(rows, 100, seed=3)
    assert Counter(rows.wanted[row] for row in chosen) == {0: 90, 1: 9, 2: 1}
    assert chosen == sample(rows, 100, seed=3)
    assert chosen != sample(rows, 100, seed=4)
    assert len(sample(rows, 5000, seed=3)) == 1000


def test_rows_without_an_answer_are_never_sampled_or_trained() -> None:
    rows = encoded([0, 1, 0, 1], empty=frozenset({1}))
    assert sample(rows, 10, seed=1) == [0, 2, 3]
    assert rows.with_loss() == [0, 2, 3]
    assert rows.only([0, 2, 3]).row_ids == ["r0", "r2", "r3"]
