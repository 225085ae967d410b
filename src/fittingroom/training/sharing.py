"""Which rows of an optimiser step, or of an evaluation, go to which process.

Rows are put in the order of their tokens and cut into neighbouring parts, so that what begins alike stays together and
is computed once; the cut is the one whose dearest part is cheapest, by the tokens that have to be computed.
"""

from __future__ import annotations

from collections.abc import Sequence

from fittingroom.models.packing import Order, in_order


def shares(ids: Sequence[Sequence[int]], parts: int, *, packed: bool) -> list[list[int]]:
    """For every part the indices of its rows; together each index once. With fewer rows than parts some are empty.

    `packed` False: nothing is shared, so rows go by length, which leaves the least padding in a part.
    """
    if parts == 1:
        return [list(range(len(ids)))]
    order = in_order(ids) if packed else _by_length(ids)
    low, high = 0, sum(order.lengths)
    while low < high:  # the smallest cap under which the rows fit into the parts
        cap = (low + high) // 2
        if _cut(order, cap, parts) is None:
            low = cap + 1
        else:
            high = cap
    made = _cut(order, low, parts)
    assert made is not None, "one part holds all rows when the cap is their sum"
    return made + [[] for _ in range(parts - len(made))]


def _by_length(ids: Sequence[Sequence[int]]) -> Order:
    rows = sorted(range(len(ids)), key=lambda row: (len(ids[row]), row))
    return Order(rows, [len(ids[row]) for row in rows], [0] * len(rows))


def _cut(order: Order, cap: int, parts: int) -> list[list[int]] | None:
    """Parts of at most `cap` computed tokens each, filled one after the other; None when they are too few."""
    made: list[list[int]] = []
    spent = 0
    for row, length, shared in zip(order.rows, order.lengths, order.shared, strict=True):
        # The first row of a part has nobody to share with.
        if made and spent + length - shared <= cap:
            spent += length - shared
            made[-1].append(row)
        elif length > cap or len(made) == parts:
            return None
        else:
            spent = length
            made.append([row])
    return made
