"""Near copies of texts: MinHash finds candidates, an exact check decides.

Two texts are alike by the Jaccard index of their sets of character 5-grams, taken on the match key (below). MinHash
with loose bands (32 bands of 4 slots) proposes candidates; each is verified on the true sets, so that no pair that is
reported is wrong, and a pair at 0.7 is missed with probability 0.0002. A text whose key is shorter than 5 characters
has no 5-gram: it is a copy of an identical key only (差评 and 好评 never meet).

MinHash: Broder 1997, "On the resemblance and containment of documents"; banding: Leskovec, Rajaraman, Ullman,
"Mining of Massive Datasets", chapter 3. Sketches by `rensa`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

GRAM = 5
_SLOTS = 128
_SEED = 20_260_101
_SKETCH_ROWS = 5_000
_FLUSH_PAIRS = 4_000_000
# A sketch estimates Jaccard with a standard deviation of at most 0.045 (128 slots): candidates whose estimate lies this
# far below the threshold (more than four deviations) are let go before the exact check.
_SLACK = 0.2

Pair = tuple[int, int, float]


class _KeyTable(dict[int, int | None]):
    """Which characters stay in a match key: letters, marks, numbers, currency, pictographs; filled as they are met."""

    def __missing__(self, code: int) -> int | None:
        category = unicodedata.category(chr(code))
        stays = category[0] in "LMN" or category in ("Sc", "So")
        value = code if stays and not 0xFE00 <= code <= 0xFE0F else None
        self[code] = value
        return value


_KEY_TABLE = _KeyTable()
# A keyed pseudonym inside a placeholder (`[ORDER_kfjdmncpabcdefgh]`) is no wording: texts that differ in it alone are
# copies.
_PSEUDONYM = re.compile(r"\[([A-Z]+)_[a-p]{16}\]")


def match_key(text: str) -> str:
    """What is compared: NFKC, case folded, without punctuation and spaces.

    A text of nothing but punctuation keeps it, so that "!!!" and "???" are not the same empty key.
    """
    folded = unicodedata.normalize("NFKC", _PSEUDONYM.sub(r"[\1]", text)).casefold()
    return folded.translate(_KEY_TABLE) or "".join(folded.split())


# 不 and its kin inside words that deny nothing.
_NO_DENIAL = re.compile(
    r"非常|特别|[分级性区个类识差告]别|别[人的处致]|不[错过仅但管论光单愧]|差不多|无[论非线锡锈霜]|莫名|未来"
)
_DENIAL = re.compile(
    r"[不没无未勿莫甭非别]"
    r"|(?<![a-z])(?:not?|never|none|nor|neither|nothing|nobody|without|cannot|cant|dont|hardly|barely)(?![a-z])"
    r"|n't(?![a-z])"
)
_NUMBER = re.compile(
    r"[a-z]*\d[a-z0-9]*"
    r"|[〇一二两三四五六七八九十百千万亿半]+(?=[元块个件号天次年月日斤公克米码折盒瓶包箱只双张条台套分星点倍季])"
)


def distinguishing(text: str) -> str:
    """What makes near copies differ in meaning: numbers (with letters glued to them, as in a SKU), negations; in order.

    Two texts with different strings must not be merged, however alike they are: 好/不好, 100/1000, can/can't. Pass it
    as `guard` to `near_pairs`.
    """
    folded = unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'")
    # A lone 一 before a measure word is mostly filler: 这是一个好店, 这是个好店.
    numbers = [found for found in _NUMBER.findall(folded) if found != "一"]
    pseudonyms = [found.group() for found in _PSEUDONYM.finditer(text)]
    denials = _DENIAL.findall(_NO_DENIAL.sub(" ", folded))
    return f"{' '.join(numbers + pseudonyms)}|{' '.join(denials)}"


def grams(key: str) -> set[str]:
    """The character 5-grams of a match key; empty when the key is shorter than 5."""
    return {key[start : start + GRAM] for start in range(len(key) - GRAM + 1)}


def jaccard(a: str, b: str) -> float:
    """Jaccard index of two texts, from 0 to 1, on the 5-grams of their match keys."""
    return _jaccard(match_key(a), match_key(b))


def _jaccard(a: str, b: str) -> float:
    if a == b:
        return 1.0
    return _overlap(grams(a), grams(b))


def _overlap(a: set[str], b: set[str]) -> float:
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared) if shared else 0.0


def exact_groups(keys: Sequence[str]) -> list[list[int]]:
    """Groups of two and more indices with the same key, each in rising order, ordered by their first index."""
    seen: dict[str, list[int]] = {}
    for index, key in enumerate(keys):
        seen.setdefault(key, []).append(index)
    return [group for group in seen.values() if len(group) > 1]


def near_pairs(keys: Sequence[str], threshold: float, *, guard: Sequence[str] | None = None) -> list[Pair]:
    """Pairs (i, j, jaccard) with i < j and an exact Jaccard index of at least `threshold`, sorted.

    `keys` are match keys. Rows with an identical key (and guard) are reported once each, against the first of them,
    with 1.0; only that first one takes part in pairs with other keys. So n copies give n-1 pairs instead of n²/2, and
    `clusters` puts together the same rows. A pair is never reported when its guards differ.
    Raises ValueError when `threshold` is not in (0.2, 1] or `guard` has another length than `keys`.
    """
    _check(threshold)
    if guard is not None and len(guard) != len(keys):
        raise ValueError(f"{len(guard)} guards for {len(keys)} keys")
    first: dict[tuple[str, str], int] = {}
    pairs: list[Pair] = []
    for index, key in enumerate(keys):
        representative = first.setdefault((key, guard[index] if guard is not None else ""), index)
        if representative != index:
            pairs.append((representative, index, 1.0))
    members = list(first.values())
    marks = _codes([guard[index] for index in members]) if guard is not None else None
    near = _verified([keys[index] for index in members], threshold, marks=marks)
    pairs += [(members[i], members[j], score) for i, j, score in near]
    return sorted(pairs)


def pairs_across(a: Sequence[str], b: Sequence[str], threshold: float) -> list[Pair]:
    """Pairs (i, j, jaccard) of a match key `a[i]` with a match key `b[j]`, sorted.

    Of identical keys on side `b` only the first is reported; on side `a` every one.
    """
    _check(threshold)
    left, right = _where(a), _where(b)
    united = list(dict.fromkeys([*left, *right]))
    pairs = [(i, right[key][0], 1.0) for key in left if key in right for i in left[key]]
    # Keys that stand on both sides count for both; a pair is wanted when it joins the sides in either direction.
    for i, j, score in _verified(united, threshold, marks=None):
        for one, other in ((united[i], united[j]), (united[j], united[i])):
            if one in left and other in right:
                pairs += [(index, right[other][0], score) for index in left[one]]
    return sorted(pairs)


def clusters(n: int, pairs: Iterable[Sequence[Any]]) -> list[int]:
    """For each of `n` rows the smallest index that `pairs` (i, j, …) connect it to; a row without a pair is its own."""
    parent = list(range(n))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for pair in pairs:
        one, other = sorted((root(int(pair[0])), root(int(pair[1]))))
        parent[other] = one
    return [root(index) for index in range(n)]


def _check(threshold: float) -> None:
    if not 0.2 < threshold <= 1:
        raise ValueError(f"threshold {threshold} is not in (0.2, 1]")


def _where(keys: Sequence[str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for index, key in enumerate(keys):
        found.setdefault(key, []).append(index)
    return found


def _codes(values: Sequence[str]) -> NDArray[np.int64]:
    import numpy as np

    codes: dict[str, int] = {}
    return np.array([codes.setdefault(value, len(codes)) for value in values], dtype=np.int64)


def _verified(keys: Sequence[str], threshold: float, *, marks: NDArray[np.int64] | None) -> list[Pair]:
    """All pairs of positions at or above the threshold; identical keys with different marks are no pair."""
    import numpy as np

    long = np.array([index for index, key in enumerate(keys) if len(key) >= GRAM], dtype=np.int64)
    if len(long) < 2 or threshold >= 1:
        # Different keys may have equal sets of 5-grams (abcdeabcde…), but at 1.0 only the same wording is a copy.
        return []
    sketches, sizes = _sketch([keys[index] for index in long.tolist()])
    own_marks = marks[long] if marks is not None else None
    found: list[Pair] = []
    cached = lru_cache(maxsize=100_000)(lambda index: grams(keys[index]))
    for one, other in _candidates(sketches, sizes, own_marks, threshold):
        i, j = int(long[one]), int(long[other])
        score = _overlap(cached(i), cached(j))
        if score >= threshold:
            found.append((i, j, score))
    return found


def _sketch(keys: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """MinHash sketches [n, 128] and the number of distinct 5-grams [n]."""
    import numpy as np
    import rensa

    sketches = np.empty((len(keys), _SLOTS), dtype=np.uint32)
    sizes = np.empty(len(keys), dtype=np.int64)
    for start in range(0, len(keys), _SKETCH_ROWS):
        # Sorted, because the order of a set of strings differs from process to process.
        sets = [sorted(grams(key)) for key in keys[start : start + _SKETCH_ROWS]]
        sketches[start : start + len(sets)] = rensa.RMinHash.digests_from_token_sets(sets, _SLOTS, _SEED)
        sizes[start : start + len(sets)] = [len(one) for one in sets]
    return sketches, sizes


def _candidates(
    sketches: NDArray[np.uint32], sizes: NDArray[np.int64], marks: NDArray[np.int64] | None, threshold: float
) -> Iterator[tuple[int, int]]:
    """Pairs of positions that share a band and could reach the threshold, each once, in rising order."""
    import numpy as np

    rows = 4 if threshold >= 0.65 else 2
    count = len(sketches)
    pending: list[NDArray[np.int64]] = []
    kept: list[NDArray[np.int64]] = []
    waiting = 0
    for band in range(0, _SLOTS, rows):
        for one, other in _bucket_pairs(sketches[:, band : band + rows]):
            fits = np.minimum(sizes[one], sizes[other]) >= threshold * np.maximum(sizes[one], sizes[other])
            if marks is not None:
                fits &= marks[one] == marks[other]
            codes = one[fits] * count + other[fits]
            pending.append(codes)
            waiting += len(codes)
            if waiting > _FLUSH_PAIRS:
                kept.append(_promising(pending, sketches, threshold))
                pending, waiting = [], 0
    kept.append(_promising(pending, sketches, threshold))
    for code in np.unique(np.concatenate(kept)).tolist():
        yield code // count, code % count


def _bucket_pairs(band: NDArray[np.uint32]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Index pairs (smaller, larger) of rows whose slots in this band are all equal; in pieces of bounded size.

    Rows are sorted by their slots; at distance d in that order, neighbours with the same slots are a pair. Every round
    looks only at rows whose bucket reaches that far, so the work is the number of pairs.
    """
    import numpy as np

    order = np.lexsort(band.T[::-1])
    ranked = band[order]
    starts = np.concatenate([[True], (ranked[1:] != ranked[:-1]).any(axis=1)])
    bucket = np.cumsum(starts) - 1
    ends = np.append(np.flatnonzero(starts)[1:], len(order))[bucket]
    position = np.arange(len(order))
    distance = 1
    while True:
        position = position[position + distance < ends[position]]
        if not len(position):
            return
        one, other = order[position], order[position + distance]
        yield np.minimum(one, other), np.maximum(one, other)
        distance += 1


def _promising(pending: list[NDArray[np.int64]], sketches: NDArray[np.uint32], threshold: float) -> NDArray[np.int64]:
    """The codes whose sketches do not rule the threshold out."""
    import numpy as np

    codes = np.unique(np.concatenate(pending)) if pending else np.empty(0, dtype=np.int64)
    kept = [np.empty(0, dtype=np.int64)]
    for start in range(0, len(codes), 100_000):
        part = codes[start : start + 100_000]
        equal = (sketches[part // len(sketches)] == sketches[part % len(sketches)]).mean(axis=1)
        kept.append(part[equal >= threshold - _SLACK])
    return np.concatenate(kept)
