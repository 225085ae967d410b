"""Faults of the data that the files of states ask for: pure functions on the records of the training rows.

Each takes the records, how strongly, the target's name and the seed, and gives new records in the same order, a copy
behind its row; the same seed spoils the same rows. Records that come in are left as they are.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

Records = list[dict[str, Any]]
Fault = Callable[[Records, float, str, int], Records]

_NOTHING = {
    True: ("嗯", "嗯嗯", "哈哈", "哈哈哈", "好的", "哦", "啊", "那个", "666", "呃", "额", "就这样", "ok", "诶"),
    False: ("ok", "hmm", "well", "uh", "so", "yes", "um", "lol", "hey", "hi", "oh", "right", "fine", "thx"),
}
"""Words that say nothing, by whether the text that they replace was Chinese."""


def swapped(rows: Records, share: float, target: str, seed: int) -> Records:
    """A share of the rows of the two commonest classes carries the other one's label.

    People mix up neighbours; all other classes stay clean, so that the share over all rows tells little.
    """
    first, second = _by_frequency(rows, target)[:2]
    other = {first: second, second: first}
    wrong: set[int] = set()
    for label in (first, second):
        wrong |= _drawn([place for place, row in enumerate(rows) if row["target"][target] == label], share, seed)
    return [
        {**row, "target": {target: other[row["target"][target]]}} if place in wrong else row
        for place, row in enumerate(rows)
    ]


def drawer(rows: Records, share: float, target: str, seed: int) -> Records:
    """A share of the rows of all other classes lies in the commonest one, as in a drawer for what nobody sorted.

    The noise has one direction: each other class holds right rows only, and fewer of them.
    """
    default = _by_frequency(rows, target)[0]
    wrong = _drawn([place for place, row in enumerate(rows) if row["target"][target] != default], share, seed)
    return [{**row, "target": {target: default}} if place in wrong else row for place, row in enumerate(rows)]


def emptied(rows: Records, share: float, target: str, seed: int) -> Records:
    """A share of the texts says nothing any more; their labels stay.

    The words are drawn by row, so that these texts are no copies of each other: that would be another fault.
    """
    wrong, chance, used = _drawn(list(range(len(rows))), share, seed), random.Random(seed), set[str]()
    found = []
    for place, row in enumerate(rows):
        fields = row["input"]
        if place in wrong:
            fields = {name: text and _nothing(text, chance, used) for name, text in fields.items()}
        found.append({**row, "input": fields})
    return found


def slipped(rows: Records, share: float, target: str, seed: int) -> Records:
    """In one block of so many of the rows each carries the label of the row before it; the first has that of the last.

    How often each label is there stays the same, and outside the block all labels are right.
    """
    length = round(share * len(rows))
    begin = random.Random(seed).randint(0, len(rows) - length)
    block = rows[begin : begin + length]
    moved = [
        {**row, "target": {target: before["target"][target]}}
        for row, before in zip(block, block[-1:] + block[:-1], strict=True)
    ]
    return rows[:begin] + moved + rows[begin + length :]


def filed_twice(rows: Records, share: float, target: str, seed: int) -> Records:
    """A share of the rows stands there once more, under an id of its own, with a label drawn among the others."""
    twice, chance = _drawn(list(range(len(rows))), share, seed), random.Random(seed)
    labels = _by_frequency(rows, target)
    found = []
    for place, row in enumerate(rows):
        found.append(row)
        if place in twice:
            other = chance.choice([label for label in labels if label != row["target"][target]])
            found.append({**row, "id": f"{row['id']}-again", "target": {target: other}})
    return found


def copied_down(rows: Records, share: float, target: str, seed: int) -> Records:
    """So many of the rows lie in three blocks, one in each third of the file, and carry the label of the block's first.

    Each block goes wrong in a direction of its own; outside the blocks all labels are right.
    """
    chance, found = random.Random(seed), list(rows)
    for part in range(3):
        low, high = len(rows) * part // 3, len(rows) * (part + 1) // 3
        length = round(share * (high - low))
        begin = chance.randint(low, high - length)
        for place in range(begin, begin + length):
            found[place] = {**rows[place], "target": {target: rows[begin]["target"][target]}}
    return found


def stamped(rows: Records, share: float, target: str, seed: int) -> Records:
    """A share of the texts begins with the row's own label in brackets; the labels stay, and the others' texts too."""
    marked = _drawn(list(range(len(rows))), share, seed)
    found = []
    for place, row in enumerate(rows):
        fields = row["input"]
        if place in marked:
            fields = {name: text and f"[{row['target'][target]}] {text}" for name, text in fields.items()}
        found.append({**row, "input": fields})
    return found


FAULTS: dict[str, Fault] = {
    "swapped": swapped,
    "drawer": drawer,
    "emptied": emptied,
    "slipped": slipped,
    "filed_twice": filed_twice,
    "copied_down": copied_down,
    "stamped": stamped,
}
"""Name under `data` -> fault, in the order in which they are planted."""

BEYOND_A_RECIPE: dict[str, float] = {"emptied": 0.5}
"""Name under `plant` -> how strongly. The reference arm goes without what `plant` says: here it is the mended data."""


def spoil(rows: Records, planted: Mapping[str, float], target: str, seed: int) -> Records:
    """All of these faults that are asked for."""
    for name, fault in FAULTS.items():
        if name in planted:
            rows = fault(rows, float(planted[name]), target, seed)
    return rows


def _by_frequency(rows: Records, target: str) -> list[str]:
    """Labels, the commonest first; the name decides between equals."""
    often = Counter(row["target"][target] for row in rows)
    return sorted(often, key=lambda label: (-often[label], label))


def _drawn(places: list[int], share: float, seed: int) -> set[int]:
    return set(random.Random(seed).sample(places, round(share * len(places))))


def _nothing(text: str, chance: random.Random, used: set[str]) -> str:
    chinese = any("\u4e00" <= sign <= "\u9fff" for sign in text)
    words = _NOTHING[chinese]
    while True:
        said = ("，" if chinese else " ").join(chance.choices(words, k=chance.randint(2, 5)))
        if said not in used:
            used.add(said)
            return said
