"""Metrics that are means over rows: their intervals, differences and p-values, from the same draws as all others.

A metric is a number per row, such as the recall of one ranking or the overlap of one answer with its reference; NaN
where it does not apply (the recall of a hand-over, on a row that needs none). Its value is the mean over the rows to
which it applies. As in `statistics.intervals`, groups are resampled, never rows, and contestants share the draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fittingroom.statistics.intervals import Resamples, interval
from fittingroom.types import Interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Values = Mapping[str, "Floats"]
"""Metric -> [n], in the order of the rows that were drawn."""
_CELLS_AT_ONCE = 8_000_000


def bootstrap_means(
    values: Values, drawn: Resamples, *, floor: float = 0.0, ceiling: float = 1.0
) -> dict[str, Interval]:
    """Mean and 95 % interval per metric; `floor` and `ceiling` bound what a row can have.

    A metric that applies to no row is left out. Raises ValueError when a metric has not one value per drawn row.
    """
    found: dict[str, Interval] = {}
    for name, column in values.items():
        sums = _sums(column, drawn)
        if sums.many.sum() == 0:
            continue
        scaled = _means(sums, drawn.weights)
        found[name] = _in_bounds(float(sums.total.sum() / sums.many.sum()), scaled, sums, floor, ceiling)
    return found


def paired_means(
    ours: Values, theirs: Values, drawn: Resamples, *, floor: float = 0.0, ceiling: float = 1.0
) -> dict[str, Interval]:
    """Ours minus theirs per metric that both have, on the same replicates; values that are all equal differ by 0
    without a doubt.
    """
    import numpy as np

    found: dict[str, Interval] = {}
    for name in ours:
        if name not in theirs:
            continue
        mine, other = _sums(ours[name], drawn), _sums(theirs[name], drawn)
        if not mine.many.sum() or not other.many.sum():
            continue
        if np.array_equal(ours[name], theirs[name], equal_nan=True):
            found[name] = Interval(value=0.0, low=0.0, high=0.0)
            continue
        value = float(mine.total.sum() / mine.many.sum() - other.total.sum() / other.many.sum())
        spread = _means(mine, drawn.weights) - _means(other, drawn.weights)
        found[name] = _in_bounds(value, spread, mine, floor - ceiling, ceiling - floor)
    return found


def means_of(here: Floats, swapped: Floats, swaps: Resamples) -> Floats:
    """[swaps]: the mean of `here` [n], with the rows of the swapped groups taken from `swapped` [n]."""
    import numpy as np

    mine, other = _sums(here, swaps), _sums(swapped, swaps)
    total = mine.total.sum() + _product(swaps.weights, other.total - mine.total)
    many = mine.many.sum() + _product(swaps.weights, other.many - mine.many)
    result: Floats = np.where(many > 0, total / np.maximum(many, 1.0), np.nan)
    return result


class _Sums:
    """Per group: the sum of a metric, and the rows to which it applies."""

    def __init__(self, total: Floats, many: Floats) -> None:
        self.total = total
        self.many = many


def _sums(column: Floats, drawn: Resamples) -> _Sums:
    import numpy as np

    values = np.asarray(column, dtype=np.float64)
    if values.shape != drawn.unit.shape:
        raise ValueError(f"{len(values)} values for {len(drawn.unit)} drawn rows")
    there = np.isfinite(values)
    total = np.bincount(drawn.unit[there], weights=values[there], minlength=drawn.groups).astype(np.float64)
    many = np.bincount(drawn.unit[there], minlength=drawn.groups).astype(np.float64)
    return _Sums(total, many)


def _means(sums: _Sums, weights: NDArray[np.uint16]) -> Floats:
    """[replicates]; NaN where a replicate drew no row to which the metric applies."""
    import numpy as np

    rows = _product(weights, sums.many)
    result: Floats = np.where(rows > 0, _product(weights, sums.total) / np.maximum(rows, 1.0), np.nan)
    return result


def _product(weights: NDArray[np.uint16], column: Floats) -> Floats:
    """[replicates] = weights [replicates, groups] @ column [groups], in blocks of bounded size."""
    import numpy as np

    result: Floats = np.empty(len(weights))
    step = max(1, _CELLS_AT_ONCE // max(len(column), 1))
    for start in range(0, len(weights), step):
        result[start : start + step] = weights[start : start + step].astype(np.float64) @ column
    return result


def _in_bounds(value: float, spread: Floats, sums: _Sums, floor: float, ceiling: float) -> Interval:
    """The interval on the scale of the bounds, so that the bound for what no row showed is a share of it."""
    import numpy as np

    width, groups = ceiling - floor, int((sums.many > 0).sum())
    kept = spread[np.isfinite(spread)]
    found = interval((value - floor) / width, (kept - floor) / width, groups=groups, floor=0.0, ceiling=1.0)
    return Interval(value=value, low=found.low * width + floor, high=found.high * width + floor)
