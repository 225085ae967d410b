"""Which rows belong together: clusters of texts that are alike once numbers and names are masked.

A cluster is a connected component: of texts alike in their wording or in their masked wording. Likeness is not
transitive, so a component that grows beyond a share of all rows is taken apart again by a rising threshold; copies stay
together whatever it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from fittingroom.statistics.folds import connected, first_of_component
from fittingroom.tasks.wordings import KEY, Distinct
from fittingroom.text.bands import Bands
from fittingroom.text.similarity import alike

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_STEP = 0.05


class Families(NamedTuple):
    """For every row the first row of its cluster, and counts."""

    first: NDArray[np.int64]
    facts: dict[str, Any]


def families(
    wordings: Distinct, place: NDArray[np.int64], bands: Bands, *, copy: float, like: float, most: float
) -> Families:
    """Clusters at threshold `like`. `place`: wording -> position in `bands`, -1 for one too short to be like another.

    Wordings that are alike at `copy` stay together even in a cluster that holds more than the share `most` of all rows.
    """
    import numpy as np

    pairs, scores = _alike(wordings, place, bands, like)
    both_keys = (wordings.kinds[pairs] & KEY).all(axis=1)
    bound = both_keys & (scores >= max(copy, like))
    ties = np.column_stack([wordings.of_key, wordings.of_mask])
    rows = len(wordings.of_key)
    cap = max(2.0, most * rows)
    stands = np.ones(len(pairs), dtype=np.bool_)
    threshold, raised = like, 0
    while True:
        component = connected(wordings.count, np.concatenate([pairs[stands], ties]))
        sizes = np.bincount(component[wordings.of_key])
        if sizes.max(initial=0) <= cap or threshold >= 1:
            break
        threshold = min(1.0, threshold + _STEP)
        big = sizes > cap
        raised = int(big.sum())
        stands &= bound | ~big[component[pairs[:, 0]]] | (scores >= threshold)
    facts = {
        "clusters": int((sizes > 0).sum()),
        "largest_cluster": int(sizes.max(initial=0)),
        "clusters_over_cap": raised,
        "cluster_threshold_used": round(threshold, 2),
    }
    return Families(first_of_component(component[wordings.of_key]), facts)


def _alike(
    wordings: Distinct, place: NDArray[np.int64], bands: Bands, threshold: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Pairs of wordings of one kind that are alike at the threshold, and how much."""
    import numpy as np

    if threshold >= 1:
        return np.empty((0, 2), dtype=np.int64), np.empty(0)
    long = np.flatnonzero(place >= 0)
    found = bands.candidates(threshold, entries=place[long], kinds=wordings.kinds[long])
    return alike(long[found], wordings.read, threshold)
