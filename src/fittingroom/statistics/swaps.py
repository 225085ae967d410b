"""P-values of paired comparisons: how often a difference as large would come of two contestants that are alike.

If they were alike, it would not matter which of the two gave which answer; so the answers of a random half of the
groups (customers, conversations) are swapped, many times over, and the difference is measured again (paired
randomisation test; Noreen 1989; Yeh 2000 for F1). Groups are swapped whole, as rows of one customer resemble each
other. Two-sided; the smallest p that R swaps can show is 1 / (R + 1).

The interval of the difference says how much, p whether: the gate wants both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fittingroom.statistics.intervals import (
    METRICS,
    Counts,
    Resamples,
    confusion_matrix,
    counts_of,
    metrics_of,
    replicate_counts,
)
from fittingroom.statistics.means import means_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

_TIE = 1e-12


def swap_p_values(
    target: Ints, ours: Ints, theirs: Ints, classes: int, drawn: Resamples, *, seed: int
) -> dict[str, float]:
    """p per metric of a closed set; target, ours and theirs are [n] class indices from 0 to classes-1.

    As many swaps as `drawn` has replicates. 1.0 where both say the same on every row.
    """
    swapped, kept = _swaps(drawn, seed)

    def mixed(one: Ints, other: Ints) -> dict[str, Floats]:
        a, b = replicate_counts(target, one, classes, kept), replicate_counts(target, other, classes, swapped)
        return metrics_of(Counts(a.hits + b.hits, a.support + b.support, a.predicted + b.predicted))

    first, second = mixed(ours, theirs), mixed(theirs, ours)
    value_a = metrics_of(counts_of(confusion_matrix(target, ours, classes)))
    value_b = metrics_of(counts_of(confusion_matrix(target, theirs, classes)))
    return {name: _p(float(value_a[name] - value_b[name]), first[name] - second[name]) for name in METRICS}


def swap_p_means(
    ours: Mapping[str, Floats], theirs: Mapping[str, Floats], drawn: Resamples, *, seed: int
) -> dict[str, float]:
    """p per metric that is a mean over rows ([n] per metric, NaN where it does not apply) and that both have."""
    import numpy as np

    swapped, _ = _swaps(drawn, seed)
    found: dict[str, float] = {}
    for name in ours:
        if name not in theirs:
            continue
        mine, other = np.asarray(ours[name], dtype=np.float64), np.asarray(theirs[name], dtype=np.float64)
        if not np.isfinite(mine).any() or not np.isfinite(other).any():
            continue
        spread = means_of(mine, other, swapped) - means_of(other, mine, swapped)
        found[name] = _p(float(np.nanmean(mine) - np.nanmean(other)), spread[np.isfinite(spread)])
    return found


def _swaps(drawn: Resamples, seed: int) -> tuple[Resamples, Resamples]:
    """[swaps, groups] which groups are swapped, and which are not."""
    import numpy as np

    random = np.random.default_rng([seed, 1])  # not the draws of the intervals
    swapped = random.integers(2, size=drawn.weights.shape, dtype=np.uint16)
    kept, nothing = (1 - swapped).astype(np.uint16), np.zeros(len(swapped), dtype=np.uint16)
    return Resamples(drawn.unit, swapped, nothing), Resamples(drawn.unit, kept, nothing)


def _p(value: float, spread: Floats) -> float:
    import numpy as np

    return float((1 + int((np.abs(spread) >= abs(value) - _TIE).sum())) / (len(spread) + 1))
