"""A small seeded grammar: `[a|b|]` is a choice, `{name}` a slot, and choices may hold slots and choices.

All text of the sample shop comes from here and from the word lists beside it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from random import Random

Lexicon = Mapping[str, Sequence[str]]

_INNERMOST = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\{(\w+)\}")
_MAX_DEPTH = 12


def words(text: str, mark: str = " ") -> tuple[str, ...]:
    """The words of a list written as one text."""
    return tuple(text.split(mark))


def expand(template: str, lexicon: Lexicon, rng: Random, bound: Mapping[str, str] | None = None) -> str:
    """One text of `template`.

    `bound` fixes slots for this text. A slot whose name ends in a digit (`{size2}`) draws from the list of the slot
    without it, but never what that one drew. KeyError names a slot that the lexicon lacks.
    """
    drawn: dict[str, str] = dict(bound or {})
    for _ in range(_MAX_DEPTH):
        template = _choose(template, rng)
        if not _SLOT.search(template):
            return template
        template = _SLOT.sub(lambda match: _draw(match.group(1), lexicon, rng, drawn), template)
    raise ValueError(f"the grammar does not end: {template}")


def _choose(template: str, rng: Random) -> str:
    """Resolve every choice, the innermost first."""
    while _INNERMOST.search(template):
        template = _INNERMOST.sub(lambda match: rng.choice(match.group(1).split("|")), template)
    return template


def _draw(name: str, lexicon: Lexicon, rng: Random, drawn: dict[str, str]) -> str:
    if name in drawn:
        return drawn[name]
    base = name.rstrip("0123456789")
    taken = drawn.get(base) if base != name else None
    value = rng.choice([option for option in lexicon[base] if option != taken])
    drawn[name] = value
    return value
