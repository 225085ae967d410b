"""How far two samples are apart: distances that say how much, and tests that say whether it may be luck.

Shares of categories: population stability index and chi-square. Numbers: Kolmogorov-Smirnov, and PSI over the deciles
of the reference. Texts: a classifier that tries to tell the two samples apart (classifier two-sample test; Lopez-Paz &
Oquab 2017), judged by the area under its ROC curve on rows it has not seen, with an exact permutation test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_FEATURES = 2**18
_RIDGE = 1.0


class Shift(NamedTuple):
    """A distance and the probability of one at least as large if nothing had changed."""

    size: float
    p_value: float


def psi(reference: Mapping[str, int], window: Mapping[str, int]) -> float:
    """Population stability index of two counts by category, in nats; half a row is added to each (Jeffreys).

    Even without any change its expected value is about (categories - 1) x (1/rows + 1/rows), see `psi_noise`.
    """
    import math

    names = sorted(reference.keys() | window.keys())
    if not names:
        return 0.0
    total_r = sum(reference.values()) + 0.5 * len(names)
    total_w = sum(window.values()) + 0.5 * len(names)
    shares = [((reference.get(n, 0) + 0.5) / total_r, (window.get(n, 0) + 0.5) / total_w) for n in names]
    return sum((w - r) * math.log(w / r) for r, w in shares)


def psi_noise(categories: int, reference_rows: int, window_rows: int) -> float:
    """What PSI comes out at when nothing has changed (Yurdakul 2018): the part of it that is luck."""
    return max(categories - 1, 0) * (1 / max(reference_rows, 1) + 1 / max(window_rows, 1))


def category_shift(reference: Mapping[str, int], window: Mapping[str, int]) -> Shift:
    """PSI with the p-value of the chi-square test. Categories expected fewer than 5 times in either are pooled."""
    from scipy.stats import chi2_contingency

    total_r, total_w = sum(reference.values()), sum(window.values())
    pooled: dict[str, list[int]] = {}
    for name in sorted(reference.keys() | window.keys()):
        r, w = reference.get(name, 0), window.get(name, 0)
        expected = (r + w) * min(total_r, total_w) / max(total_r + total_w, 1)
        cell = pooled.setdefault(name if expected >= 5 else "", [0, 0])
        cell[0], cell[1] = cell[0] + r, cell[1] + w
    size = psi(reference, window)
    if len(pooled) < 2:
        return Shift(size, 1.0)
    return Shift(size, float(chi2_contingency(list(pooled.values())).pvalue))


def share_shift(reference: tuple[int, int], window: tuple[int, int]) -> Shift:
    """(hits, rows) against (hits, rows): the rise of the share, and the one-sided p-value of Fisher's exact test."""
    from scipy.stats import fisher_exact

    (hits_r, rows_r), (hits_w, rows_w) = reference, window
    rise = hits_w / max(rows_w, 1) - hits_r / max(rows_r, 1)
    table = [[hits_w, rows_w - hits_w], [hits_r, rows_r - hits_r]]
    return Shift(rise, float(fisher_exact(table, alternative="greater").pvalue))


def number_shift(reference: Sequence[float], window: Sequence[float]) -> Shift:
    """Kolmogorov-Smirnov: the largest distance of the two distribution functions, and its p-value."""
    from scipy.stats import ks_2samp

    found = ks_2samp(reference, window)
    return Shift(float(found.statistic), float(found.pvalue))


def binned(
    reference: Sequence[float], window: Sequence[float], bins: int = 10
) -> tuple[dict[str, int], dict[str, int]]:
    """Both samples counted in the quantile bins of the reference (fewer when values repeat)."""
    import numpy as np

    edges = np.unique(np.quantile(np.asarray(reference, dtype=float), np.linspace(0, 1, bins + 1)[1:-1]))
    counted = []
    for values in (reference, window):
        place = np.searchsorted(edges, np.asarray(values, dtype=float), side="left")
        counts = np.bincount(place, minlength=len(edges) + 1)
        counted.append({f"{index:02d}": int(count) for index, count in enumerate(counts)})
    return counted[0], counted[1]


def text_shift(
    reference: Sequence[str], window: Sequence[str], *, seed: int, folds: int = 5, permutations: int = 999
) -> Shift:
    """Area under the ROC curve of a classifier that tells the window (1) from the reference (0).

    Ridge regression on hashed TF-IDF character n-grams (1 to 3), judged out of fold; the folds are shuffled and know
    nothing of the two samples, so the permutation test, which fits anew for every permutation, is exact. All
    permutations share one factorisation per fold: they are but more right-hand sides. 0.5 means no difference is to be
    seen; the p-value is one-sided. The two sides need not be equally long; up to a few thousand rows in all.
    """
    import numpy as np

    gram = _similarities([*reference, *window])
    rows = len(gram)
    random = np.random.default_rng(seed)
    fold = random.permutation(rows) % folds
    sides = np.empty((rows, permutations + 1))
    sides[:, 0] = np.arange(rows) >= len(reference)
    for column in range(1, permutations + 1):
        sides[:, column] = random.permutation(sides[:, 0])
    scores = np.empty_like(sides)
    for one in range(folds):
        out = fold == one
        scores[out] = _ridge(gram, sides, out)
    areas = _areas(sides, scores)
    as_large = int((areas[1:] >= areas[0] - 1e-12).sum())
    return Shift(float(areas[0]), (as_large + 1) / (permutations + 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for being several (Holm 1979): the chance of any false alarm stays below the level."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, p_values[place] * (len(p_values) - rank)))
        corrected[place] = largest
    return corrected


def _similarities(texts: Sequence[str]) -> Floats:
    """[n, n] dot products of hashed TF-IDF vectors of length 1, centred."""
    import numpy as np
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

    hashed = HashingVectorizer(
        analyzer="char", ngram_range=(1, 3), n_features=_FEATURES, norm=None, alternate_sign=False
    ).transform(texts)
    # Rare n-grams tell single rows from each other, never two samples: inverse document frequency is smoothed.
    vectors = TfidfTransformer(sublinear_tf=True).fit_transform(hashed)
    gram = np.asarray((vectors @ vectors.T).todense(), dtype=float)
    mean = gram.mean(axis=0)
    centred: Floats = gram - mean[:, None] - mean[None, :] + mean.mean()
    return centred


def _ridge(gram: Floats, sides: Floats, out: NDArray[np.bool_]) -> Floats:
    """Out-of-fold scores [rows out, columns]: kernel ridge on the other rows, one factorisation for all columns."""
    import numpy as np
    from scipy.linalg import cho_factor, cho_solve

    inside = gram[np.ix_(~out, ~out)] + _RIDGE * np.eye(int((~out).sum()))
    wanted = sides[~out] - sides[~out].mean(axis=0)
    scores: Floats = gram[np.ix_(out, ~out)] @ cho_solve(cho_factor(inside), wanted)
    return scores


def _areas(sides: Floats, scores: Floats) -> Floats:
    """ROC-AUC of every column, from mean ranks (Mann-Whitney)."""
    import numpy as np
    from scipy.stats import rankdata

    ranks = rankdata(scores, axis=0)
    ones = sides.sum(axis=0)
    areas: Floats = ((ranks * sides).sum(axis=0) - ones * (ones + 1) / 2) / (ones * (len(sides) - ones))
    return np.asarray(areas)
