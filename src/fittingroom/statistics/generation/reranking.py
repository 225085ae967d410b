"""The best of several drafts, by the measures that need no reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence


def best_of(drafts: Sequence[str], score: Callable[[str], float]) -> int:
    """Place of the draft with the highest score; of equal ones the first. A blank draft is never the best of several.

    ValueError without a draft.
    """
    if not drafts:
        raise ValueError("no draft to choose from")
    return max(range(len(drafts)), key=lambda at: (bool(drafts[at].strip()), score(drafts[at]), -at))
