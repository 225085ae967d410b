"""How good a ranking is, question by question: recall, hit rate, NDCG, reciprocal rank; and of all of them together how
much of the catalogue is ever shown, and how far it is from what everybody buys.

Everything is an array with a value per question in [0, 1], so that intervals and paired differences are those of means
(grouped by customer). Definitions are those of trec_eval: the gain of a place is the grade itself (not 2^grade - 1),
discounted by log2(1 + rank) (Järvelin & Kekäläinen 2002, doi 10.1145/582415.582418); recall counts all that is
relevant, also what would not fit into k places. Novelty is the self-information of what is shown (Zhou et al. 2010,
doi 10.1073/pnas.1000488107), divided by that of goods that were bought once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

CUTS = (1, 5, 10)
"""Lengths of lists at which a ranking is judged."""
MEASURES = ("ndcg", "recall", "hit", "mrr")
METRICS = tuple(f"{measure}@{cut}" for cut in reversed(CUTS) for measure in MEASURES)
"""ndcg@10 first; every one a value in [0, 1] per question, higher is better."""
DEPTH = max(CUTS)


@dataclass(frozen=True)
class Judged:
    """What stands at each place of the lists of n questions, and what could have stood there."""

    gains: Floats
    """[n, DEPTH] gain of what stands at each place; 0 where it is worth nothing, or nothing stands there."""
    ideal: Floats
    """[n, DEPTH] the gains of the best order."""
    relevant: NDArray[np.int64]
    """[n] how many relevant things there are."""
    relevant_from: float
    """From which gain on a thing is relevant."""


def judged(
    lists: Sequence[Sequence[str]], wanted: Sequence[Mapping[str, float]], *, relevant_from: float = 1.0
) -> Judged:
    """Lay rankings (best first) beside the gains in (0, 1] of what is wanted.

    Raises ValueError for a list that names a thing twice, and for a question to which nothing is relevant: no order of
    anything would be better than another.
    """
    import numpy as np

    gains, ideal = np.zeros((len(lists), DEPTH)), np.zeros((len(lists), DEPTH))
    relevant = np.zeros(len(lists), dtype=np.int64)
    for row, (ranked, gain) in enumerate(zip(lists, wanted, strict=True)):
        if len(set(ranked)) != len(ranked):
            raise ValueError(f"list {row} names a thing twice")
        relevant[row] = sum(value >= relevant_from for value in gain.values())
        if not relevant[row]:
            raise ValueError(f"nothing is relevant to question {row}")
        for place, name in enumerate(ranked[:DEPTH]):
            gains[row, place] = gain.get(name, 0.0)
        best = sorted(gain.values(), reverse=True)[:DEPTH]
        ideal[row, : len(best)] = best
    return Judged(gains, ideal, relevant, relevant_from)


def per_question(found: Judged) -> dict[str, Floats]:
    """Name of the metric -> [n] values in [0, 1], in the order of `METRICS`."""
    return {f"{measure}@{cut}": _MEASURES[measure](found, cut) for cut in reversed(CUTS) for measure in MEASURES}


def _ndcg(found: Judged, cut: int) -> Floats:
    import numpy as np

    discount = 1.0 / np.log2(np.arange(2, cut + 2))
    best: Floats = found.ideal[:, :cut] @ discount
    ratio: Floats = (found.gains[:, :cut] @ discount) / best
    return np.minimum(ratio, 1.0)


def _recall(found: Judged, cut: int) -> Floats:
    met: Floats = _relevant(found, cut).sum(axis=1) / found.relevant
    return met


def _hit(found: Judged, cut: int) -> Floats:
    import numpy as np

    hit: Floats = np.asarray(_relevant(found, cut).any(axis=1), dtype=np.float64)
    return hit


def _mrr(found: Judged, cut: int) -> Floats:
    import numpy as np

    relevant = _relevant(found, cut)
    first: Floats = np.where(relevant.any(axis=1), 1.0 / (relevant.argmax(axis=1) + 1), 0.0)
    return first


def _relevant(found: Judged, cut: int) -> NDArray[np.bool_]:
    relevant: NDArray[np.bool_] = found.gains[:, :cut] >= found.relevant_from
    return relevant


_MEASURES = {"ndcg": _ndcg, "recall": _recall, "hit": _hit, "mrr": _mrr}


def coverage(lists: Sequence[Sequence[str]], catalogue: int, *, cut: int = DEPTH) -> float:
    """Share of a catalogue of so many goods that stands in the first `cut` places of any list. A ValueError for an
    empty catalogue.
    """
    if catalogue < 1:
        raise ValueError("a catalogue without goods has no share that is shown")
    return len({name for ranked in lists for name in ranked[:cut]}) / catalogue


def novelty(lists: Sequence[Sequence[str]], bought: Mapping[str, int], *, cut: int = DEPTH) -> Floats:
    """[n] how little known the first `cut` places of each list are on average: 0 where everybody buys nothing else, 1
    where all were bought at most once; 0 for an empty list.

    `bought`: how often each thing was bought in training.
    """
    import numpy as np

    total = sum(bought.values())
    if total < 2:
        return np.zeros(len(lists))
    means = np.zeros(len(lists))
    for row, ranked in enumerate(lists):
        shown = [bought.get(name, 0) for name in ranked[:cut]]
        if shown:
            means[row] = np.mean(np.log2(total / np.maximum(shown, 1))) / np.log2(total)
    return means
