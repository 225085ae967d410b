"""Scores of a classifier, and how far they can be trusted.

Everything is computed from three counts per class (hits, true rows, predicted rows), so that a thousand bootstrap
replicates are one sparse matrix product and never a loop over rows.

What is weighed are groups (a customer, a conversation), not rows: rows of one customer resemble each other, and
weighing them one by one would make the interval too narrow (cluster bootstrap; Field & Welsh 2007). The weights are
those of the Bayesian bootstrap (Rubin 1981): no class vanishes from a replicate. What no row showed is counted as
`statistics.bounds` says; for macro averages the group that nobody saw belongs to the class of which the fewest groups
tell, where a mistake costs most. Macro-F1 is corrected for the bias that it has with many classes of few rows
(`statistics.bounds.unbiased`). Differences between two contestants are paired: both on the same replicates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fittingroom.statistics.bounds import TAIL, held, mean_interval, size_of_unseen, tails, unbiased
from fittingroom.types import Interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

METRICS = ("accuracy", "macro_precision", "macro_recall", "macro_f1")
_BIASED = "macro_f1"
"""Both ends of its ratio move when rows are weighed anew; precision and recall have one that stays."""
_UNIT = 2000
"""Weights are kept as whole numbers: a mean weight of 1 as 2000. Sums of them are exact in any order."""
_CELLS_AT_ONCE = 8_000_000  # replicates x groups held in memory at a time: 64 MB


@dataclass(frozen=True)
class Counts:
    """Hits, true rows and predicted rows per class: three arrays [..., k] with the same leading shape."""

    hits: Floats
    support: Floats
    predicted: Floats


def confusion_matrix(target: Ints, predicted: Ints, classes: int) -> Ints:
    """[k, k] counts: rows are true classes, columns predicted ones. Class indices run from 0 to k-1."""
    import numpy as np

    cells = np.bincount(target * classes + predicted, minlength=classes * classes)
    matrix: Ints = cells.reshape(classes, classes).astype(np.int64)
    return matrix


def counts_of(confusion: Ints) -> Counts:
    """Counts [..., k] of confusion matrices [..., k, k]."""
    import numpy as np

    cells = np.asarray(confusion, dtype=np.float64)
    return Counts(np.diagonal(cells, axis1=-2, axis2=-1).copy(), cells.sum(axis=-1), cells.sum(axis=-2))


def per_class(counts: Counts) -> dict[str, Floats]:
    """Precision, recall and F1, each [..., k]; 0 where there was nothing to measure (zero_division=0)."""
    return {
        "precision": _ratio(counts.hits, counts.predicted),
        "recall": _ratio(counts.hits, counts.support),
        "f1": _ratio(2 * counts.hits, counts.support + counts.predicted),
    }


def metrics_of(counts: Counts) -> dict[str, Floats]:
    """The four metrics, each of the leading shape [...].

    Macro averages go over the classes that occur among the true or the predicted labels, which is what scikit-learn
    does when it is not told the labels; a class of which there is no trace is neither right nor wrong.
    """
    import numpy as np

    seen = (counts.support + counts.predicted) > 0
    many = np.maximum(seen.sum(axis=-1), 1)
    metrics = {"accuracy": _ratio(counts.hits.sum(axis=-1), counts.support.sum(axis=-1))}
    for name, values in per_class(counts).items():
        metrics[f"macro_{name}"] = np.where(seen, values, 0.0).sum(axis=-1) / many
    return {name: metrics[name] for name in METRICS}


@dataclass(frozen=True)
class Resamples:
    """Bootstrap weights, drawn once and shared by all contestants, which is what pairs them.

    unit [n] is the index of each row's group; weights [replicates, groups] says how much a group counts; unseen
    [replicates] how much the one counts that nobody saw.
    """

    unit: Ints
    weights: NDArray[np.uint16]
    unseen: NDArray[np.uint16]

    @property
    def groups(self) -> int:
        """How many groups there are: the sample size that the interval really has."""
        return int(self.weights.shape[1])


def resamples(groups: Sequence[str], *, replicates: int = 1000, seed: int = 0) -> Resamples:
    """Draw `replicates` weightings of the groups, each weight exponential with the mean 1.

    The groups are numbered in sorted order, so the draw depends on their names and the seed only.
    """
    import numpy as np

    names, unit = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    many = len(names)
    random = np.random.default_rng(seed)
    weights = np.empty((replicates, many), dtype=np.uint16)
    step = max(1, _CELLS_AT_ONCE // max(many, 1))
    for start in range(0, replicates, step):
        weights[start : start + step] = _weights(random, (min(step, replicates - start), many))
    return Resamples(unit.astype(np.int64).ravel(), weights, _weights(random, (replicates,)))


def _weights(random: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.uint16]:
    """Never 0, so that nothing vanishes, and below 2**16: a weight of 32 comes once in 10**14 draws."""
    import numpy as np

    drawn = random.standard_exponential(shape, dtype=np.float32)
    found: NDArray[np.uint16] = np.clip(np.rint(drawn * _UNIT), 1, 2**16 - 1).astype(np.uint16)
    return found


def replicate_counts(target: Ints, predicted: Ints, classes: int, drawn: Resamples) -> Counts:
    """Counts [replicates, k] of the classifier on every replicate. target and predicted are [n] class indices."""
    import numpy as np

    right = target == predicted
    return Counts(
        _weighted(target[right], drawn.unit[right], classes, drawn),
        _weighted(target, drawn.unit, classes, drawn),
        _weighted(np.asarray(predicted), drawn.unit, classes, drawn),
    )


def bootstrap(target: Ints, predicted: Ints, classes: int, drawn: Resamples) -> dict[str, Interval]:
    """The four metrics with their intervals. target and predicted are [n] class indices from 0 to classes-1."""
    import numpy as np

    values = metrics_of(counts_of(confusion_matrix(target, predicted, classes)))
    counts, unseen = replicate_counts(target, predicted, classes, drawn), _unseen(target, classes, drawn)
    right = np.asarray(target == predicted, dtype=np.float64)
    found = {"accuracy": mean_interval(right, drawn)}
    for name in METRICS[1:]:
        low, high = tails(unseen.wrong(counts, name), unseen.right(counts, name))
        found[name] = held(float(values[name]), low, high)
    return found | {_BIASED: unbiased(found[_BIASED], metrics_of(counts)[_BIASED])}


def paired_bootstrap(target: Ints, ours: Ints, theirs: Ints, classes: int, drawn: Resamples) -> dict[str, Interval]:
    """Ours minus theirs, per metric, both scored on the same replicates.

    Two contestants that say the same on every row differ by 0 here; their interval says how much of a difference so few
    rows may have missed.
    """
    import numpy as np

    value_a = metrics_of(counts_of(confusion_matrix(target, ours, classes)))
    value_b = metrics_of(counts_of(confusion_matrix(target, theirs, classes)))
    mine, other = (replicate_counts(target, said, classes, drawn) for said in (ours, theirs))
    unseen = _unseen(target, classes, drawn)
    gaps = (target == ours).astype(np.float64) - (target == theirs).astype(np.float64)
    found = {"accuracy": mean_interval(gaps, drawn, floor=-1.0)}
    for name in METRICS[1:]:
        worst = unseen.wrong(mine, name) - unseen.right(other, name)
        low, high = tails(worst, unseen.right(mine, name) - unseen.wrong(other, name))
        found[name] = held(float(value_a[name] - value_b[name]), low, high)
    spread = metrics_of(mine)[_BIASED] - metrics_of(other)[_BIASED]
    return found | {_BIASED: unbiased(found[_BIASED], spread, floor=-1.0)}


@dataclass(frozen=True)
class _Unseen:
    """The group that nobody saw, as rows of the class of which the fewest groups tell."""

    weight: Floats
    """[replicates], in rows."""
    rarest: int
    second: int | None
    """The class it is taken for; None where the exam holds one class only."""

    def wrong(self, counts: Counts, metric: str) -> Floats:
        """The metric [replicates] where the group is answered wrongly."""
        true, said = self._classes(metric)
        support, predicted = counts.support.copy(), counts.predicted.copy()
        support[:, true] += self.weight
        if said is not None:
            predicted[:, said] += self.weight
        return metrics_of(Counts(counts.hits, support, predicted))[metric]

    def right(self, counts: Counts, metric: str) -> Floats:
        """The metric [replicates] where it is answered rightly."""
        true, _ = self._classes(metric)
        added = Counts(counts.hits.copy(), counts.support.copy(), counts.predicted.copy())
        for column in (added.hits, added.support, added.predicted):
            column[:, true] += self.weight
        return metrics_of(added)[metric]

    def _classes(self, metric: str) -> tuple[int, int | None]:
        """True and said: what costs the rarest class its precision is a row of another that is taken for it."""
        if metric == "macro_precision" and self.second is not None:
            return self.second, self.rarest
        return self.rarest, self.second


def _unseen(target: Ints, classes: int, drawn: Resamples) -> _Unseen:
    """It depends on the true classes only: a mistake more must not move it. Of equals the first class."""
    import numpy as np
    from scipy.sparse import csr_array

    table = csr_array((np.ones(len(target)), (drawn.unit, target)), shape=(drawn.groups, classes))
    table.sum_duplicates()
    rows, squares = np.asarray(table.sum(axis=0)).ravel(), np.asarray((table * table).sum(axis=0)).ravel()
    told = np.where(rows > 0, rows**2 / np.maximum(squares, 1.0), np.inf)  # how many groups of one size they are worth
    order = np.argsort(told, kind="stable")
    rarest, second = int(order[0]), int(order[1]) if classes > 1 and rows[order[1]] else None
    size = size_of_unseen(table[:, [rarest]].toarray().ravel())
    return _Unseen(drawn.unseen.astype(np.float64) * size, rarest, second)


def percentiles(value: float, spread: Floats) -> Interval:
    """The 95 % percentile interval of replicates [r] (Efron & Tibshirani 1993, chapter 13): for values without bounds,
    of which nobody can say how bad the next one may be.
    """
    import numpy as np

    low, high = np.quantile(spread, [TAIL, 1 - TAIL])
    return held(value, float(low), float(high))


def calibration(confidence: Floats, right: NDArray[np.bool_], *, bins: int = 10) -> dict[str, Any]:
    """Expected calibration error of the top label and its reliability bins (Guo et al. 2017, equal-width bins).

    confidence [n] in 0..1, right [n]. Bins without rows are left out. ECE is the mean gap weighted by rows.
    """
    import numpy as np

    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    rows = np.bincount(place, minlength=bins)
    sure = np.bincount(place, weights=confidence, minlength=bins)
    hit = np.bincount(place, weights=right.astype(np.float64), minlength=bins)
    table = [
        {
            "low": index / bins,
            "high": (index + 1) / bins,
            "rows": int(rows[index]),
            "confidence": float(sure[index] / rows[index]),
            "accuracy": float(hit[index] / rows[index]),
        }
        for index in range(bins)
        if rows[index]
    ]
    error = float(np.abs(hit - sure).sum() / max(len(confidence), 1))
    return {"ece": error, "mean_confidence": float(confidence.mean()) if len(confidence) else 0.0, "bins": table}


def _weighted(column: Ints, unit: Ints, classes: int, drawn: Resamples) -> Floats:
    """[replicates, k]: rows of each class in each replicate."""
    import numpy as np
    from scipy.sparse import csr_array

    shape = (drawn.groups, classes)
    table = csr_array((np.ones(len(column)), (unit, column)), shape=shape)
    table.sum_duplicates()
    result = np.empty((len(drawn.weights), classes))
    step = max(1, _CELLS_AT_ONCE // max(drawn.groups, 1))
    for start in range(0, len(drawn.weights), step):
        part = drawn.weights[start : start + step].astype(np.float64)
        result[start : start + step] = (table.T @ part.T).T
    return result


def _ratio(above: Any, below: Any) -> Floats:
    import numpy as np

    above, below = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    ratio: Floats = np.divide(above, below, out=np.zeros(np.broadcast(above, below).shape), where=below > 0)
    return ratio
