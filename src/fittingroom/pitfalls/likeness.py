"""Copies in tables of any size: all rows of small tables are compared, of large ones a sample in which copies meet.

Rows of a large table are chosen by the smallest digest of their 5-grams (see `text.bands.lowest`): of two rows with
Jaccard index J that are alike, both are chosen or none with probability J and more, so at a threshold of 0.8 a sample
shows at least 0.8 of the share that all rows would. Texts with many 5-grams are chosen more often, so each counts with
the inverse of its chance. What is told is that lower bound (lower still where one 5-gram is the smallest of more rows
than are compared). Equal rows are counted in full.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from fittingroom.pitfalls.rows import SAMPLE, examples, pieces, taken, targets, texts
from fittingroom.tables import Table
from fittingroom.text.bands import grams, lowest
from fittingroom.text.similarity import clusters, distinguishing, match_key, near_pairs, pairs_across

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WHOLE = 100_000
"""Rows up to which all are compared."""


class Copies(NamedTuple):
    """How many rows of a table are copies of another one that comes before them (estimated in a large table)."""

    rows: float
    examples: tuple[str, ...]


def copies(table: Table, alike: float) -> Copies:
    """Rows with the label, the numbers and the negations of an earlier row, and its wording or nearly so."""
    if table.rows <= WHOLE:
        keys, guards, _ = _read(table)
        roots = clusters(len(keys), near_pairs(keys, alike, guard=guards))
        found = [place for place, root in enumerate(roots) if root != place]
        return Copies(float(len(found)), examples(table, found))
    import numpy as np

    marks = np.concatenate(list(_streamed(table, _marks)))
    _, first = np.unique(marks[:, 0], return_index=True)
    equal = table.rows - len(first)
    chosen = np.sort(first[_lowest(marks[first, 1], SAMPLE)])
    keys, guards, ids = _read(taken(table, chosen))
    weights = _weights(keys, marks[chosen, 1])
    roots = clusters(len(keys), near_pairs(keys, alike, guard=guards))
    found = [place for place, root in enumerate(roots) if root != place]
    again = np.setdiff1d(np.arange(table.rows), first, assume_unique=True)[:20]
    named = [*[ids[place] for place in found], *_read(taken(table, again))[2]][:20]
    return Copies(equal + min(len(first), float(weights[found].sum())), tuple(sorted(named)))


class Near(NamedTuple):
    """Rows of a part that were looked at (places), for how many rows each stands, and those that have a near copy in
    another table.
    """

    looked: NDArray[np.int64]
    weights: NDArray[np.float64]
    found: set[int]

    def share(self, places: Iterable[int]) -> float:
        """Which share of the part rows like these are, of those found."""
        import numpy as np

        total = float(self.weights.sum())
        return float(self.weights[np.isin(self.looked, list(places))].sum()) / total if total else 0.0


def near(part: Table, other: Table, alike: float) -> Near:
    """Rows of `part` that are as much alike a row of `other`, whatever their label."""
    import numpy as np

    if part.rows + other.rows <= WHOLE:
        here, there = ([match_key(text) for text in texts(table)] for table in (part, other))
        found = {place for place, _, _ in pairs_across(here, there, alike)}
        return Near(np.arange(part.rows), np.ones(part.rows), found)
    marks = np.concatenate([part_marks for table in (part, other) for part_marks in _streamed(table, _marks)])
    # Of equal digests by that of the whole row: neither table first.
    lowest_rows = np.sort(np.lexsort((marks[:, 0], marks[:, 1]))[:WHOLE])
    chosen, against = lowest_rows[lowest_rows < part.rows], lowest_rows[lowest_rows >= part.rows] - part.rows
    here, there = (_read(taken(table, places))[0] for table, places in ((part, chosen), (other, against)))
    found = {int(chosen[place]) for place, _, _ in pairs_across(here, there, alike)}
    return Near(chosen, _weights(here, marks[lowest_rows, 1]), found)


def named(table: Table, column: str) -> NDArray[np.uint64]:
    """A digest of each row's value in a column of strings, 0 where there is none."""
    import numpy as np

    def digests(rows: Table) -> NDArray[np.uint64]:
        values = rows.column(column).to_pylist()
        return np.array([_digest(value) or 1 if value is not None else 0 for value in values], dtype=np.uint64)

    return np.concatenate([np.empty(0, dtype=np.uint64), *_streamed(table, digests)])


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def _read(table: Table) -> tuple[list[str], list[str], list[str]]:
    """Match keys, what distinguishes copies (numbers, negations, label) and ids."""
    said = texts(table)
    guards = [f"{distinguishing(text)}\x1f{label}" for text, label in zip(said, targets(table), strict=True)]
    return [match_key(text) for text in said], guards, table.column("id").to_pylist()


def _marks(table: Table) -> NDArray[np.uint64]:
    """Of each row a digest of all that makes it a copy of an equal one, and the smallest of its 5-grams [n, 2]."""
    import numpy as np

    keys, guards, _ = _read(table)
    whole = [_digest(f"{key}\x1f{guard}") for key, guard in zip(keys, guards, strict=True)]
    return np.column_stack([np.array(whole, dtype=np.uint64), lowest(keys)])


def _weights(keys: list[str], digests: NDArray[np.uint64]) -> NDArray[np.float64]:
    """For how many rows each row stands that was chosen because its smallest digest is one of `digests`: the inverse of
    the chance that the smallest of as many digests as it has 5-grams lies so low.
    """
    import numpy as np

    if not keys:
        return np.empty(0)
    share = (float(digests.max()) + 1) / 2.0**64
    counts = np.array([max(1, len(grams(key))) for key in keys])
    weights: NDArray[np.float64] = 1 / -np.expm1(counts * np.log1p(-min(share, 1 - 1e-12)))
    return weights


def _lowest(values: NDArray[np.uint64], most: int) -> NDArray[np.int64]:
    """Places of the `most` smallest values; of equal ones the first."""
    import numpy as np

    return np.argsort(values, kind="stable")[:most]


def _streamed(table: Table, read: Callable[[Table], NDArray[np.uint64]]) -> Iterator[NDArray[np.uint64]]:
    return map(read, pieces(table))
