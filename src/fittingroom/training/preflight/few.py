"""A few short rows, cut from real ones, that a measurement can put through any model."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from fittingroom.training.rows import Encoded


class Size(NamedTuple):
    """How much is put through a model."""

    rows: int
    head: int
    """Tokens kept of the beginning, which rows may share."""
    tail: int
    """Tokens kept in front of the answer at most; fewer in three of four rows, so that lengths differ."""
    answer: int


SMALL = Size(rows=8, head=24, tail=20, answer=16)
LARGE = Size(rows=4, head=12, tail=12, answer=6)
_LARGE = 1_000_000_000
"""Weights from which on a pass takes long."""


def size_for(parameters: int) -> Size:
    """What a model of so many weights can be asked in seconds."""
    return SMALL if parameters <= _LARGE else LARGE


def few(rows: Encoded, size: Size) -> Encoded:
    """Some rows of at most 60 tokens: head, tail and answer of rows spread evenly over `rows`.

    Rows without loss are left out; the result may be empty.
    """
    usual, count = rows.with_loss(), size.rows
    chosen = [usual[at * len(usual) // count] for at in range(count)] if len(usual) > count else usual
    made = rows.only(chosen)
    cut = [_cut(ids, start, at, size) for at, (ids, start) in enumerate(zip(made.ids, made.answer_starts, strict=True))]
    return replace(made, ids=[ids for ids, _ in cut], answer_starts=[start for _, start in cut])


def _cut(ids: list[int], start: int, at: int, size: Size) -> tuple[list[int], int]:
    """The row and where its answer begins."""
    prompt, answer = ids[:start], ids[start : start + size.answer]
    tail = size.tail - 3 * (at % 4)
    if len(prompt) > size.head + tail:
        prompt = prompt[: size.head] + prompt[-tail:]
    return prompt + answer, len(prompt)
