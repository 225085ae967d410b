"""What the texts of a row become on their way into a table: clean, redacted, and of one mind with each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from fittingroom.sources.config import SourceConfig
from fittingroom.sources.paths import order_numbers
from fittingroom.sources.remembered import Remembered
from fittingroom.sources.rows import joining_column, nickname_column, personal_column, values
from fittingroom.text.clean import CleanConfig
from fittingroom.text.known import Find
from fittingroom.text.redact import RedactConfig, placeholder_of, pseudonym, redact_batch
from fittingroom.text.wash import NICKNAME, Washed, agreed, wash

if TYPE_CHECKING:
    import pyarrow as pa

_OWN = ("kind", "visitor", "session")
"""Columns of a log that its reader made up: a word of ours and keyed pseudonyms. All others are the visitor's words."""
_NULL = "null"
"""Marks a cell of a side table that was none."""


Texts = list[str | None]
Job = tuple[list[tuple[Texts, str]], Texts, int, CleanConfig, RedactConfig, bytes]


class WashedExamples(NamedTuple):
    """The columns of a batch of examples."""

    inputs: list[list[Washed]]
    answers: list[Washed]
    told: list[tuple[Find, ...]]
    """What columns that are not kept say of each row's person: the name beside a review that is signed with it."""


def examples_washed(
    columns: Sequence[tuple[Texts, str]], answers: Texts, inputs: int, clean: CleanConfig, redact: RedactConfig,
    secret: bytes,
) -> WashedExamples:  # fmt: skip
    """The first `inputs` of the columns (texts, kind of personal data or "") are kept, the others only listened to.
    Pure, so that it can be done anywhere.
    """
    washed = [wash(texts, clean, redact, secret, kind=kind) for texts, kind in columns]
    beside = washed[inputs:]
    told = [tuple(find for column in beside for find in column[place].found) for place in range(len(answers))]
    return WashedExamples(washed[:inputs], wash(answers, clean, redact, secret), told)


class Washing:
    """Columns and rows of one pass; what is recognised is noted in `remembered` for the rows of the same group."""

    def __init__(self, clean: CleanConfig, redact: RedactConfig, secret: bytes, *, labels: Sequence[str]) -> None:
        """`labels`: those of a closed task; as targets they stay, whoever is called like one."""
        self._clean, self.redact, self._secret = clean, redact, secret
        self.remembered = Remembered(redact, secret, labels=labels)
        self.personal: Counter[str] = Counter()
        """Kind -> values that were taken out of rows."""

    def column(self, texts: Sequence[str | None], name: str = "", *, kind: str = "") -> list[Washed]:
        """Values of a column; its name (or who knows its `kind`) may say that each is personal as a whole."""
        return wash(texts, self._clean, self.redact, self._secret, kind=kind or self._kind(name))

    def job(self, batch: pa.RecordBatch, inputs: Sequence[str], target: str) -> Job:
        """What `examples_washed` needs to know of a batch of examples, as the arguments of its call."""
        beside = [name for name in batch.schema.names if name not in {*inputs, target} and personal_column(name)]
        columns = [(values(batch, name), self._kind(name)) for name in [*inputs, *beside]]
        return columns, values(batch, target), len(inputs), self._clean, self.redact, self._secret

    def _kind(self, name: str) -> str:
        if name and joining_column(name) == "order" and "order" in self.redact.pseudonyms:
            return "order"
        return (NICKNAME if nickname_column(name) else personal_column(name)) if name else ""

    def row(
        self, group: str | None, given: Mapping[str, Washed], answer: Washed, told: tuple[Find, ...]
    ) -> tuple[dict[str, Washed], Washed]:
        """The texts of an example with its target: what was recognised in one goes from all."""
        fields = list(given.values())
        if told or answer.found or any(one.found for one in fields):
            whole = fields if self.remembered.is_label(answer.text) else [*fields, answer]
            whole = self._agreed(group, whole, told)
            fields, answer = whole[: len(fields)], (whole[len(fields) :] or [answer])[0]
        return dict(zip(given, fields, strict=True)), answer

    def cells(
        self, source: SourceConfig, name: str, texts: list[str | None], people: list[str | None] | None = None,
        *, kind: str = "",
    ) -> list[Washed]:  # fmt: skip
        """A column of a side table; what the log's own reader made (kind, visitor, session) is left as it is. `people`:
        the pseudonyms of a column that says whose the rows are; `kind` of personal data, where more than its
        name tells it.
        """
        if source.kind == "weblog" and name in _OWN:
            washed = [Washed(text or "", {}, {}, "") for text in texts]
        elif source.kind == "weblog" and name == "path":
            washed = self._paths(texts)
        elif source.kind == "weblog" and name == "item":
            washed = self._items(texts)
        elif people is not None:
            washed = [Washed(person or "", {}, {}, "") for person in people]
        elif joining_column(name) == "customer":  # the same letters as in `group`, so that tables can be joined
            stripped = [(text or "").strip() for text in texts]
            washed = [Washed(pseudonym(self._secret, "group", text) if text else "", {}, {}, "") for text in stripped]
        else:
            washed = self.column(texts, name, kind=kind)
        return [
            one._replace(drop=_NULL if text is None else "") for text, one in zip(texts, washed, strict=True)
        ]  # fmt: skip

    def _paths(self, texts: Sequence[str | None]) -> list[Washed]:
        """Paths of requests: the number of an order becomes the pseudonym that it has in texts."""
        given = [text or "" for text in texts]
        numbers = [list(order_numbers(text)) if "order" in self.redact.kinds else [] for text in given]
        for place, spans in enumerate(numbers):
            for start, stop in reversed(spans):
                text = given[place]
                sign = placeholder_of("order", text[start:stop], self.redact, self._secret)
                given[place] = text[:start] + sign + text[stop:]
        # A long number alone may be an item's: as such it must stay in the column `item`.
        washed = [
            one._replace(found=tuple(find for find in one.found if find.kind != "order")) if one.found else one
            for one in self.column(given)
        ]
        return [
            one._replace(personal=dict(Counter(one.personal) + Counter({"order": len(spans)}))) if spans else one
            for one, spans in zip(washed, numbers, strict=True)
        ]

    def _items(self, texts: Sequence[str | None]) -> list[Washed]:
        """Numbers of items. What is a person's becomes the pseudonym that it would have as the key of a row, so that
        events are still joined with goods; a bare number of 16 digits and more is an item's here, not an order's.
        """
        kinds = self.redact.model_copy(update={"kinds": [kind for kind in self.redact.kinds if kind != "order"]})
        distinct = list(dict.fromkeys(text or "" for text in texts))
        known = {
            text: Washed(
                pseudonym(self._secret, "key", text) if one.edits else text, {}, one.edits, "",
                tuple(one.found) if self.redact.consistent else (),
            )
            for text, one in zip(distinct, redact_batch(distinct, kinds, self._secret), strict=True)
        }  # fmt: skip
        return [known[text or ""] for text in texts]

    def side_row(self, group: str | None, cells: Mapping[str, list[Washed]], place: int) -> dict[str, str | None]:
        """One row of a side table from its columns."""
        row = [column[place] for column in cells.values()]
        if any(one.found for one in row):
            row = self._agreed(group, row, ())
        for one in row:
            self.personal.update(one.personal)
        return {ours: None if one.drop == _NULL else one.text for ours, one in zip(cells, row, strict=True)}

    def _agreed(self, group: str | None, row: list[Washed], told: tuple[Find, ...]) -> list[Washed]:
        done = agreed(row, self.redact, self._secret, told)
        self.remembered.note(group, [*told, *(find for one in done for find in one.found)])
        return done
