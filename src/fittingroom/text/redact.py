"""Redaction: personal data becomes a placeholder, before anything is written.

A placeholder is the kind in capitals and square brackets, `[MOBILE]`, `[ID_CARD]`: the same in every language,
readable, and nothing that an HTML stripper or a DeepSeek tokenizer takes for a token of its own (those stand in angle
brackets). Numbers of orders are keyed pseudonyms, `[ORDER_kfjdmncpabcdefgh]`: the same order has the same letters
everywhere, so joins survive, and without the key nobody comes back to the number. Letters only, so that no later rule
meets digits.

Redaction is idempotent: it goes on until nothing more is found, and placeholders match no recogniser.
What is found by form or context only is listed with each recogniser. A bare name without a word beside it is found only
where the same conversation says it once with such a word (`agree`, see `known`).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Literal, get_args

from pydantic import Field, field_validator

from fittingroom.text import redact_common, redact_en, redact_people, redact_zh
from fittingroom.text.fold import fold
from fittingroom.text.known import Find, Known, letters_of, worth
from fittingroom.text.scan import FEW, matching
from fittingroom.types import Frozen

Kind = Literal[
    "email", "id_card", "bank_card", "mobile", "phone", "landline", "passport", "plate", "wechat", "qq",
    "address", "name", "ip", "secret", "order",
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)
"""All kinds, the surest first: of two that overlap, the earlier one names the placeholder."""

_RANK = {kind: rank for rank, kind in enumerate(KINDS)}

Recogniser = Callable[[str], Iterator[tuple[int, int]]]
_RECOGNISERS: tuple[tuple[Kind, int, Recogniser], ...] = (
    ("email", 0, redact_common.emails),
    ("id_card", 15, redact_zh.id_cards),
    ("id_card", 5, redact_en.documents),
    ("bank_card", 12, redact_common.bank_cards),
    ("mobile", 7, redact_zh.mobiles),
    ("mobile", 0, redact_zh.spelled_mobiles),
    ("landline", 7, redact_zh.landlines),
    ("phone", 7, redact_en.phones),
    ("passport", 7, redact_zh.passports),
    ("plate", 3, redact_zh.plates),
    ("wechat", 0, redact_zh.wechats),
    ("qq", 5, redact_zh.qqs),
    ("ip", 1, redact_common.addresses_ip),
    ("order", 4, redact_common.orders),
    ("secret", 1, redact_common.secrets),
    ("address", 0, redact_people.addresses),
    ("address", 1, redact_en.addresses),
    ("name", 0, redact_people.names),
    ("name", 0, redact_en.names),
)
"""Kind, the fewest digits that a text must hold for it, and the recogniser."""
_DIGIT = re.compile(r"[\d①-⑨]")
_WIDE = re.compile(r"[Ａ-Ｚａ-ｚ＠]")
_NUMBERS = r"\p{Nd}|[①-⑨Ａ-Ｚａ-ｚ]"
# An opening bracket before what may be the first letter of "at", in any width (see `fold`).
_MAIL_SIGN = r"[@#＠﹫＃﹟Ａ-Ｚａ-ｚ]|[\[(（［⁽₍︵﹇﹙] ?(?:[aA]|[^\x00-\x7f\p{Han}])"
_SIGNS: dict[Kind, str] = {
    "email": _MAIL_SIGN,
    "mobile": redact_zh.SPELLED_SIGN,
    "wechat": redact_zh.WECHAT_SIGN.pattern,
    "name": f"{redact_people.NAME_SIGN.pattern}|(?i:{'|'.join(map(re.escape, redact_en.NAME_SIGNS))})",
    "address": f"{redact_people.ADDRESS_SIGN.pattern}|{redact_people.STATED_SIGN.pattern}",
}
"""What stands in every text in which a kind could be found without a digit (RE2)."""


@cache
def _doubtful(kinds: frozenset[Kind]) -> str:
    """What every text holds in which one of these kinds could be found (RE2)."""
    signs = [sign for kind, sign in _SIGNS.items() if kind in kinds]
    return "|".join(signs if kinds == {"email"} else [_NUMBERS, *signs])


class RedactConfig(Frozen):
    """What redaction does."""

    kinds: list[Kind] = Field(default_factory=lambda: list(KINDS))
    """Kinds that are looked for. Taking one out leaves that kind of personal data in everything that is stored."""
    pseudonyms: list[Kind] = Field(default=["order"])
    """Kinds whose values become keyed pseudonyms, so that the same value can still be joined."""
    keep: list[str] = Field(default_factory=list, max_length=10_000)
    """Values that are public and stay: the shop's own hotline, address, staff accounts."""
    consistent: bool = True
    """Whether a value that was recognised once goes wherever else it stands in the same text, row, conversation or
    customer's rows: a bare name after "我叫…", an order number without the word."""
    patterns: dict[str, str] = Field(default_factory=dict, max_length=100)
    """The shop's own kinds: name (lower case) -> regular expression, such as `member: "HY\\\\d{8}"`."""

    @field_validator("patterns")
    @classmethod
    def _sound(cls, value: dict[str, str]) -> dict[str, str]:
        for kind, pattern in value.items():
            if not re.fullmatch(r"[a-z][a-z_]{0,30}", kind) or kind in KINDS:
                raise ValueError(f"{kind!r}: a kind is lower-case letters and _, and not one of the built-in kinds")
            try:
                compiled = re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{kind}: not a regular expression: {error}") from error
            if compiled.search("") or compiled.search(f"[{kind.upper()}]"):
                raise ValueError(f"{kind}: the pattern matches nothing at all, or its own placeholder")
        return value


@dataclass(slots=True)
class Redacted:
    """A text without personal data, and how many values of which kind were taken out."""

    text: str
    edits: dict[str, int] = field(default_factory=dict)
    found: list[Find] = field(default_factory=list, repr=False)
    """What may be looked for elsewhere in the conversation. In memory only: it holds plain values."""


def redact_batch(texts: Sequence[str], config: RedactConfig, secret: bytes) -> list[Redacted]:
    """Redact every text; the result has the same length and order."""
    return [
        redact_text(text, config, secret) if doubt else Redacted(text)
        for text, doubt in zip(texts, needs_redaction(texts, config), strict=True)
    ]


def needs_redaction(texts: Sequence[str], config: RedactConfig) -> list[bool]:
    """For every text whether anything could be found in it: False only where `redact_text` would do nothing."""
    if len(texts) < FEW or config.patterns:
        return [True] * len(texts)
    return matching(texts, _doubtful(frozenset(config.kinds)))


def redact_text(text: str, config: RedactConfig, secret: bytes, known: Known | None = None) -> Redacted:
    """One text. Pure: the same text, configuration and key give the same result.

    `known` are values of the conversation that the text belongs to: they go too, wherever they stand.
    """
    redacted = Redacted(text)
    own = Known()
    # A replacement may bring another value into view (a word beside it is gone): go on until there is none. Every round
    # leaves fewer characters that are not part of a placeholder, so this ends.
    while True:
        spans: list[tuple[str, int, int, str]] = []
        for kind, start, stop in _found(redacted.text, config):
            value = redacted.text[start:stop]
            placeholder = placeholder_of(kind, value, config, secret)
            spans.append((kind, start, stop, placeholder))
            if config.consistent and worth(kind, value, redacted.text[max(0, start - 24) : start]):
                redacted.found.append(Find(kind, value))
                own.learn(redacted.found[-1], placeholder)
        if not spans:
            remembered = own.hits(redacted.text) or (known.hits(redacted.text) if known else [])
            spans = [(hit.kind, hit.start, hit.stop, hit.placeholder) for hit in remembered]
        if not spans:
            return redacted
        _replace(redacted, spans)


def agree(texts: Sequence[Redacted], config: RedactConfig, secret: bytes) -> None:
    """Texts of one row or conversation: what was recognised in one of them goes from all of them (in place)."""
    while len(texts) > 1 and any(one.found for one in texts):
        known = known_of((find for one in texts for find in one.found), config, secret)
        # What goes may bring another value into view, in that text and so in all.
        if not [one for one in texts if take_known(one, known, config, secret)]:
            return


def known_of(finds: Iterable[Find], config: RedactConfig, secret: bytes) -> Known:
    """Values to look for, each with its placeholder."""
    known = Known()
    for find in finds:
        known.learn(find, placeholder_of(find.kind, find.value, config, secret))
    return known


def take_known(redacted: Redacted, known: Known, config: RedactConfig, secret: bytes) -> bool:
    """Take known values out of a text that was redacted before (in place); whether there were any."""
    if not known.hits(redacted.text):
        return False
    again = redact_text(redacted.text, config, secret, known)
    redacted.text = again.text
    for kind, count in again.edits.items():
        redacted.edits[kind] = redacted.edits.get(kind, 0) + count
    redacted.found += again.found
    return True


def _replace(redacted: Redacted, spans: Sequence[tuple[str, int, int, str]]) -> None:
    parts: list[str] = []
    end = 0
    for kind, start, stop, placeholder in spans:
        parts += [redacted.text[end:start], placeholder]
        redacted.edits[kind] = redacted.edits.get(kind, 0) + 1
        end = stop
    redacted.text = "".join([*parts, redacted.text[end:]])


_SAID = RedactConfig(
    kinds=["email", "id_card", "bank_card", "mobile", "phone", "landline", "passport", "plate", "wechat", "qq"],
    consistent=False,
)


def said(text: str) -> str:
    """A message, the name of a file or of a column without what surely leads to a person.

    Names and addresses are left: in an error they are the shop's own columns and folders.
    """
    return redact_text(text, _SAID, b"").text


def find_personal(text: str, config: RedactConfig | None = None) -> list[tuple[str, int, int]]:
    """(kind, start, end) of all personal data in `text`, in order, without overlaps."""
    return _found(text, config or RedactConfig())


def pseudonym(secret: bytes, kind: str, value: str) -> str:
    """16 letters from a to p: a keyed digest (BLAKE2b, 64 bits) of `value`, of its own for each `kind`.

    Raises ValueError for an empty key: pseudonyms without a key can be guessed by trying all numbers.
    """
    if not secret:
        raise ValueError("pseudonyms need a key")
    digest = hashlib.blake2b(f"{kind}\0{value}".encode(), key=_key(secret), digest_size=8).digest()
    return "".join("abcdefghijklmnop"[byte >> 4] + "abcdefghijklmnop"[byte & 15] for byte in digest)


@lru_cache(maxsize=8)
def _key(secret: bytes) -> bytes:
    return hmac.digest(secret, b"fittingroom pseudonyms", "sha256")


def placeholder_of(kind: str, value: str, config: RedactConfig, secret: bytes) -> str:
    """What stands for a value: its kind in square brackets, with a keyed pseudonym where the recipe asks for one."""
    if kind not in config.pseudonyms:
        return f"[{kind.upper()}]"
    plain = "".join(character for character in fold(value).upper() if character.isalnum())
    return f"[{kind.upper()}_{pseudonym(secret, kind, plain)}]"


def _found(text: str, config: RedactConfig) -> list[tuple[str, int, int]]:
    """All spans, overlapping ones united under the surest kind."""
    spans: list[tuple[int, int, int, str]] = []
    digits, kinds = len(_DIGIT.findall(text)), config.kinds
    folded = fold(text) if digits or _WIDE.search(text) else text
    for kind, least, recogniser in _RECOGNISERS:
        if digits >= least and kind in kinds:
            spans += [(start, stop, _RANK[kind], kind) for start, stop in recogniser(folded)]
    for place, (kind_name, pattern) in enumerate(config.patterns.items()):
        spans += [(*found.span(), place - 100, kind_name) for found in _compiled(pattern).finditer(text)]
    if config.keep and spans:
        public = _public(tuple(config.keep))
        spans = [span for span in spans if letters_of(text[span[0] : span[1]]) not in public]
    return _united(sorted(spans)) if spans else []


@lru_cache(maxsize=8)
def _public(keep: tuple[str, ...]) -> frozenset[str]:
    return frozenset(map(letters_of, keep))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _united(spans: list[tuple[int, int, int, str]]) -> list[tuple[str, int, int]]:
    """Overlapping spans as one, so that no rest of a value stays beside a placeholder."""
    united: list[tuple[int, int, int, str]] = []
    for start, stop, rank, kind in spans:
        if united and start < united[-1][1]:
            first, end, best, name = united[-1]
            if rank < best:
                best, name = rank, kind
            united[-1] = (first, max(end, stop), best, name)
        elif stop > start:
            united.append((start, stop, rank, kind))
    return [(kind, start, stop) for start, stop, _, kind in united]
