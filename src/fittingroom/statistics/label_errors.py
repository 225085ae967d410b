"""Which labels are probably wrong, and how well that is known.

Confident learning (Northcutt, Jiang, Chuang 2021, "Confident Learning: Estimating Uncertainty in Dataset Labels"), by
cleanlab, on out-of-fold probabilities.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fittingroom.statistics.folds import keyed_order
from fittingroom.statistics.linear import out_of_fold

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

COST = 0.25
"""Price of an error of the auditing model: lower than that of a predictor, which believes wrong labels too readily."""
SURE = 0.8
"""Probability of another label from which a row counts as wrong whatever confident learning counts."""


def probably_wrong(given: NDArray[np.intp], chances: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each given label is probably wrong: as many as confident learning counts, those least believed in, and
    every row for which the model is sure of another label (easy data has more of them than the count admits).

    given: column of each row's label, shape (rows,). chances: out-of-fold probabilities, shape (rows, labels). A row
    with probability 0 in its own class was not judged (see `OutOfFold`) and never counts as wrong.
    """
    import warnings

    import numpy as np
    from cleanlab.filter import find_label_issues

    with warnings.catch_warnings():  # it warns of classes with few rows; callers limit what they change per class
        warnings.simplefilter("ignore")
        found = find_label_issues(given, chances, filter_by="low_self_confidence", n_jobs=1)
    judged = chances[np.arange(len(given)), given] > 0
    sure = chances.max(axis=1) >= SURE
    return np.asarray((found | sure) & judged & (chances.argmax(axis=1) != given))


def detection_rate(
    texts: Sequence[str], labels: Sequence[str], groups: Sequence[str], *, folds: int, seed: int, share: float = 0.05
) -> float:
    """Share of wrong labels that `probably_wrong` finds on these rows, measured on labels made wrong for the purpose.

    Another label, drawn evenly, is given to `share` of the rows (at least 20, at most half of them). People confuse
    what is alike more often than that, so real mistakes are found somewhat less often. Costs one cross-validation.
    """
    import numpy as np

    kinds = sorted(set(labels))
    order = sorted(range(len(labels)), key=lambda index: keyed_order(seed, str(index)))
    changed = order[: min(len(labels) // 2, max(20, round(share * len(labels))))]
    dice = np.random.default_rng(seed)
    turned = list(labels)
    for index in changed:
        others = [kind for kind in kinds if kind != labels[index]]
        turned[index] = others[int(dice.integers(len(others)))]
    result = out_of_fold(texts, turned, groups, folds=folds, seed=seed, cost=COST)
    place = {name: column for column, name in enumerate(result.labels)}
    given = np.asarray([place[name] for name in turned], dtype=np.intp)
    return float(probably_wrong(given, result.probabilities)[changed].mean())
