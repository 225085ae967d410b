"""How far annotators agree, and what is most likely true when they do not.

Every function takes ratings as one mapping per item: annotator -> label. Nobody needs to have seen everything.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Ratings = Sequence[Mapping[str, str]]


def majority(votes: Mapping[str, str] | Sequence[str]) -> str | None:
    """The label that most annotators gave; None on a tie or without votes."""
    labels = list(votes.values()) if isinstance(votes, Mapping) else list(votes)
    counts = Counter(labels).most_common(2)
    if not counts or (len(counts) == 2 and counts[0][1] == counts[1][1]):
        return None
    return counts[0][0]


def cohen_kappa(left: Sequence[str], right: Sequence[str]) -> float | None:
    """Cohen's kappa (1960) of two annotators over the same items; None when chance alone would agree fully."""
    if len(left) != len(right):
        raise ValueError(f"{len(left)} labels against {len(right)}")
    if not left:
        return None
    rows = len(left)
    observed = sum(one == other for one, other in zip(left, right, strict=True)) / rows
    first, second = Counter(left), Counter(right)
    expected = sum(first[label] * second[label] for label in first) / rows**2
    return None if expected >= 1 else (observed - expected) / (1 - expected)


def fleiss_kappa(ratings: Ratings) -> float | None:
    """Fleiss' kappa (1971), for items with differing numbers of ratings; items with fewer than two are left out.

    Each item's agreement is its share of agreeing pairs; all items weigh the same. None without such an item, or when
    chance alone would agree fully.
    """
    items = [Counter(votes.values()) for votes in ratings if len(votes) >= 2]
    if not items:
        return None
    observed = sum(
        sum(count * (count - 1) for count in item.values()) / (item.total() * (item.total() - 1)) for item in items
    ) / len(items)
    shares: defaultdict[str, float] = defaultdict(float)
    for item in items:
        for label, count in item.items():
            shares[label] += count / item.total() / len(items)
    expected = sum(share**2 for share in shares.values())
    return None if expected >= 1 - 1e-12 else (observed - expected) / (1 - expected)


def krippendorff_alpha(ratings: Ratings) -> float | None:
    """Krippendorff's alpha for nominal labels (2011 computation); None without a pair or with one label only."""
    items = [Counter(votes.values()) for votes in ratings if len(votes) >= 2]
    totals: Counter[str] = Counter()
    for item in items:
        totals.update(item)
    pairs = totals.total()
    if pairs < 2 or len(totals) < 2:
        return None
    disagreeing = sum(
        sum(count * (item.total() - count) for count in item.values()) / (item.total() - 1) for item in items
    )
    expected = sum(count * (pairs - count) for count in totals.values()) / (pairs - 1)
    return 1 - disagreeing / expected


@dataclass(frozen=True)
class Consensus:
    """What Dawid and Skene's model believes."""

    labels: list[str]
    """Sorted; the order of the columns."""
    probabilities: NDArray[np.float64]
    """Shape (items, labels), rows sum to 1; the class prior for an item without ratings."""
    competence: dict[str, float]
    """annotator -> expected share of right labels."""
    iterations: int
    converged: bool


def dawid_skene(ratings: Ratings, *, iterations: int = 300, tolerance: float = 1e-4) -> Consensus:
    """Dawid and Skene's estimate (1979) of the true labels and of each annotator's confusion, by EM from the majority.

    Confusions are smoothed by one hundredth of a vote per cell plus a diagonal start, so that an annotator with few
    labels is neither trusted nor distrusted fully. Raises ValueError without a single rating.
    """
    import numpy as np

    kinds = sorted({label for votes in ratings for label in votes.values()})
    people = sorted({person for votes in ratings for person in votes})
    if not kinds:
        raise ValueError("there is no rating")
    code = {label: index for index, label in enumerate(kinds)}
    place = {person: index for index, person in enumerate(people)}
    triples = [
        (item, place[person], code[votes[person]]) for item, votes in enumerate(ratings) for person in sorted(votes)
    ]
    item, person, given = (np.asarray(column, dtype=np.intp) for column in zip(*triples, strict=True))
    count, size = len(ratings), len(kinds)
    belief = np.zeros((count, size))
    np.add.at(belief, (item, given), 1.0)
    rated = belief.sum(axis=1) > 0
    belief[rated] /= belief[rated].sum(axis=1, keepdims=True)
    step, change = 0, np.inf
    confusion = np.empty((len(people), size, size))
    while step < iterations and change > tolerance:
        step += 1
        prior = np.maximum(belief[rated].mean(axis=0), 1e-12)
        confusion[:] = 0.01 + 0.5 * np.eye(size)
        np.add.at(confusion.transpose(0, 2, 1), (person, given), belief[item])
        confusion /= confusion.sum(axis=2, keepdims=True)
        logs = np.tile(np.log(prior), (count, 1))
        np.add.at(logs, item, np.log(confusion[person, :, given]))
        moved = np.exp(logs - logs.max(axis=1, keepdims=True))
        moved /= moved.sum(axis=1, keepdims=True)
        change = float(np.abs(moved[rated] - belief[rated]).max())
        belief = moved
    right = np.zeros(len(people))
    np.add.at(right, person, belief[item, given])
    seen = np.bincount(person, minlength=len(people))
    competence = {name: float(right[index] / seen[index]) for index, name in enumerate(people)}
    return Consensus(kinds, belief, competence, step, change <= tolerance)


def crowdlab(
    ratings: Ratings, labels: Sequence[str], chances: NDArray[np.float64]
) -> tuple[list[str], list[float], dict[str, float]]:
    """CROWDLAB (Goh, Tkachenko, Mueller 2022, "CROWDLAB: Supervised learning to infer consensus labels and quality
    scores for data with multiple annotators"), by cleanlab: annotators and a model, each weighed by how well it agrees.

    labels: the columns of `chances`, the model's out-of-fold probabilities, shape (items, labels); a label that the
    model does not know has none of them. Returns the label of
    each item, its quality (probability that it is right) and annotator -> quality. Raises ValueError for an item
    without a rating.
    """
    import contextlib
    import io
    import warnings

    import numpy as np
    from cleanlab.multiannotator import get_label_quality_multiannotator

    people = sorted({person for votes in ratings for person in votes})
    kinds = [*labels, *sorted({label for votes in ratings for label in votes.values()} - set(labels))]
    chances = np.pad(chances, ((0, 0), (0, len(kinds) - len(labels)))) + 1e-9
    chances /= chances.sum(axis=1, keepdims=True)
    code = {label: index for index, label in enumerate(kinds)}
    place = {person: index for index, person in enumerate(people)}
    given = np.full((len(ratings), len(people)), np.nan)
    for item, votes in enumerate(ratings):
        if not votes:
            raise ValueError(f"item {item} has no rating")
        for person, label in votes.items():
            given[item, place[person]] = code[label]
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):  # it prints of annotators with few items
        warnings.simplefilter("ignore")
        found = get_label_quality_multiannotator(given, chances, consensus_method="best_quality", verbose=False)
    table, people_table = found["label_quality"], found["annotator_stats"]
    quality = {people[int(index)]: float(value) for index, value in people_table["annotator_quality"].items()}
    return (
        [kinds[int(index)] for index in table["consensus_label"]],
        [float(value) for value in table["consensus_quality_score"]],
        {name: quality[name] for name in sorted(quality)},
    )
