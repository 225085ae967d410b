"""Equal or nearly equal texts with different labels: settled before `dedup` would silently keep whichever is first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Literal, NamedTuple

from fittingroom.tasks.rows import Drop
from fittingroom.text.similarity import clusters, distinguishing, match_key, near_pairs


class Settled(NamedTuple):
    """What settling equal texts with different labels came to."""

    drops: dict[int, Drop]
    facts: dict[str, int]


def settle(
    ids: Sequence[str],
    said: Sequence[str],
    merged: Sequence[str | None],
    ratings: Sequence[Mapping[str, str]],
    *,
    conflicts: Literal["majority", "drop", "keep"],
    clear_majority: float,
    near: float,
    sure: Mapping[int, str] | None = None,
    weak: Collection[int] = (),
) -> Settled:
    """Equal texts first, then near ones among those that are left; a row votes with the ratings that agree with it.

    `sure`: labels of rows that a person decided in review; where those of a group agree, they settle it. `weak`: rows
    that only a rule labelled; they have no vote beside rows that people labelled.
    """
    labelled = [index for index, value in enumerate(merged) if value is not None]
    keys = {index: match_key(said[index]) for index in labelled}
    guards = {index: distinguishing(said[index]) for index in labelled}
    drops: dict[int, Drop] = {}
    counts = {"conflicts_exact": 0, "conflicts_near": 0, "resolved": 0}
    for kind, threshold in (("conflicts_exact", 1.0), ("conflicts_near", near)):
        left = [index for index in labelled if index not in drops]
        pairs = near_pairs([keys[index] for index in left], threshold, guard=[guards[index] for index in left])
        for members in _together(left, pairs):
            votes: Counter[str] = Counter()
            people = [index for index in members if index not in weak] if weak else members
            for index in people or members:
                own = merged[index] or ""
                votes[own] += max(1, sum(value == own for value in ratings[index].values()))
            differ = len(votes) > 1 or len({merged[index] for index in members}) > 1
            if not differ or (kind == "conflicts_near" and conflicts == "keep" and _same(members, keys)):
                continue
            counts[kind] += len(members)
            winner, most = votes.most_common(1)[0]
            share = most / votes.total()
            clear = conflicts == "majority" and share >= clear_majority
            decided = {sure[index] for index in members if index in sure} if sure else set()
            if len(decided) == 1 and conflicts != "keep":
                winner, share, clear = decided.pop(), 1.0, True
            counts["resolved"] += clear
            if conflicts != "keep":
                drops.update(_losers(members, merged, ids, winner if clear else None, share))
    return Settled(drops=drops, facts={**counts, "dropped": len(drops)})


def _together(left: Sequence[int], pairs: Sequence[tuple[int, int, float]]) -> list[list[int]]:
    """Groups of two and more rows that pairs connect."""
    groups: dict[int, list[int]] = {}
    for place, root in enumerate(clusters(len(left), pairs)):
        groups.setdefault(root, []).append(left[place])
    return [members for members in groups.values() if len(members) > 1]


def _same(members: Sequence[int], keys: Mapping[int, str]) -> bool:
    return len({keys[index] for index in members}) == 1


def _losers(
    members: Sequence[int], merged: Sequence[str | None], ids: Sequence[str], winner: str | None, share: float
) -> dict[int, Drop]:
    """Who goes: all but the winners. The twin is the first row of the group that says otherwise."""
    found: dict[int, Drop] = {}
    for index in members:
        if merged[index] != winner:
            against = (ids[other] for other in members if merged[other] != merged[index])
            standing = (ids[other] for other in members if merged[other] == winner)
            found[index] = Drop("conflicting labels", min(standing, default=None) or min(against), share)
    return found
