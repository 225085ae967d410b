"""Near copies of texts: MinHash finds candidates, an exact check decides.

Two texts are alike by the Jaccard index of their sets of character 5-grams, taken on the match key (below). MinHash
with loose bands (see `bands`) proposes candidates; each is verified on the true sets, so that no pair that is reported
is wrong. A text whose key is shorter than 5 characters has no 5-gram: it is a copy of an identical key only (差评 and
好评 never meet).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from fittingroom.text.bands import GRAM, Bands, grams, sketched
from fittingroom.text.guard import PSEUDONYM, guard_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_CHECKED = 20_000
"""Candidates whose sets of 5-grams are in memory at once."""

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


def match_key(text: str) -> str:
    """What is compared: NFKC, case folded, without punctuation and spaces.

    A text of nothing but punctuation keeps it, so that "!!!" and "???" are not the same empty key.
    """
    return key_of(folded(text))


def folded(text: str) -> str:
    """NFKC and case folded, keyed pseudonyms reduced to their kind: what keys, masks and guards are read from."""
    if "[" in text:
        text = PSEUDONYM.sub(r"[\1]", text)
    return unicodedata.normalize("NFKC", text).casefold()


def key_of(folded: str) -> str:
    """The match key of a text that is folded already."""
    return folded.translate(_KEY_TABLE) or "".join(folded.split())


def distinguishing(text: str) -> str:
    """What makes near copies differ in meaning: numbers (with their signs and the letters glued to them, as in a SKU),
    negations, unhappy faces; in order.

    Two texts with different strings must not be merged, however alike they are or the same their keys: 好/不好, 5/-5,
    100/1000, can/can't. Pass it as `guard` to `near_pairs`.
    """
    return guard_of(folded(text), text)


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


def near_pairs(keys: Sequence[str], threshold: float, *, guard: Sequence[str] | None = None) -> list[Pair]:
    """Pairs (i, j, jaccard) with i < j and an exact Jaccard index of at least `threshold`, sorted.

    `keys` are match keys. Rows with an identical key (and guard) are reported once each, against the first of them,
    with 1.0; only that first one takes part in pairs with other keys. So n copies give n-1 pairs instead of n²/2, and
    `clusters` puts together the same rows. A pair is never reported when its guards differ. All is in memory; `Bands`
    and `alike` are the same for tables that are larger.
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


def _codes(values: Sequence[str]) -> NDArray[np.uint64]:
    import numpy as np

    codes: dict[str, int] = {}
    return np.array([codes.setdefault(value, len(codes)) for value in values], dtype=np.uint64)


def _verified(keys: Sequence[str], threshold: float, *, marks: NDArray[np.uint64] | None) -> list[Pair]:
    """All pairs of positions at or above the threshold; identical keys with different marks are no pair."""
    import numpy as np

    long = np.array([index for index, key in enumerate(keys) if len(key) >= GRAM], dtype=np.int64)
    if len(long) < 2 or threshold >= 1:
        # Different keys may have equal sets of 5-grams (abcdeabcde…), but at 1.0 only the same wording is a copy.
        return []
    with Bands([threshold]) as bands:
        bands.keep(sketched([keys[index] for index in long.tolist()]))
        found = bands.candidates(threshold, marks=marks[long] if marks is not None else None)
    pairs, scores = alike(long[found], lambda wanted: [keys[index] for index in wanted.tolist()], threshold)
    return [(i, j, score) for (i, j), score in zip(pairs.tolist(), scores.tolist(), strict=True)]


def alike(
    pairs: NDArray[np.int64], keys: Callable[[NDArray[np.int64]], Sequence[str]], threshold: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The exact check: of the candidates [p, 2], in rising order, those that reach the threshold, with their index.

    `keys` gives the match keys of the positions asked for (rising, each once).
    """
    import numpy as np

    kept = [np.empty((0, 2), dtype=np.int64)]
    scores = [np.empty(0)]
    for start in range(0, len(pairs), _CHECKED):
        part = pairs[start : start + _CHECKED]
        wanted, place = np.unique(part, return_inverse=True)
        sets = [grams(key) for key in keys(wanted)]
        found = np.array([_overlap(sets[one], sets[other]) for one, other in place.reshape(-1, 2).tolist()])
        kept.append(part[found >= threshold])
        scores.append(found[found >= threshold])
    return np.concatenate(kept), np.concatenate(scores)
