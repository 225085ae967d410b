"""Metrics that are means over rows: their intervals, differences and p-values, from the same draws as all others.

A metric is a number per row, such as the recall of one ranking or the overlap of one answer with its reference; NaN
where it does not apply (the recall of a hand-over, on a row that needs none). Its value is the mean over the rows to
which it applies. As in `statistics.intervals`, groups are resampled, never rows, and contestants share the draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fittingroom.statistics.bounds import Sums, mean_interval, product
from fittingroom.statistics.intervals import Resamples
from fittingroom.types import Interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Values = Mapping[str, "Floats"]
"""Metric -> [n], in the order of the rows that were drawn."""


def bootstrap_means(
    values: Values, drawn: Resamples, *, floor: float = 0.0, ceiling: float = 1.0
) -> dict[str, Interval]:
    """Mean and 95 % interval per metric; `floor` and `ceiling` bound what a row can have.

    A metric that applies to no row is left out. Raises ValueError when a metric has not one value per drawn row.
    """
    import numpy as np

    return {
        name: mean_interval(column, drawn, floor=floor, ceiling=ceiling)
        for name, column in values.items()
        if np.isfinite(column).any()
    }


def paired_means(
    ours: Values, theirs: Values, drawn: Resamples, *, floor: float = 0.0, ceiling: float = 1.0
) -> dict[str, Interval]:
    """Ours minus theirs per metric that both have, on the rows to which it applies for both, with the same weights.

    Contestants that are equal on every row differ by 0 here; their interval says how much of a difference so few rows
    may have missed.
    """
    import numpy as np

    width = ceiling - floor
    found: dict[str, Interval] = {}
    for name in ours:
        if name not in theirs:
            continue
        gaps = np.asarray(ours[name], dtype=np.float64) - np.asarray(theirs[name], dtype=np.float64)
        if np.isfinite(gaps).any():
            found[name] = mean_interval(gaps, drawn, floor=-width, ceiling=width)
    return found


def means_of(here: Floats, swapped: Floats, swaps: Resamples) -> Floats:
    """[swaps]: the mean of `here` [n], with the rows of the swapped groups taken from `swapped` [n]."""
    import numpy as np

    mine, other = Sums.of(here, swaps), Sums.of(swapped, swaps)
    total = mine.total.sum() + product(swaps.weights, other.total - mine.total)
    many = mine.many.sum() + product(swaps.weights, other.many - mine.many)
    result: Floats = np.where(many > 0, total / np.maximum(many, 1.0), np.nan)
    return result
