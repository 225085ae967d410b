"""What texts are about, when nobody has said it: clusters of texts, and the terms that tell them apart.

The features of the linear model (character n-grams of Chinese; words, word pairs and n-grams of others) as TF-IDF,
brought to 100 dimensions (latent semantic analysis, Deerwester et al. 1990) and to length one; k-means on that. The
number of clusters: of the numbers tried, the one with the best silhouette (Rousseeuw 1987), which errs on the side of
too many: people unite clusters more easily than they split one. Density-based clusters (HDBSCAN) left half of the
messages without any (benchmarks/intent_discovery.py). Terms are ranked by class-based TF-IDF (Grootendorst 2022, arXiv
2203.05794).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from fittingroom.errors import UserError
from fittingroom.statistics.folds import keyed_order
from fittingroom.statistics.linear import grams

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_DIMENSIONS = 100
_LEARN, _JUDGE = 30_000, 4_000
"""Texts that the clusters are learnt from, and that the silhouette is measured on, at most."""
_TRIED = (3, 5, 8, 12, 18, 27, 40, 60, 90, 135, 200)
_FEWEST = 5
"""Texts per cluster, on the mean, below which no more clusters are tried."""
_HAN = re.compile(r"[\u3400-\u9fff]+")
_WORD = re.compile(r"[a-z][a-z'\-]+")
_PLACEHOLDER = re.compile(r"\[[A-Z_]+(?:_[a-p]{16})?\]")
_EMPTY_ZH = frozenset({
    "我们", "你们", "他们", "这个", "那个", "一个", "什么", "怎么", "没有", "可以", "就是",
    "还是", "不是", "已经", "现在", "时候", "请问", "你好", "您好", "谢谢", "一下", "知道",
    "如何", "为什么", "这样", "那样", "自己", "因为", "所以", "但是", "如果", "或者", "以及",
})  # fmt: skip


class Clusters(NamedTuple):
    """A partition of texts."""

    of: NDArray[np.intp]
    """Cluster of every text, 0 for the largest."""
    nearness: NDArray[np.float64]
    """Cosine of every text and the middle of its cluster."""
    silhouettes: dict[int, float]
    """Number of clusters tried -> mean silhouette; empty when the number was given."""


def cluster(
    texts: Sequence[str],
    *,
    seed: int,
    number: int | None = None,
    most: int = 60,
    progress: Callable[[float, float], None] = lambda done, total: None,
) -> Clusters:
    """Cluster texts, into `number` clusters or as many as suit them, up to `most`; the same for any order of the texts
    that differ. Raises UserError for too few different texts.
    """
    import numpy as np
    from sklearn.cluster import KMeans

    distinct = sorted(set(texts), key=lambda text: keyed_order(seed, text))
    room = len(distinct) // _FEWEST
    if len(distinct) < 2 * _FEWEST or (number or 0) > len(distinct):
        raise UserError(
            f"{len(distinct)} different texts are too few for {number or 2} clusters: add rows",
            f"{len(distinct)} 条不同的文本不足以分成 {number or 2} 个簇：请增加数据",
        )
    spots = _spots(distinct, seed)
    learnt = spots[:_LEARN]
    silhouettes: dict[int, float] = {}

    def fit(count: int) -> KMeans:
        return KMeans(count, n_init=4, random_state=seed % 2**32).fit(learnt)

    if number is None:
        tried = [count for count in _TRIED if count <= min(most, room)] or [2]
        for place, count in enumerate(tried):
            silhouettes[count] = _silhouette(learnt, fit(count).labels_)
            progress(place + 1, len(tried) + 1)
        number = max(tried, key=silhouettes.__getitem__)
    machine = fit(number)
    of = machine.predict(spots)
    middles = machine.cluster_centers_ / np.maximum(np.linalg.norm(machine.cluster_centers_, axis=1)[:, None], 1e-12)
    near = (spots * middles[of]).sum(axis=1)
    place_of = {text: index for index, text in enumerate(distinct)}
    where = np.asarray([place_of[text] for text in texts])
    rows = Counter(of[where].tolist())
    order = {old: new for new, old in enumerate(sorted(rows, key=lambda name: (-rows[name], name)))}
    progress(1, 1)
    return Clusters(np.asarray([order[old] for old in of[where].tolist()]), near[where], silhouettes)


def _spots(texts: Sequence[str], seed: int) -> NDArray[np.float64]:
    """Where each text lies, shape (texts, dimensions), length one."""
    import numpy as np
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    learn = texts[:_LEARN]
    vectors = TfidfVectorizer(analyzer=grams, min_df=2 if len(learn) >= 200 else 1, max_df=0.5, sublinear_tf=True)
    try:
        matrix = vectors.fit_transform(learn)
    except ValueError as error:
        raise UserError(
            "the texts hold nothing that could tell them apart: check the input fields of the task",
            "文本中没有可以区分彼此的内容：请检查任务的输入字段",
        ) from error
    size = min(_DIMENSIONS, min(matrix.shape) - 1)
    if size < 1:
        return np.ones((len(texts), 1))
    narrow = TruncatedSVD(size, random_state=seed % 2**32)
    found = [narrow.fit_transform(matrix)]
    for start in range(_LEARN, len(texts), _LEARN):
        found.append(narrow.transform(vectors.transform(texts[start : start + _LEARN])))
    spots = np.concatenate(found)
    return np.asarray(spots / np.maximum(np.linalg.norm(spots, axis=1, keepdims=True), 1e-12))


def _silhouette(spots: NDArray[np.float64], of: NDArray[np.intp]) -> float:
    from sklearn.metrics import silhouette_score

    part, names = spots[:_JUDGE], of[:_JUDGE]
    found = len(set(names.tolist()))
    return float(silhouette_score(part, names)) if 1 < found < len(names) else -1.0


def terms(texts: Sequence[str], of: Sequence[int], *, most: int = 6) -> dict[int, list[str]]:
    """Cluster -> the words that tell it from the others, the most telling first."""
    import math

    counts: dict[int, Counter[str]] = {}
    for text, name in zip(texts, of, strict=True):
        counts.setdefault(name, Counter()).update(set(words(text)))
    whole: Counter[str] = Counter()
    for found in counts.values():
        whole.update(found)
    mean = whole.total() / max(1, len(counts))
    told = {}
    for name, found in counts.items():
        score = {word: count * math.log(1 + mean / whole[word]) for word, count in found.items()}
        told[name] = sorted(score, key=lambda word: (-score[word], word))[:most]
    return told


def words(text: str) -> list[str]:
    """The words of a text that can say what it is about: no numbers, no placeholders, no words that all texts have."""
    import rjieba
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    plain = unicodedata.normalize("NFKC", _PLACEHOLDER.sub(" ", text)).casefold()
    latin = [word for word in _WORD.findall(plain) if len(word) > 2 and word not in ENGLISH_STOP_WORDS]
    han = [word for run in _HAN.findall(plain) for word in rjieba.cut(run) if len(word) > 1 and word not in _EMPTY_ZH]
    return latin + han
