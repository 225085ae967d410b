"""Clean, then redact: the two steps that no text may skip on its way into a file, in the only order that is safe.

Redaction must see clean text: full-width digits, zero-width characters or tags inside a number would hide it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from fittingroom.text.clean import CleanConfig, Cleaned, clean_batch, cleaned_if_needed
from fittingroom.text.fold import fold, spelled
from fittingroom.text.known import Find, worth
from fittingroom.text.redact import (
    RedactConfig,
    Redacted,
    agree,
    known_of,
    needs_redaction,
    placeholder_of,
    redact_text,
    take_known,
)
from fittingroom.text.redact_people import is_name

NICKNAME = "nickname"
"""A column of names that people gave themselves."""


class Washed(NamedTuple):
    """A text that may be written down."""

    text: str
    edits: dict[str, int]
    """What cleaning changed: rule -> count."""
    personal: dict[str, int]
    """What redaction took out: kind -> count."""
    drop: str
    """Why cleaning would drop it; "" when it would not."""
    found: tuple[Find, ...] = ()
    """What may be looked for elsewhere in the conversation: plain values, for the memory of this pass only."""


def wash(
    texts: Sequence[str | None], clean: CleanConfig, redact: RedactConfig, secret: bytes, *, kind: str = ""
) -> list[Washed]:
    """Every text, cleaned and redacted; None counts as an empty text.

    `kind` says that all of these are personal data of that kind (a column of names): each is replaced as a whole. For
    `nickname` it is a name, but one that may be any word.
    """
    given = [text or "" for text in texts]
    distinct = list(dict.fromkeys(given))
    if distinct and 2 * len(distinct) <= len(given):  # labels, states: a few values, many times
        known = dict(zip(distinct, wash(distinct, clean, redact, secret, kind=kind), strict=True))
        return [known[text] for text in given]
    if kind and ("name" if kind == NICKNAME else kind) in redact.kinds:
        return [
            _whole(one.text, one.edits, kind, redact, secret)
            if not one.text or _is_of(kind, one.text)
            else _washed(one.text, one, redact_text(one.text, redact, secret))
            for one in clean_batch(given, clean)
        ]
    # Most texts need neither: they are passed on as they are, with nothing made for them.
    cleaned = cleaned_if_needed(given, clean)
    plain = [one.text if one else text for text, one in zip(given, cleaned, strict=True)]
    return [
        _washed(text, one, redact_text(text, redact, secret) if doubt else None)
        if doubt or one
        else Washed(text, {}, {}, "")
        for text, one, doubt in zip(plain, cleaned, needs_redaction(plain, redact), strict=True)
    ]


_SWITCH = re.compile(r"[01](?:\.0)?|true|false|yes|no|[ynft]|null|none|nan|n/?a|-+|是|否|有|无|空", re.IGNORECASE)
_NUMBER = re.compile(r"[\d*](?:[ ().\-_]{0,2}[\d*]){5}")


def _is_of(kind: str, text: str) -> bool:
    """Whether a cell can be what its column is called: `mobile` may say yes or no, `phone` be a thing for sale."""
    if _SWITCH.fullmatch(text.strip()):
        return False
    return kind != "mobile" or bool(_NUMBER.search(spelled(fold(text))))


def _washed(text: str, cleaned: Cleaned | None, safe: Redacted | None) -> Washed:
    """What cleaning and redaction made of a text; None where they had nothing to do."""
    edits, drop = (cleaned.edits, cleaned.drop) if cleaned else ({}, "")
    return Washed(safe.text, edits, safe.edits, drop, tuple(safe.found)) if safe else Washed(text, edits, {}, drop)


def _whole(text: str, edits: dict[str, int], kind: str, redact: RedactConfig, secret: bytes) -> Washed:
    """A cell of a column that holds one value of personal data in every row."""
    if not text:
        return Washed("", {}, {}, "empty")
    # A nickname may be any word; what is to be looked for in a conversation must look like a name.
    stated, kind = ("", "name") if kind == NICKNAME else ("name: ", kind)
    sign = placeholder_of(kind, text, redact, secret)
    found = (Find(kind, text),) if worth(kind, text, stated) and (kind != "name" or is_name(text)) else ()
    return Washed(sign, edits, {kind: 1}, "", found if redact.consistent else ())


def agreed(row: Sequence[Washed], redact: RedactConfig, secret: bytes, told: Sequence[Find] = ()) -> list[Washed]:
    """The texts of one row, or the turns of one conversation: what was recognised in one goes from all of them.

    `told`: values that the row holds elsewhere, in a column of names that is not kept.
    """
    if not redact.consistent or not (told or any(one.found for one in row)):
        return list(row)
    texts = [Redacted(one.text, dict(one.personal), list(one.found)) for one in row]
    if told:
        known = known_of(told, redact, secret)
        for text in texts:
            take_known(text, known, redact, secret)
    agree(texts, redact, secret)
    return [
        one._replace(text=text.text, personal=text.edits, found=tuple(text.found))
        for one, text in zip(row, texts, strict=True)
    ]
