"""A few short rows, cut from real ones, that a measurement can put through any model."""

from __future__ import annotations

from dataclasses import replace

from fittingroom.training.rows import Encoded

_HEAD = 24
"""Tokens kept of the beginning, which rows may share."""
_TAIL = 20
"""Tokens kept in front of the answer at most; fewer in every second row, so that lengths differ."""
_ANSWER = 16
_LARGE = 1_000_000_000


def how_many(parameters: int) -> int:
    """Rows for a model of this size: half as many where a pass takes long."""
    return 8 if parameters <= _LARGE else 4


def few(rows: Encoded, count: int) -> Encoded:
    """At most `count` rows of at most 60 tokens: head, tail and answer of rows spread evenly over `rows`.

    Rows without loss are left out; the result may be empty.
    """
    usual = rows.with_loss()
    chosen = [usual[at * len(usual) // count] for at in range(count)] if len(usual) > count else usual
    made = rows.only(chosen)
    cut = [_cut(ids, start, at) for at, (ids, start) in enumerate(zip(made.ids, made.answer_starts, strict=True))]
    return replace(made, ids=[ids for ids, _ in cut], answer_starts=[start for _, start in cut])


def _cut(ids: list[int], start: int, at: int) -> tuple[list[int], int]:
    """The row and where its answer begins."""
    prompt, answer = ids[:start], ids[start : start + _ANSWER]
    tail = _TAIL - 3 * (at % 4)
    if len(prompt) > _HEAD + tail:
        prompt = prompt[:_HEAD] + prompt[-tail:]
    return prompt + answer, len(prompt)
