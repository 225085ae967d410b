"""How far a mean of bounded values can be trusted: bounds that count what no row showed.

A bootstrap knows the rows it was given. Where nothing, or hardly anything, went wrong, it is too sure: with one mistake
in 200 rows its lower bound lies above that for none. So one group more than there are stands in every replicate, the
worst there could be for the lower bound and the best for the upper one, and the groups are weighed instead of drawn
(weights of a Dirichlet distribution; Rubin 1981). That is the bound of Gaffke (2005; Learned-Miller & Thomas 2020):

- of 0/1 values, one per group, it is exactly the binomial bound of Clopper & Pearson (1934), and of the difference of
  two contestants it lies above 0 exactly when the sign test (McNemar's, one-sided at 2.5 %) says so. There the
  distribution is computed and nothing is drawn;
- a row that turns from right to wrong can only lower it, as every replicate falls and the weights do not depend on it;
- where groups hold several rows, the group that nobody saw is as large as the one in which the average row stands
  (the mean size, weighted by size): twenty customers are twenty observations, however many rows they have.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from fittingroom.types import Interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fittingroom.statistics.intervals import Resamples

    Floats = NDArray[np.float64]

LEVEL = 0.95
TAIL = (1 - LEVEL) / 2
_NODES = 200
_HALVINGS = 40
_CELLS_AT_ONCE = 8_000_000  # replicates x groups held in memory at a time: 64 MB


class Sums(NamedTuple):
    """Per group [groups]: the sum of a value, and the rows to which it applies."""

    total: Floats
    many: Floats

    @classmethod
    def of(cls, column: Floats, drawn: Resamples) -> Sums:
        """`column` [n] in the order of the rows that were drawn, NaN where it does not apply. Raises ValueError for
        another length.
        """
        import numpy as np

        values = np.asarray(column, dtype=np.float64)
        if values.shape != drawn.unit.shape:
            raise ValueError(f"{len(values)} values for {len(drawn.unit)} drawn rows")
        there = np.isfinite(values)
        total = np.bincount(drawn.unit[there], weights=values[there], minlength=drawn.groups).astype(np.float64)
        many = np.bincount(drawn.unit[there], minlength=drawn.groups).astype(np.float64)
        return cls(total, many)


def mean_interval(column: Floats, drawn: Resamples, *, floor: float = 0.0, ceiling: float = 1.0) -> Interval:
    """The mean of `column` [n] over the rows to which it applies (not NaN), with its 95 % interval.

    No value may lie outside floor .. ceiling. Raises ValueError when it applies to no row.
    """
    import numpy as np

    width = ceiling - floor
    scaled = np.clip((np.asarray(column, dtype=np.float64) - floor) / width, 0.0, 1.0)
    sums = Sums.of(scaled, drawn)
    if not sums.many.any():
        raise ValueError("the value applies to no row")
    low, high = _bounds(scaled[np.isfinite(scaled)], sums, drawn)
    value = float(np.nansum(column) / sums.many.sum())  # not by way of the scale, which would round it
    return held(value, low * width + floor, high * width + floor)


def held(value: float, low: float, high: float) -> Interval:
    """An interval that holds its value, whatever is left of rounding."""
    return Interval(value=value, low=min(low, value), high=max(high, value))


def unbiased(found: Interval, spread: Floats, *, floor: float = 0.0) -> Interval:
    """An interval moved by twice as much as its replicates `spread` [r] lie beside the value on average; within `floor`
    and 1.

    The mean of a ratio over many classes of few rows falls when rows are weighed anew: once from the truth to the
    sample, and as much again from the sample to the replicates. What Efron's bias correction (1981; Efron & Tibshirani
    1993, section 14.3) makes of a spread that is as good as normal.
    """
    shift = 2 * (found.value - float(spread.mean()))
    return held(found.value, max(floor, found.low + shift), min(1.0, found.high + shift))


def tails(worse: Floats, better: Floats) -> tuple[float, float]:
    """The lower end of the replicates [r] with the worst that was not seen, the upper one of those with the best."""
    import numpy as np

    low = np.quantile(worse, TAIL, method="lower")
    return float(low), float(np.quantile(better, 1 - TAIL, method="higher"))


def size_of_unseen(many: Floats) -> float:
    """Rows in the group of an average row: the mean of the groups' sizes [groups], weighted by size."""
    return float((many**2).sum() / max(float(many.sum()), 1.0))


def product(weights: NDArray[np.uint16], column: Floats) -> Floats:
    """[replicates] = weights [replicates, groups] @ column [groups], in blocks of bounded size."""
    import numpy as np

    result: Floats = np.empty(len(weights))
    step = max(1, _CELLS_AT_ONCE // max(len(column), 1))
    for start in range(0, len(weights), step):
        result[start : start + step] = weights[start : start + step].astype(np.float64) @ column
    return result


def _bounds(values: Floats, sums: Sums, drawn: Resamples) -> tuple[float, float]:
    """Of values [m] in 0..1: computed where each stands alone and is 0, ½ or 1; else from the replicates."""
    import numpy as np

    best, worst = int((values == 1.0).sum()), int((values == 0.0).sum())
    if sums.many.max() <= 1 and best + worst + int((values == 0.5).sum()) == len(values):
        low, high = exact_gap(best, worst, len(values))
        return (1 + low) / 2, (1 + high) / 2
    rows, total = product(drawn.weights, sums.many), product(drawn.weights, sums.total)
    unseen = drawn.unseen.astype(np.float64) * size_of_unseen(sums.many)
    return tails(total / (rows + unseen), (total + unseen) / (rows + unseen))


@lru_cache(maxsize=4096)
def exact_gap(better: int, worse: int, rows: int) -> tuple[float, float]:
    """Bounds of (better - worse) / rows, each of the rows being better, worse or neither. With better + worse = rows
    they are 2p - 1 of the Clopper-Pearson bounds p of the share that is better.
    """
    return _lower(better, worse, rows), -_lower(worse, better, rows)


def _lower(better: int, worse: int, rows: int) -> float:
    """The 2.5 % quantile of B - W, where (B, W, rest) ~ Dirichlet(better, worse + 1, rest): B + W is a beta variable,
    and B's share in it another that does not depend on it: a sum over quantiles of the first gives the distribution.
    """
    import numpy as np
    from scipy.special import betainc, betaincinv

    rest = rows - better - worse
    if better == 0:
        return -float(betaincinv(worse + 1, rest, 1 - TAIL)) if rest else -1.0
    if rest == 0:
        return 2 * float(betaincinv(better, worse + 1, TAIL)) - 1
    nodes, shares = np.polynomial.legendre.leggauss(_NODES)
    together = np.maximum(betaincinv(better + worse + 1, rest, (nodes + 1) / 2), 1e-300)

    def below(gap: float) -> float:
        """P(B - W < gap)."""
        share = np.clip((1 + gap / together) / 2, 0.0, 1.0)
        return float(shares @ betainc(better, worse + 1, share)) / 2

    low, high = -1.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) < TAIL else (low, middle)
    return low
