"""Clean, then redact: the two steps that no text may skip on its way into a file, in the only order that is safe.

Redaction must see clean text: full-width digits, zero-width characters or tags inside a number would hide it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fittingroom.text.clean import CleanConfig, clean_batch
from fittingroom.text.redact import RedactConfig, redact_batch


class Washed(NamedTuple):
    """A text that may be written down."""

    text: str
    edits: dict[str, int]
    """What cleaning changed: rule -> count."""
    personal: dict[str, int]
    """What redaction took out: kind -> count."""
    drop: str
    """Why cleaning would drop it; "" when it would not."""


def wash(
    texts: Sequence[str | None], clean: CleanConfig, redact: RedactConfig, secret: bytes, *, kind: str = ""
) -> list[Washed]:
    """Every text, cleaned and redacted; None counts as an empty text.

    `kind` says that all of these are personal data of that kind (a column of names): each is replaced as a whole.
    """
    given = [text or "" for text in texts]
    distinct = list(dict.fromkeys(given))
    if distinct and 2 * len(distinct) <= len(given):  # labels, states: a few values, many times
        known = dict(zip(distinct, wash(distinct, clean, redact, secret, kind=kind), strict=True))
        return [known[text] for text in given]
    cleaned = clean_batch(given, clean)
    if kind and kind in redact.kinds:
        sign = f"[{kind.upper()}]"
        return [Washed(sign, one.edits, {kind: 1}, "") if one.text else Washed("", {}, {}, "empty") for one in cleaned]
    redacted = redact_batch([one.text for one in cleaned], redact, secret)
    return [Washed(safe.text, one.edits, safe.edits, one.drop) for one, safe in zip(cleaned, redacted, strict=True)]
