"""Whether a copy speaks of the attributes of its goods: of all of them (coverage), and of no others (faithfulness).

The vocabulary of attributes is what the training rows hold; a value of another article that a copy mentions is an
invention. Words are compared as they stand: 雪纺 is met in 雪纺衫, but a paraphrase is not seen.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from fittingroom.statistics.generation.tokens import normal

_PACKED = re.compile(r"[*;；\n|]")
_NAME = re.compile(r"\s*([^#:：=]{1,30})[#:：=]\s*(.+?)\s*", re.DOTALL)
_TAIL = re.compile(r"(?<=\w\w)[色型风款系]$")
_SPACE = re.compile(r"\s+")


def attributes(fields: Mapping[str, str]) -> list[tuple[str, str]]:
    """(name, value) of the attributes of one row, each once, in the order met.

    A field holds one value under the field's own name, or several packed: `颜色#红*版型#宽松`,
    `colour: red; fit: loose`.
    """
    found: dict[tuple[str, str], None] = {}
    for field, text in fields.items():
        for piece in _PACKED.split(text):
            named = _NAME.fullmatch(piece)
            name, value = (named[1], named[2]) if named else (field, piece.strip())
            if value:
                found[normal(name), normal(value)] = None
    return list(found)


def coverage(copy: str, wanted: Sequence[tuple[str, str]]) -> float:
    """Share of the row's attribute values that the copy mentions; 1 for a row without any."""
    values = {value for _, value in wanted}
    text = _joined(copy)
    return sum(_met(value, text) for value in values) / len(values) if values else 1.0


def vocabulary(rows: Iterable[Sequence[tuple[str, str]]], least: int = 2) -> list[str]:
    """Values that stand in at least so many rows and have two characters or more, the longest first: shorter and rarer
    ones are met in a text by chance.
    """
    counts = Counter(value for row in rows for value in {value for _, value in row})
    return sorted((value for value, count in counts.items() if count >= least and len(value) > 1), key=_longest_first)


def invented(copy: str, own: Sequence[tuple[str, str]], known: Sequence[str]) -> list[str]:
    """Values of the vocabulary that the copy mentions and its row does not have. A value that is part of one of the
    row's own values, or the other way round, is no invention (红色, 酒红色).
    """
    text = _joined(copy)
    values = [_joined(value) for _, value in own]
    for value in sorted(set(values), key=_longest_first):
        text = text.replace(value, "\x00")
    found = []
    for value in known:
        packed = _joined(value)
        if any(packed in one or one in packed for one in values):
            continue
        if _stands(packed, text):
            found.append(value)
            text = text.replace(packed, "\x00")
    return found


def faithfulness(copy: str, own: Sequence[tuple[str, str]], known: Sequence[str]) -> float:
    """Of the attribute values that the copy mentions, the share that its row has; 1 where it mentions none."""
    wrong = len(invented(copy, own, known))
    text = _joined(copy)
    right = sum(_met(value, text) for value in {value for _, value in own})
    return right / (right + wrong) if wrong else 1.0


def _met(value: str, text: str) -> bool:
    """Whether a value, or its stem (粉红色, 粉红), stands in a text."""
    packed = _joined(value)
    return _stands(packed, text) or _stands(_TAIL.sub("", packed), text)


def _stands(value: str, text: str) -> bool:
    if value.isascii() and value.replace(" ", "").isalnum():
        return re.search(rf"(?<![a-z0-9]){re.escape(value)}(?:s|es)?(?![a-z0-9])", text) is not None
    return value in text


def _joined(text: str) -> str:
    """One width, one case; white space is one space, as English words need it."""
    return _SPACE.sub(" ", normal(text)).strip()


def _longest_first(value: str) -> tuple[int, str]:
    return -len(value), value
