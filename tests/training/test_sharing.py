"""Which rows of a step go to which process."""

from __future__ import annotations

import itertools
import random

import pytest

from fittingroom.models.packing import in_order
from fittingroom.training.sharing import shares


def cost(ids: list[list[int]], part: list[int]) -> int:
    """Tokens that a part computes, each shared head once."""
    order = in_order([ids[row] for row in part])
    return sum(order.lengths) - sum(order.shared)


def rows(seed: int, count: int) -> list[list[int]]:
    dice = random.Random(seed)
    heads = [[dice.randrange(9) for _ in range(dice.randint(0, 8))] for _ in range(3)]
    return [dice.choice(heads) + [dice.randrange(9) for _ in range(dice.randint(1, 6))] for _ in range(count)]


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(("count", "parts"), [(1, 4), (3, 4), (17, 2), (40, 4), (0, 2), (5, 1)])
def test_every_row_goes_to_one_process(count: int, parts: int, packed: bool) -> None:
    given = rows(count, count)
    made = shares(given, parts, packed=packed)
    assert len(made) == parts
    assert sorted(row for part in made for row in part) == list(range(count))


@pytest.mark.parametrize("seed", range(6))
def test_the_dearest_part_is_as_cheap_as_neighbours_allow(seed: int) -> None:
    given = rows(seed, 9)
    order = in_order(given).rows
    found = max(cost(given, part) for part in shares(given, 3, packed=True))
    best = min(
        max(cost(given, order[a:b]) for a, b in itertools.pairwise((0, *cuts, 9)))
        for cuts in itertools.combinations_with_replacement(range(10), 2)
    )
    assert found == best


def test_rows_that_begin_alike_stay_together() -> None:
    given = [[1] * 50 + [row] for row in range(4)] + [[2] * 50 + [row] for row in range(4)]
    dice = random.Random(3)
    dice.shuffle(given)
    made = shares(given, 2, packed=True)
    assert [{given[row][0] for row in part} for part in made] == [{1}, {2}]
