"""Equal or nearly equal texts with different labels: settled before `dedup` would silently keep whichever is first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from fittingroom.statistics.folds import connected
from fittingroom.tasks.leaving import Gone
from fittingroom.tasks.wordings import Wordings, first_of_equal
from fittingroom.text.bands import Bands
from fittingroom.text.similarity import alike

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CONFLICTING = "conflicting labels"


class Settling(NamedTuple):
    """How contradictions are settled."""

    conflicts: Literal["majority", "drop", "keep"]
    clear_majority: float
    near: float


class Labelled(NamedTuple):
    """What is known of every row's label."""

    merged: Sequence[str | None]
    ratings: Mapping[int, Mapping[str, str]]
    """Annotator -> label, for the rows on which others than the source spoke; a row votes with those that agree."""
    sure: Mapping[int, str]
    """Labels of rows that a person decided in review; where those of a group agree, they settle it."""
    weak: Collection[int]
    """Rows that only a rule labelled; they have no vote beside rows that people labelled."""


def settle(said: Wordings, known: Labelled, rules: Settling, gone: Gone, folder: Path) -> dict[str, int]:
    """Mark the rows that lose; equal texts first, then near ones among those that are left. Returns counts."""
    import numpy as np

    names: dict[str, int] = {}
    codes = np.array(
        [-1 if value is None else names.setdefault(value, len(names)) for value in known.merged], dtype=np.int64
    )
    before = int((~gone.stays).sum())
    counts = {"conflicts_exact": 0, "conflicts_near": 0, "resolved": 0}
    left = np.flatnonzero((codes >= 0) & gone.stays)
    for members in _differing(left, _equal(said, left), codes):
        counts["conflicts_exact"] += len(members)
        counts["resolved"] += _decide(members, known, rules, gone)
    left = np.flatnonzero((codes >= 0) & gone.stays)
    for members in _differing(left, _near(said, left, rules.near, folder), codes):
        if rules.conflicts == "keep" and len(np.unique(said.keys[members], axis=0)) == 1:
            continue
        counts["conflicts_near"] += len(members)
        counts["resolved"] += _decide(members, known, rules, gone)
    return {**counts, "dropped": int((~gone.stays).sum()) - before}


def _equal(said: Wordings, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of the group of each row: the same key and guard."""
    import numpy as np

    return first_of_equal(np.column_stack([said.keys[rows], said.guards[rows]]))[1]


def _near(said: Wordings, rows: NDArray[np.int64], threshold: float, folder: Path) -> NDArray[np.int64]:
    """Number of the group of each row: connected by pairs at the threshold with the same guard."""
    import numpy as np

    first, numbers = first_of_equal(np.column_stack([said.keys[rows], said.guards[rows]]))
    if threshold >= 1 or len(first) < 2:
        return numbers
    with Bands([threshold], folder) as bands:
        place = said.sketch(bands, "key", rows[first])
        long = np.flatnonzero(place >= 0)
        guards = said.guards[rows[first[long]]]
        found = long[bands.candidates(threshold, marks=guards[:, 0] ^ (guards[:, 1] << np.uint64(1)))]
    one, other = (said.guards[rows[first[side]]] for side in found.T)
    same = found[(one == other).all(axis=1)]
    pairs, _ = alike(same, lambda wanted: said.read("key", rows[first[wanted]]), threshold)
    return connected(len(first), pairs)[numbers]


def _differing(
    rows: NDArray[np.int64], groups: NDArray[np.int64], codes: NDArray[np.int64]
) -> Iterator[NDArray[np.int64]]:
    """The rows of each group that holds different labels, by their first row."""
    import numpy as np

    if not len(rows):
        return
    order = np.argsort(groups, kind="stable")
    ranked, labels = groups[order], codes[rows[order]]
    starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
    differ = np.minimum.reduceat(labels, starts) != np.maximum.reduceat(labels, starts)
    ends = np.append(starts[1:], len(rows))
    found = [rows[order[start:end]] for start, end in zip(starts[differ], ends[differ], strict=True)]
    yield from sorted(found, key=lambda members: int(members[0]))


def _decide(members: NDArray[np.int64], known: Labelled, rules: Settling, gone: Gone) -> bool:
    """Settle one group; whether a winner was clear."""
    rows: list[int] = members.tolist()
    votes: Counter[str] = Counter()
    people = [row for row in rows if row not in known.weak] if known.weak else rows
    for row in people or rows:
        own = known.merged[row] or ""
        votes[own] += max(1, sum(value == own for value in known.ratings.get(row, {}).values()))
    winner, most = votes.most_common(1)[0]
    share = most / votes.total()
    clear = rules.conflicts == "majority" and share >= rules.clear_majority
    decided = {known.sure[row] for row in rows if row in known.sure}
    if len(decided) == 1 and rules.conflicts != "keep":
        winner, share, clear = decided.pop(), 1.0, True
    if rules.conflicts != "keep":
        _drop_losers(rows, known.merged, winner if clear else None, share, gone)
    return clear


def _drop_losers(
    rows: Sequence[int], merged: Sequence[str | None], winner: str | None, share: float, gone: Gone
) -> None:
    """All but the winners go. The twin is the first winner, or the first row of the group that says otherwise."""
    standing = next((row for row in rows if merged[row] == winner), None)
    for row in rows:
        if merged[row] != winner:
            against = next(other for other in rows if merged[other] != merged[row])
            gone.drop(row, CONFLICTING, against if standing is None else standing, share)
