"""Folds: components on arrays are those on names, and groups are apportioned whole."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fittingroom.statistics.folds import apportion, assign, components, keyed_order, keyed_ranks, tied

COLUMN = st.lists(st.integers(min_value=-1, max_value=12), min_size=1, max_size=40)


@settings(derandomize=True, max_examples=80, deadline=None)
@given(st.data(), COLUMN)
def test_tied_rows_are_the_components(data: st.DataObject, one: list[int]) -> None:
    other = data.draw(st.lists(st.integers(min_value=-1, max_value=12), min_size=len(one), max_size=len(one)))
    ids = [f"{row:03d}" for row in range(len(one))]
    named = [[None if value < 0 else f"v{value}" for value in column] for column in (one, other)]
    found = tied([np.array(one), np.array(other)], len(one))
    assert [ids[row] for row in found] == components(*named, ids=ids)


def test_ranks_order_as_the_keyed_names() -> None:
    names = [f"n{number}" for number in range(500)]
    ranks = keyed_ranks(3, names)
    order = np.lexsort((ranks[:, 1], ranks[:, 0]))
    assert [names[index] for index in order] == sorted(names, key=lambda name: keyed_order(3, name))


def test_groups_stay_whole_and_classes_are_spread() -> None:
    dice = random.Random(2)
    groups = [f"g{dice.randrange(900)}" for _ in range(3_000)]
    labels = ["rare" if dice.random() < 0.02 else dice.choice("ab") for _ in groups]
    parts = assign(groups, labels, [0.7, 0.1, 0.0, 0.2], seed=7)
    assert all(len({part for name, part in zip(groups, parts, strict=True) if name == one}) == 1 for one in set(groups))
    counts = Counter(parts)
    assert 2 not in counts
    for label in ("rare", "a", "b"):
        own = Counter(part for name, part in zip(labels, parts, strict=True) if name == label)
        for part, share in ((0, 0.7), (1, 0.1), (3, 0.2)):
            assert abs(own[part] - share * own.total()) <= max(2, 0.02 * own.total())
    order = list(range(len(groups)))
    dice.shuffle(order)
    moved = assign([groups[row] for row in order], [labels[row] for row in order], [0.7, 0.1, 0.0, 0.2], seed=7)
    assert [moved[order.index(row)] for row in range(100)] == parts[:100]


def test_no_rows_and_no_shares() -> None:
    empty = np.empty(0, dtype=np.int64)
    assert len(apportion(empty, empty, [1.0], np.empty((0, 2), dtype=np.uint64))) == 0
    with pytest.raises(ValueError, match="shares"):
        assign(["a"], ["b"], [0.0], seed=1)
