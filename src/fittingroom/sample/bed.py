"""The rows into which faults are planted: which are still untouched, which keys are free, what was noted."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

from fittingroom.sample.truth import Planted

Record = dict[str, Any]


class Bed:
    """One table being planted."""

    def __init__(
        self, records: list[Record], *, text: str, label: str, key: str, group: str | None, time: str | None, seed: int
    ) -> None:
        self.rows = [dict(record) for record in records]
        self.text, self.label, self.key, self.group, self.time, self.seed = text, label, key, group, time, seed
        self.planted: dict[str, list[Planted]] = {}
        self.right = {str(row[key]): str(row[label]) for row in self.rows}
        self.fresh: list[Record] = []
        self._untouched = list(range(len(self.rows)))
        Random(f"{seed}/order").shuffle(self._untouched)
        self._keys = _free_keys([row[key] for row in self.rows])
        self.labels = [str(row[label]) for row in self.rows]

    def rng(self, kind: str) -> Random:
        """A stream of its own for each kind: another rate of one kind leaves the others' draws alone."""
        return Random(f"{self.seed}/{kind}")

    def take(self, count: int, fits: Callable[[Record], bool] = lambda row: True) -> Iterator[Record]:
        """`count` untouched rows that fit, or fewer where there are no more."""
        taken: list[int] = []
        for index in self._untouched:
            if len(taken) == count:
                break
            if fits(self.rows[index]):
                taken.append(index)
        gone = set(taken)
        self._untouched = [index for index in self._untouched if index not in gone]
        return (self.rows[index] for index in taken)

    def copy(self, row: Record, rng: Random, *, same_group: bool, **changes: Any) -> Record:
        """A new row like `row`, of the same or of another customer, some hours later."""
        fresh = {**row, **changes, self.key: next(self._keys)}
        if self.group and not same_group:
            fresh[self.group] = rng.choice(self.rows)[self.group]
        if self.time:
            moment = datetime.datetime.fromisoformat(str(row[self.time])) + datetime.timedelta(
                minutes=rng.randint(1, 4000)
            )
            fresh[self.time] = moment.isoformat(sep=" ")
        self.fresh.append(fresh)
        self.right[str(fresh[self.key])] = self.right[str(row[self.key])]
        return fresh

    def other_label(self, label: str, rng: Random) -> str:
        """Another label, drawn as often as it occurs: people press the common buttons."""
        return rng.choice([other for other in self.labels if other != label])

    def note(self, kind: str, **facts: Any) -> None:
        """Write down a planted fault."""
        self.planted.setdefault(kind, []).append(Planted(**facts))


def _free_keys(keys: Sequence[Any]) -> Iterator[Any]:
    """Keys of the same form that nobody has: the next numbers, or for other keys `new-1`, `new-2`, ..."""
    taken = {str(key) for key in keys}
    if all(str(key).isdecimal() for key in keys):
        number = max(int(key) for key in keys)
        while True:
            number += 1
            yield number if isinstance(keys[0], int) else str(number)
    number = 0
    while True:
        number += 1
        if f"new-{number}" not in taken:
            yield f"new-{number}"
