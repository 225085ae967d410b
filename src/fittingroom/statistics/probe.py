"""A linear head on vectors: multinomial logistic regression, its strength chosen on held-out groups of train."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fittingroom.errors import UserError
from fittingroom.statistics.folds import assign

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float64]

_COSTS = (0.01, 0.1, 1.0)
"""Inverse strengths that are tried. Vectors are standardised, so these span from a strong bridle to a loose one."""
_FOLDS = 3
_MAX_ITERATIONS = 1000


@dataclass(frozen=True)
class Probe:
    """A fitted head; make it with `fit_probe`."""

    cost: float
    converged: bool
    _pipeline: Any

    def predict(self, vectors: Vectors) -> list[str]:
        """The most probable label of each vector [n, d]."""
        return [str(label) for label in self._pipeline.predict(vectors)]


def fit_probe(vectors: Vectors, labels: Sequence[str], groups: Sequence[str], *, seed: int) -> Probe:
    """Fit on vectors [n, d] with a label and a group each; deterministic for the same rows in the same order.

    Of equally good strengths the stronger bridle wins. Raises UserError when there are fewer than two classes.
    """
    import numpy as np

    names = np.asarray(labels, dtype=object)
    if len(set(labels)) < 2:
        raise UserError(
            f"a classifier needs rows of at least two classes, there are {len(labels)} rows of {len(set(labels))}",
            f"分类器至少需要两个类别的数据，现有 {len(labels)} 行，{len(set(labels))} 个类别",
        )
    part = np.asarray(assign(list(groups), list(labels), [1.0] * _FOLDS, seed=seed))
    right = dict.fromkeys(_COSTS, 0)
    for fold in range(_FOLDS):
        inside, outside = part == fold, part != fold
        if not inside.any() or len(set(names[outside].tolist())) < 2:
            continue
        for cost in _COSTS:
            said = _fitted(vectors[outside], names[outside], cost).predict(vectors[inside])
            right[cost] += int((said == names[inside]).sum())
    best = max(_COSTS, key=lambda cost: (right[cost], -cost))
    whole = _fitted(vectors, names, best)
    return Probe(best, bool(whole[-1].n_iter_.max() < _MAX_ITERATIONS), whole)


def _fitted(vectors: Vectors, names: NDArray[np.object_], cost: float) -> Any:
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    made = make_pipeline(StandardScaler(), LogisticRegression(C=cost, max_iter=_MAX_ITERATIONS))
    with warnings.catch_warnings():  # told by `converged`
        warnings.simplefilter("ignore", ConvergenceWarning)
        return made.fit(vectors, names.astype(str))
