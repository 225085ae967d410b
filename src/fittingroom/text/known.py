"""Known values: what was recognised once in a conversation is taken out wherever else it stands in it.

A name is sure behind 我叫, an order number behind 订单号; two turns later they stand bare, and no recogniser would know
them. So the values that were found are remembered for as long as their conversation is worked on, in memory only, and
every text of it is searched for them: full width or not, spaced, dashed, in other case, a mobile number also by its
first seven or last eight digits or by 尾号 and the last four. Another conversation knows nothing of them.
"""

from __future__ import annotations

import re
from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from fittingroom.text.fold import fold, spelled
from fittingroom.text.redact_words import is_sure

PLACEHOLDER = re.compile(r"\[[A-Z][A-Z_]*(?:_[a-p]{16})?\]")
_HAN = re.compile(r"[\u3400-\u9fff]")
_SURE = re.compile(
    r"(?:name(?:'s| is)?|called|call me|recipient|receiver|addressee|contact(?: person)?|holder|signed|attn|attention"
    r"|叫做?|姓名|名字|[收寄]件人|收货人|联系人)(?: is)?[:,：是为叫 ]{0,3}$",
    re.IGNORECASE,
)
# Names that are ordinary words too: alone they are not taken for the person.
_WORDS = re.compile(
    "will|may|mark|rose|grace|hope|joy|bill|rich|art|jack|king|young|long|brown|white|black|green|gray|grey|gold|silver|"
    "park|hill|wood|stone|field|page|price|bush|love|best|good|day|june|april|august|summer|dawn|faith|sunny|penny|ray|"
    "rusty|sandy|small|short|cook|baker|carter|cash|case|chance|chase|christian|cross|fisher|fox|frank|gay|grant|guy|"
    "hall|hunter|lane|law|mason|max|miles|parker|pat|pearl|reed|rob|sky|star|sue|van|ward|west|wise|worth|the|and|for|"
    "not|you|are|can",
    re.IGNORECASE,
)
_ADMIN_END = re.compile(r".*(?:省|自治区|市|州|区|县|旗)(?=.{5,})")
_TAIL = re.compile(
    r"(?:尾号|[后末][四4]位(?:数)?|last (?:four|4)(?: digits?)?|ending(?: in| with)?)(?: is|[:：是为 ]){0,3}"
    r"(?P<value>\d{4})(?!\d)",
    re.IGNORECASE,
)
_LONG, _SHORT = 6, 2
"""Lengths of the beginnings by which values are looked up."""
_GAP = 3
"""At most so many signs stand between two characters of one value."""
_GAPS_FROM = 9
"""A number shorter than this is only known when it is written in one piece: 1, 2, 3, 4, 5 is no account."""


@dataclass(frozen=True, slots=True)
class Find:
    """A value that was recognised. It is never printed and never stored."""

    kind: str
    value: str = field(repr=False)


class _Form(NamedTuple):
    """One way in which a value may be written, without signs and in small letters."""

    form: str
    kind: str
    placeholder: str
    capital: bool
    """Whether it counts only with a capital letter: a first name."""


class Hit(NamedTuple):
    """A known value at its place in a text."""

    start: int
    stop: int
    kind: str
    placeholder: str


def worth(kind: str, value: str, before: str = "") -> bool:
    """Whether a value is long and sure enough to be looked for where it stands bare; `before`: the text before it.

    The surname of 王先生 is not, nor is a word of every day (see `is_sure`), and of a greeting (Hi Alice,) only a full
    name is.
    """
    size = len(letters_of(value))
    if kind == "name":
        if _HAN.search(value):
            return 2 <= size <= 5 and is_sure(value, stated=bool(_SURE.search(before)))
        parts = value.split()
        return len(parts) > 1 or (size > 2 and not _WORDS.fullmatch(value) and bool(_SURE.search(before)))
    if kind == "mobile":
        return len(_mobile(value)) == 11
    return size >= {"address": 6, "secret": 6, "qq": 5}.get(kind, 6)


class Known:
    """The values of one conversation, for one pass. Adding and searching do not depend on the order of adding."""

    __slots__ = ("_forms", "_index", "_tails")

    def __init__(self) -> None:
        self._forms: set[_Form] = set()
        self._index: dict[str, list[_Form]] = {}
        self._tails: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Known({len(self._forms)} forms)"

    def __bool__(self) -> bool:
        return bool(self._forms)

    def learn(self, find: Find, placeholder: str) -> None:
        """Look for this value from now on; its place is taken by `placeholder`."""
        if find.kind == "mobile":
            number = _mobile(find.value)
            self._tails[number[-4:]] = placeholder
            for form in (number, number[:7], number[3:]):
                self._add(_Form(form, find.kind, placeholder, False))
            return
        whole = letters_of(find.value)
        latin = find.kind == "name" and whole.isascii()
        self._add(_Form(whole, find.kind, placeholder, latin and " " not in find.value))
        if latin:
            for word in re.findall(r"[A-Za-z]{3,}", find.value):
                if not _WORDS.fullmatch(word):
                    self._add(_Form(word.lower(), find.kind, placeholder, True))
        elif find.kind == "address":
            rest = _ADMIN_END.match(find.value)
            if rest:
                self._add(_Form(letters_of(find.value[rest.end() :]), find.kind, placeholder, False))

    def _add(self, form: _Form) -> None:
        if len(form.form) < _SHORT or form in self._forms:
            return
        self._forms.add(form)
        bucket = self._index.setdefault(form.form[: _LONG if len(form.form) >= _LONG else _SHORT], [])
        insort(bucket, form, key=lambda one: (-len(one.form), one))

    def hits(self, text: str) -> list[Hit]:
        """Where known values stand in `text`, in order, without overlaps; the longest form wins. Placeholders stay."""
        if not self._forms or not text:
            return []
        folded = fold(text)
        letters, places = _spread(folded)
        found: list[Hit] = []
        at = 0
        while at < len(letters):
            form = self._at(letters, places, folded, at)
            if form is None:
                at += 1
                continue
            end = at + len(form.form)
            found.append(Hit(places[at], places[end - 1] + 1, form.kind, form.placeholder))
            at = end
        return _apart([*found, *self._tail_hits(folded)])

    def _at(self, letters: str, places: list[int], text: str, at: int) -> _Form | None:
        for size in (_LONG, _SHORT):
            for form in self._index.get(letters[at : at + size], ()):
                if letters.startswith(form.form, at) and _fits(form, places[at : at + len(form.form)], text):
                    return form
        return None

    def _tail_hits(self, text: str) -> list[Hit]:
        if not self._tails:
            return []
        return [
            Hit(*found.span("value"), "mobile", self._tails[found["value"]])
            for found in _TAIL.finditer(text)
            if found["value"] in self._tails
        ]


def _fits(form: _Form, places: list[int], text: str) -> bool:
    """Whether the characters at `places` are one written value, and not a piece of something longer."""
    start, stop = places[0], places[-1] + 1
    widest = max((after - before for before, after in pairwise(places)), default=1)
    if form.form.isdigit() and len(form.form) < _GAPS_FROM:
        if widest > 1:
            return False
    elif widest > _GAP + 1:
        return False
    if form.capital and not text[start].isupper():
        return False
    return not (_runs_on(text, start - 1, start) or _runs_on(text, stop, stop - 1))


def _runs_on(text: str, outside: int, inside: int) -> bool:
    """Whether the word or number at `inside` goes on at `outside`."""
    if not 0 <= outside < len(text):
        return False
    there, here = text[outside], text[inside]
    if here.isdigit():
        return there.isdigit()
    return here.isascii() and there.isascii() and there.isalnum()


def _spread(text: str) -> tuple[str, list[int]]:
    """The letters and digits of `text` in small letters, and where each stands; a placeholder is a wall."""
    letters: list[str] = []
    places: list[int] = []
    walls = [found.span() for found in PLACEHOLDER.finditer(text)]
    wall = iter([*walls, (len(text), len(text))])
    start, stop = next(wall)
    for place, character in enumerate(text):
        while place >= stop and stop < len(text):
            start, stop = next(wall)
        if start <= place < stop:
            if place == start:
                letters.append("\0")
                places.append(place)
        elif character.isalnum():
            small = character.lower()
            letters.append(small if len(small) == 1 else character)
            places.append(place)
    return "".join(letters), places


def _apart(hits: Iterable[Hit]) -> list[Hit]:
    kept: list[Hit] = []
    for hit in sorted(hits, key=lambda one: (one.start, -one.stop)):
        if not kept or hit.start >= kept[-1].stop:
            kept.append(hit)
    return kept


def letters_of(value: str) -> str:
    """A value without the signs, spaces and widths in which it may be written."""
    return _spread(fold(value))[0]


def _mobile(value: str) -> str:
    """The eleven digits of a mobile number, without a country code; fewer when a system has masked it."""
    digits = "".join(character for character in spelled(fold(value)) if character.isdigit())
    return digits[-11:]
