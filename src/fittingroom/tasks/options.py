"""Options in a prompt: letters in front of them, the order in which they stand, and scores back in the order of labels.

A letter is one token in every DeepSeek vocabulary, so that an answer is scored by one prediction and its end mark; the
prompt must say which letter means what. A model takes to places ("A" is often right: Zheng et al., arXiv 2309.03882):
training may deal its rows over several orders of the options.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from functools import lru_cache
from string import ascii_uppercase
from typing import TYPE_CHECKING

from fittingroom.errors import RecipeError
from fittingroom.tasks.config import LETTERS, TaskConfig
from fittingroom.tasks.job import Job

if TYPE_CHECKING:
    import numpy as np

_DRAWN = 20_231
"""Of the draw of orders: the same ones whatever the seed of a run, so that a bundle can be judged by others."""


def by_letter(task: TaskConfig, count: int) -> bool:
    """Whether the model answers with a letter for so many options. Raises RecipeError where letters are demanded and
    do not suffice.
    """
    if task.letters is True and count > LETTERS:
        raise RecipeError(
            f"there are {count} labels and {LETTERS} letters: set task.letters to auto (whole labels beyond "
            f"{LETTERS}) or to false",
            f"共有 {count} 个标签，而字母只有 {LETTERS} 个：请将 task.letters 设为 auto"
            f"（超过 {LETTERS} 个时用完整标签）或 false",
            place="task.letters",
        )
    return task.letters is True or (task.letters == "auto" and count <= LETTERS)


def letter(place: int) -> str:
    """The letter of the option at a place."""
    return ascii_uppercase[place]


def listed(labels: Sequence[str], *, lettered: bool) -> str:
    """The options as the prompt shows them: a line for each letter, or all in one line."""
    if lettered:
        return "\n".join(f"{letter(place)}. {label}" for place, label in enumerate(labels))
    return " | ".join(labels)


@lru_cache(maxsize=256)
def orders(count: int, wanted: int) -> tuple[tuple[int, ...], ...]:
    """`wanted` orders of `count` options, as indices into them.

    Taken from shuffled cyclic Latin squares: of `count` consecutive orders every option stands at every place once, so
    that no place speaks for an option.
    """
    found: list[tuple[int, ...]] = []
    for square in range(-(-wanted // max(1, count))):
        chance = random.Random(f"{_DRAWN} {count} {square}")
        rows, columns, signs = ([*range(count)] for _ in range(3))
        for part in (rows, columns, signs):
            chance.shuffle(part)
        found += [tuple(signs[(row + column) % count] for column in columns) for row in rows]
    return tuple(found[:wanted])


def dealt(labels: Sequence[str], wanted: int, row: str) -> list[str]:
    """The labels in the order that falls to a row: by its id, the same in every epoch."""
    lot = int.from_bytes(hashlib.blake2b(row.encode(), digest_size=8).digest(), "big") % wanted
    return [labels[at] for at in orders(len(labels), wanted)[lot]]


def places_of(job: Job, task: TaskConfig, labels: Sequence[str], shown: Sequence[str]) -> list[int]:
    """For every label the place of its answer among `job.answers`, when these are shown; -1 when it stands not open."""
    said = {answer: place for place, answer in enumerate(job.answers(task, labels))}
    open_ = set(shown)
    return [said[job.answer(label, task, shown)] if label in open_ else -1 for label in labels]


class Places:
    """The same for many inputs, reckoned once for each order that is shown."""

    def __init__(self, job: Job, task: TaskConfig, labels: Sequence[str]) -> None:
        self._of = (job, task, list(labels))
        self._known: dict[tuple[str, ...], list[int]] = {}

    def __call__(self, shown: Sequence[str]) -> list[int]:
        key = tuple(shown)
        if key not in self._known:
            self._known[key] = places_of(*self._of, shown)
        return self._known[key]


def by_label(raw: np.ndarray, places: Sequence[Sequence[int]]) -> np.ndarray:
    """[n, k] scores of labels from those of answers [n, a] and their places [n][k]; -inf where one stands not open."""
    import numpy as np

    at = np.asarray(places, dtype=np.int64).reshape(len(raw), -1)
    found: np.ndarray = np.where(at >= 0, np.take_along_axis(raw, np.maximum(at, 0), axis=1), -np.inf)
    return found
