"""A linear text classifier: the honest baseline, and the auditor of labels.

TF-IDF over character n-grams of Chinese runs (1 to 3) and over words, word pairs and character n-grams (3 to 5) of
other scripts, so that mixed text needs no choice of language; one linear SVM per class (Fan et al. 2008, LIBLINEAR);
Platt's sigmoid per class on out-of-fold scores (Platt 1999, with his smoothed targets), normalised over the classes. A
linear SVM converges where a multinomial logistic regression on the same features often does not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from fittingroom.errors import UserError
from fittingroom.statistics.folds import assign

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

_PIECE = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]+|[^\W_\u3400-\u9fff\uf900-\ufaff]+|[^\w\s]|_")
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_MAX_ITERATIONS = 3000
_INNER_FOLDS = 4
_UNSEEN = -1e9


class OutOfFold(NamedTuple):
    """Predictions for rows by models that have seen neither the row nor its group."""

    probabilities: NDArray[np.float64]
    """Shape (rows, labels). Exactly 0 in a class that the fold's model had no example of: such a row was not judged."""
    labels: list[str]
    """Sorted; the order of the columns."""
    accuracy: float
    converged: bool
    """Whether every optimiser reached its tolerance; if not, the probabilities deserve no trust."""


@dataclass(frozen=True)
class LinearText:
    """A fitted classifier; make it with `fit_linear`."""

    labels: list[str]
    converged: bool
    _features: _Features
    _machine: _Machine
    _sigmoids: NDArray[np.float64]

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Calibrated probabilities, shape (texts, labels), rows sum to 1."""
        return _probabilities(self._machine.scores(self._features.matrix(texts)), self._sigmoids)

    def predict(self, texts: Sequence[str]) -> list[str]:
        """The most probable label of each text; the first in sorted order on a tie."""
        return [self.labels[index] for index in self.predict_proba(texts).argmax(axis=1)]


def fit_linear(
    texts: Sequence[str],
    labels: Sequence[str],
    *,
    seed: int,
    weights: Sequence[float] | None = None,
    groups: Sequence[str] | None = None,
    cost: float = 0.5,
) -> LinearText:
    """Fit on texts and labels; deterministic for the same rows in the same order.

    weights: one positive number per row. groups: rows of one group share a fold while calibrating (each row alone
    without it). cost: price of an error beside the width of the margin. Raises UserError when there are fewer than two
    classes or fewer than two rows per class.
    """
    import numpy as np

    kinds = _checked(texts, labels)
    target = _codes(kinds, labels)
    weight = None if weights is None else np.asarray(weights, dtype=float)
    names = [str(index) for index in range(len(texts))] if groups is None else list(groups)
    features = _Features.learn(texts)
    matrix = features.matrix(texts)
    part = np.asarray(assign(names, list(labels), [1.0] * _INNER_FOLDS, seed=seed))
    make = _Machine.maker(len(kinds), seed, cost)
    scores, inner_converged = _fold_scores(matrix, target, part, len(kinds), make, weight)
    machine = make(matrix, target, weight)
    converged = machine.converged and inner_converged
    return LinearText(kinds, converged, features, machine, _fit_sigmoids(scores, target))


def out_of_fold(
    texts: Sequence[str], labels: Sequence[str], groups: Sequence[str], *, folds: int = 5, seed: int, cost: float = 0.5
) -> OutOfFold:
    """Out-of-fold probabilities with grouped, stratified folds.

    The sigmoids of a fold are fitted on the out-of-fold scores of the other folds, so one SVM per fold is enough.
    Raises UserError for fewer than two classes, fewer than two rows per class, or fewer groups than folds.
    """
    import numpy as np

    kinds = _checked(texts, labels)
    found = len(set(groups))
    if folds < 2 or found < folds:
        raise UserError(
            f"{folds} folds need at least {max(folds, 2)} separate groups of rows, there are {found}: add rows",
            f"{folds} 折交叉验证至少需要 {max(folds, 2)} 个互不相关的数据组，现有 {found} 个：请增加数据",
        )
    target = _codes(kinds, labels)
    matrix = _Features.learn(texts).matrix(texts)
    part = np.asarray(assign(list(groups), list(labels), [1.0] * folds, seed=seed))
    scores, converged = _fold_scores(matrix, target, part, len(kinds), _Machine.maker(len(kinds), seed, cost), None)
    probabilities = np.zeros_like(scores)
    for fold in range(folds):
        inside, outside = part == fold, part != fold
        if inside.any():
            probabilities[inside] = _probabilities(scores[inside], _fit_sigmoids(scores[outside], target[outside]))
    accuracy = float((probabilities.argmax(axis=1) == target).mean())
    return OutOfFold(probabilities, kinds, accuracy, converged)


def grams(text: str) -> list[str]:
    """The features of a text: character n-grams of Chinese runs; words, word pairs and their n-grams otherwise."""
    found: list[str] = []
    before = ""
    for piece in _PIECE.findall(unicodedata.normalize("NFKC", text).casefold()):
        if _HAN.match(piece):
            found.extend(piece[start : start + size] for size in (1, 2, 3) for start in range(len(piece) - size + 1))
            before = ""
            continue
        found.extend(_word_grams(piece))
        if before:
            found.append(f"{before} {piece}")
        before = piece
    return found


@lru_cache(maxsize=50_000)
def _word_grams(word: str) -> tuple[str, ...]:
    padded = f"<{word}>"
    inner = (padded[start : start + size] for size in (3, 4, 5) for start in range(len(padded) - size + 1))
    return (word, *inner) if len(word) > 1 else (word,)


@dataclass(frozen=True)
class _Features:
    """Vocabulary and inverse document frequencies."""

    counter: Any
    weigher: Any

    @classmethod
    def learn(cls, texts: Sequence[str]) -> _Features:
        from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

        counter = CountVectorizer(analyzer=grams, min_df=2 if len(texts) >= 1000 else 1)
        try:
            counts = counter.fit_transform(texts)
        except ValueError as error:
            raise UserError(
                "the texts hold no character that a classifier could read: check the input fields of the task",
                "文本中没有分类器可以使用的字符：请检查任务的输入字段",
            ) from error
        return cls(counter, TfidfTransformer(sublinear_tf=True).fit(counts))

    def matrix(self, texts: Sequence[str]) -> csr_matrix:
        return self.weigher.transform(self.counter.transform(texts))


@dataclass(frozen=True)
class _Machine:
    """One linear SVM per class that its rows hold; `present` are the columns of those classes."""

    svm: Any
    present: NDArray[np.intp]
    classes: int
    converged: bool

    @classmethod
    def maker(cls, classes: int, seed: int, cost: float) -> Callable[..., _Machine]:
        """A function (matrix, target, weight) -> fitted machine."""
        import warnings

        import numpy as np
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.svm import LinearSVC

        def fit(matrix: csr_matrix, target: NDArray[np.intp], weight: NDArray[np.float64] | None) -> _Machine:
            present = np.unique(target)
            if len(present) < 2:
                return cls(None, present, classes, True)
            svm = LinearSVC(C=cost, max_iter=_MAX_ITERATIONS, random_state=seed % 2**32, dual="auto")
            with warnings.catch_warnings():  # told by `converged`, which callers must look at
                warnings.simplefilter("ignore", ConvergenceWarning)
                svm.fit(matrix, target, sample_weight=weight)
            return cls(svm, present, classes, bool(np.max(svm.n_iter_) < _MAX_ITERATIONS))

        return fit

    def scores(self, matrix: csr_matrix) -> NDArray[np.float64]:
        """Signed distances, shape (rows, classes); a huge negative number in classes it never saw."""
        import numpy as np

        scores = np.full((matrix.shape[0], self.classes), _UNSEEN)
        if self.svm is None:
            scores[:, self.present] = 0.0
            return scores
        distances = self.svm.decision_function(matrix)
        if distances.ndim == 1:
            distances = np.stack([-distances, distances], axis=1)
        scores[:, self.present] = distances
        return scores


def _fold_scores(
    matrix: csr_matrix,
    target: NDArray[np.intp],
    part: NDArray[np.intp],
    classes: int,
    make: Callable[..., _Machine],
    weight: NDArray[np.float64] | None,
) -> tuple[NDArray[np.float64], bool]:
    """Scores of every row by the machine of the other folds, and whether all of them converged."""
    import numpy as np

    scores = np.full((len(target), classes), _UNSEEN)
    converged = True
    for fold in np.unique(part):
        inside, outside = part == fold, part != fold
        if not outside.any():
            continue
        machine = make(matrix[outside], target[outside], None if weight is None else weight[outside])
        scores[inside] = machine.scores(matrix[inside])
        converged &= machine.converged
    return scores, converged


def _fit_sigmoids(scores: NDArray[np.float64], target: NDArray[np.intp]) -> NDArray[np.float64]:
    """Slope and offset of each class, shape (2, classes): Newton's method on the log-loss with Platt's targets."""
    import numpy as np

    classes = scores.shape[1]
    fitted = np.empty((2, classes))
    for index in range(classes):
        seen = scores[:, index] > _UNSEEN / 2
        score, hit = scores[seen, index], target[seen] == index
        positives, negatives = int(hit.sum()), int((~hit).sum())
        goal = np.where(hit, (positives + 1) / (positives + 2), 1 / (negatives + 2))
        slope, offset = 1.0, float(np.log((positives + 1) / (negatives + 1)))
        loss = _log_loss(score, goal, slope, offset)
        for _ in range(50):
            chance = _sigmoid(slope * score + offset)
            error, spread = chance - goal, chance * (1 - chance) + 1e-12
            gradient = np.array([error @ score + 1e-6 * slope, error.sum()])
            curve = np.array([[spread @ (score * score) + 1e-6, spread @ score], [spread @ score, spread.sum() + 1e-9]])
            step = np.linalg.solve(curve, gradient)
            size = 1.0
            while size > 1e-4:  # halve the step until the loss falls
                moved = _log_loss(score, goal, slope - size * step[0], offset - size * step[1])
                if moved <= loss:
                    break
                size /= 2
            else:
                break
            slope, offset, gain, loss = slope - size * step[0], offset - size * step[1], loss - moved, moved
            if gain < 1e-9 * max(1.0, abs(loss)):
                break
        fitted[:, index] = max(slope, 1e-3), offset  # a negative slope would turn the machine's judgement around
    return fitted


def _log_loss(score: NDArray[np.float64], goal: NDArray[np.float64], slope: float, offset: float) -> float:
    import numpy as np

    margin = slope * score + offset
    return float((np.logaddexp(0, margin) - goal * margin).sum() + 0.5e-6 * slope * slope)


def _sigmoid(value: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    return np.exp(-np.logaddexp(0, -value))


def _probabilities(scores: NDArray[np.float64], sigmoids: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sigmoid per class, normalised over the classes; exactly 0 where a class was never seen."""
    import numpy as np

    seen = scores > _UNSEEN / 2
    chance = np.where(seen, np.maximum(_sigmoid(np.where(seen, scores, 0.0) * sigmoids[0] + sigmoids[1]), 1e-12), 0.0)
    return np.asarray(chance / np.maximum(chance.sum(axis=1, keepdims=True), 1e-300))


def _codes(kinds: list[str], labels: Sequence[str]) -> NDArray[np.intp]:
    import numpy as np

    place = {label: index for index, label in enumerate(kinds)}
    return np.asarray([place[label] for label in labels], dtype=np.intp)


def _checked(texts: Sequence[str], labels: Sequence[str]) -> list[str]:
    """The sorted labels, or a UserError that says what is missing."""
    if len(texts) != len(labels):
        raise ValueError(f"{len(texts)} texts but {len(labels)} labels")
    kinds = sorted(set(labels))
    if len(kinds) < 2:
        only = kinds[0] if kinds else ""
        raise UserError(
            f"a classifier needs rows of at least two classes, there are {len(texts)} rows of {len(kinds)} ({only!r})",
            f"分类器至少需要两个类别的数据，现有 {len(texts)} 行，{len(kinds)} 个类别（{only!r}）",
        )
    if len(texts) < 2 * len(kinds):
        raise UserError(
            f"{len(kinds)} classes need at least {2 * len(kinds)} rows, there are {len(texts)}: add rows",
            f"{len(kinds)} 个类别至少需要 {2 * len(kinds)} 行数据，现有 {len(texts)} 行：请增加数据",
        )
    return kinds
