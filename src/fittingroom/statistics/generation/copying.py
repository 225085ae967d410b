"""How much of an answer is copied from the training answers: its longest run of words that stands in one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fittingroom.statistics.generation.tokens import tokens

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RUN = 8
"""Words in a row from which on a run counts as copied: shorter ones are common phrases."""
_BASE = 1_000_003


class Learnt:
    """The answers of training, to be searched for runs that an answer shares with one of them.

    All words stand in one array, one number each, with a gap between answers; every run of 8 has a 64-bit hash in a
    sorted list. What the hash finds is compared word by word. 20 bytes a word.
    """

    def __init__(self, answers: Sequence[str]) -> None:
        import numpy as np

        self._number: dict[str, int] = {}
        row: list[int] = []
        for answer in dict.fromkeys(answers):
            row += [self._number.setdefault(word, len(self._number) + 1) for word in tokens(answer)]
            row.append(0)
        self._words: NDArray[np.int64] = np.asarray(row, dtype=np.int64)
        hashes = _hashes(self._words)
        self._order: NDArray[np.int64] = np.argsort(hashes, kind="stable")
        self._sorted: NDArray[np.uint64] = hashes[self._order]

    def longest(self, said: str) -> int:
        """Length, in words, of the longest run that stands in a training answer as well; 0 below 8 words."""
        import numpy as np

        words = np.asarray([self._number.get(word, -1) for word in tokens(said)], dtype=np.int64)
        hashes = _hashes(words)
        first = np.searchsorted(self._sorted, hashes, side="left")
        last = np.searchsorted(self._sorted, hashes, side="right")
        best = 0
        for at in range(len(hashes)):
            if best and len(words) - at <= best:
                break
            for place in self._order[first[at] : last[at]].tolist():
                best = max(best, self._run(words[at:], place))
        return best if best >= RUN else 0

    def own(self, said: str) -> float:
        """1 minus the share of the answer that its longest copied run makes up; 1 for an answer below 8 words."""
        many = len(tokens(said))
        return 1.0 - self.longest(said) / many if many else 1.0

    def _run(self, words: NDArray[np.int64], place: int) -> int:
        """How many words agree from here on; the gaps (0) and unknown words (-1) agree with nothing."""
        import numpy as np

        theirs = self._words[place : place + len(words)]
        differ = np.flatnonzero(words[: len(theirs)] != theirs)
        return int(differ[0]) if len(differ) else len(theirs)


def _hashes(words: NDArray[np.int64]) -> NDArray[np.uint64]:
    """[n - 7] polynomial hashes of all runs of 8 words, modulo 2^64."""
    import numpy as np

    if len(words) < RUN:
        return np.empty(0, dtype=np.uint64)
    numbers = words.astype(np.uint64)
    total: NDArray[np.uint64] = np.zeros(len(words) - RUN + 1, dtype=np.uint64)
    for place in range(RUN):
        total = total * np.uint64(_BASE) + numbers[place : len(words) - RUN + 1 + place]
    return total
