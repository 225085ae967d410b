"""Rows of examples after cleaning and redaction, before it is decided which are kept: what a batch of a source becomes,
and the same as JSON records that may be stored until the next run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from fittingroom.engine import Context
from fittingroom.sources.config import SourceConfig, SqlSource
from fittingroom.sources.increment import Increment
from fittingroom.sources.rows import Columns, Layout, Marks, column_of, mark, personal_column, place_of, values
from fittingroom.text.clean import CleanConfig
from fittingroom.text.redact import RedactConfig
from fittingroom.text.wash import Washed, wash

if TYPE_CHECKING:
    import pyarrow as pa

READ_OF_REJECTED = 2_000
SHOWN = 200


class WashedRows(NamedTuple):
    """The rows of a batch."""

    marks: Marks
    fields: dict[str, list[Washed]]
    """Input field -> its text in every row."""
    answers: list[Washed]
    rejected: Sequence[tuple[int, str, str]] = ()
    """(line, reason, redacted text) of rows that could not be read."""


class Washer:
    """Cleans and redacts the batches of one source."""

    def __init__(
        self,
        name: str,
        source: SourceConfig,
        *,
        inputs: Sequence[str],
        target: str,
        clean: CleanConfig,
        redact: RedactConfig,
        secret: bytes,
    ) -> None:
        """`inputs` and `target` are the task's fields; the source says which of its columns they are."""
        self._name, self._secret = name, secret
        self._clean, self._redact = clean, redact
        self._layout = Layout.of(source)
        self._inputs = {item: column_of(source, item, only_input=len(inputs) == 1) for item in inputs}
        self._target = column_of(source, target)
        self.wanted = [*self._inputs.values(), self._layout.key, self._layout.group, self._layout.time]
        if target in source.fields:  # named on purpose, so it must be there; else rows are unlabelled
            self.wanted.append(self._target)

    def texts(self, texts: Sequence[str | None], column: str = "") -> list[Washed]:
        """Texts of a column; those of a column of names are replaced as a whole."""
        kind = personal_column(column) if column else ""
        return wash(texts, self._clean, self._redact, self._secret, kind=kind)

    def shown(self, text: str) -> str:
        """The beginning of a rejected row. Redacted before it is cut: a cut through a number would hide it."""
        return self.texts([text[:READ_OF_REJECTED]])[0].text[:SHOWN]

    def plain(self, batch: pa.RecordBatch) -> list[str]:
        """The input fields of every row as one text, neither cleaned nor redacted: to choose rows by."""
        columns = [values(batch, column) for column in self._inputs.values()]
        return ["\n".join(text or "" for text in row) for row in zip(*columns, strict=True)]

    def batch(self, batch: pa.RecordBatch, seen: set[str] | None) -> WashedRows:
        """A batch as it may be written down."""
        marks = mark(batch, self._name, self._layout, self._secret, seen)
        fields = {item: self.texts(values(batch, column), column) for item, column in self._inputs.items()}
        return WashedRows(marks, fields, self.texts(values(batch, self._target)))

    # ------------------------------------------------------------------------------------------ records

    def records(self, batch: pa.RecordBatch) -> list[dict[str, Any]]:
        """Every row as a JSON value without personal data."""
        rows = self.batch(batch, None)
        written = values(batch, self._layout.time) if self._layout.time else [None] * batch.num_rows
        found = []
        for place, when in enumerate(rows.marks.times):
            found.append({
                "key": rows.marks.row_keys[place],
                "group": rows.marks.groups[place],
                "time": when.isoformat() if when else None,
                "unread": when is None and bool((written[place] or "").strip()),
                "fault": rows.marks.faults[place],
                "fields": {item: list(column[place]) for item, column in rows.fields.items()},
                "answer": list(rows.answers[place]),
            })  # fmt: skip
        return found

    def rejected(self, reason: str, text: str) -> dict[str, Any]:
        """A row that could not be read, as a JSON value without personal data."""
        return {"torn": reason, "text": self.shown(text)}

    def recalled(self, ids: Sequence[str], records: Sequence[dict[str, Any]]) -> WashedRows:
        """Records back as rows. They have no line: a row of a database is known by its key."""
        rejected = [(0, one["torn"], one["text"]) for one in records if "torn" in one]
        whole = [(name, one) for name, one in zip(ids, records, strict=True) if "torn" not in one]
        marks = Marks(
            lines=[0] * len(whole),
            ids=[name for name, _ in whole],
            row_keys=[one["key"] for _, one in whole],
            groups=[one["group"] for _, one in whole],
            times=[datetime.fromisoformat(one["time"]) if one["time"] else None for _, one in whole],
            faults=[one["fault"] for _, one in whole],
            unread_times=sum(one["unread"] for _, one in whole),
        )
        fields = {item: [Washed(*one["fields"][item]) for _, one in whole] for item in self._inputs}
        return WashedRows(marks, fields, [Washed(*one["answer"]) for _, one in whole], rejected)


class Known:
    """All rows ever read of a source with a cursor, each in its newest version."""

    def __init__(self, name: str, source: SqlSource, washer: Washer, context: Context, *, how: Any) -> None:
        """`how`: a JSON value of all that decides how a row is prepared."""
        self._source, self._washer = source, washer
        self._increment = Increment(name, source, context, how=how)

    def refresh(self) -> str:
        """Read what is new; returns the fingerprint of all that is known."""

        def demand(names: Sequence[str]) -> None:
            Columns(self._source, place_of(self._source), self._washer.wanted).see(names)

        return self._increment.refresh(self._washer.records, self._washer.rejected, demand=demand)

    def rows(self) -> Iterator[WashedRows]:
        """All rows, in batches."""
        for ids, records in self._increment.records():
            yield self._washer.recalled(ids, records)
