"""Rows of examples between cleaning and the decision which are kept, as JSON values that may lie on disk until the next
run, and back. Nothing in them is personal: a rejected row is its redacted text, one that stays out only the reason.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from fittingroom.engine import Context
from fittingroom.sources.config import SqlSource
from fittingroom.sources.forgotten import EXPIRED, FORGOTTEN, Doorkeeper, cutoff
from fittingroom.sources.increment import Kept
from fittingroom.sources.rows import Columns, Layout, Marks, mark, place_of, values
from fittingroom.sources.snapshot import Chunk
from fittingroom.sources.washing import Job, Washing, examples_washed
from fittingroom.text.wash import Washed

if TYPE_CHECKING:
    import pyarrow as pa

READ_OF_REJECTED = 2_000
GONE = {"out": EXPIRED, "unread": False}
"""What is kept of a row that is past its retention."""


class Recalled(NamedTuple):
    """Rows of a batch of records, the same way as they come from a batch of a source."""

    marks: Marks
    given: list[dict[str, Washed]]
    answers: list[Washed]


class Records:
    """Makes records of the rows of one source, in one pass; `finish` when all were made."""

    def __init__(
        self, name: str, source: SqlSource, context: Context, *, inputs: dict[str, str], target: str,
        wanted: Sequence[str], washing: Washing, door: Doorkeeper,
    ) -> None:  # fmt: skip
        """`inputs`: field of the task -> column; `wanted`: columns that must be there; `washing`: of this pass."""
        self._columns = Columns(source, place_of(source), wanted)
        self._name, self._source, self._context = name, source, context
        self._inputs, self._target = inputs, target
        self._layout = Layout.of(source)
        self._washing, self._door = washing, door
        self._limit = cutoff(source)

    def keep(self, chunks: Iterable[Chunk]) -> Iterator[tuple[Chunk, list[Kept]]]:
        """Every row prepared; what is recognised in it is noted for the others of its group."""
        waiting: deque[Chunk] = deque()

        def jobs() -> Iterator[Job]:
            for chunk in chunks:
                waiting.append(chunk)
                if chunk.batch is not None:
                    self._columns.see(chunk.batch.schema.names)
                    yield self._washing.job(chunk.batch, list(self._inputs.values()), self._target)

        for washed in self._context.map(examples_washed, jobs()):
            while waiting[0].batch is None:  # chunks of which nothing could be read make no job
                yield self._torn(waiting.popleft())
            chunk = waiting.popleft()
            assert chunk.batch is not None
            fields = dict(zip(self._inputs, washed.inputs, strict=True))
            yield chunk, self._chunk(chunk, self._kept(chunk.batch, fields, washed.answers, washed.told))
        while waiting:
            yield self._torn(waiting.popleft())

    def _torn(self, chunk: Chunk) -> tuple[Chunk, list[Kept]]:
        return chunk, self._chunk(chunk, [])

    def _chunk(self, chunk: Chunk, good: Sequence[Kept]) -> list[Kept]:
        """The rows that could be read among those that could not."""
        rows = dict(zip(chunk.good, good, strict=True))
        for place, (reason, text) in chunk.torn.items():
            shown = "" if self._limit else self._shown(None, text)  # without a time nobody knows when it has to go
            rows[place] = Kept(None, None, {"fault": reason, "text": shown, "unread": False})
        return [rows[place] for place in range(len(chunk.heads))]

    def _kept(
        self, batch: pa.RecordBatch, fields: dict[str, list[Washed]], answers: list[Washed], told: list[Any]
    ) -> list[Kept]:
        marks = mark(batch, self._name, self._layout, self._context.secret, None, self._washing.redact)
        out = self._door.out(self._source, marks)
        written = values(batch, self._layout.time) if self._layout.time else [None] * batch.num_rows
        kept = []
        for place, (group, when) in enumerate(zip(marks.groups, marks.times, strict=True)):
            unread = when is None and bool((written[place] or "").strip())
            if out.get(place) == FORGOTTEN:
                kept.append(Kept(None, None, {"out": FORGOTTEN, "unread": unread}))
                continue
            texts = {item: column[place] for item, column in fields.items()}
            # Also of a row that is too old: what was recognised in it is not forgotten on the day on which it goes.
            given, answer = self._washing.row(group, texts, answers[place], told[place])
            record: dict[str, Any]
            if place in out:
                record = {"out": out[place]}
            elif marks.faults[place]:
                said = " ".join(one.text for one in given.values())
                record = {"fault": marks.faults[place], "text": self._shown(group, said), "person": marks.person(place)}
            else:
                record = {
                    "key": marks.row_keys[place],
                    "fields": {item: list(one[:4]) for item, one in given.items()},
                    "answer": list(answer[:4]),
                }
            if place not in out:
                record["people"] = {name: whose[place] for name, whose in marks.people.items() if whose[place]}
            kept.append(Kept(group, None if place in out else when, {**record, "unread": unread}))
        return kept

    def _shown(self, group: str | None, text: str) -> str:
        """The text of a rejected row. Redacted before it is cut: a cut through a number would hide it."""
        washed = self._washing.column([text[:READ_OF_REJECTED]])[0]
        self._washing.remembered.note(group, washed.found)
        return washed.text

    def finish(self, group: str | None, when: datetime | None, record: dict[str, Any]) -> dict[str, Any]:
        """A record without what was recognised in other rows of its group, or without anything once it is too old."""
        if "out" in record:
            return record
        if self._limit is not None and when is not None and when < self._limit:
            return GONE
        known, took = self._washing.remembered, Counter[str](record.get("took", {}))
        if "fault" in record:
            text = known.taken(group, record["text"], took)
            return {**record, "text": text, "took": dict(sorted(took.items()))}
        fields = {item: [known.taken(group, one[0], took), *one[1:]] for item, one in record["fields"].items()}
        answer = [known.taken(group, record["answer"][0], took, target=True), *record["answer"][1:]]
        return {**record, "fields": fields, "answer": answer, "took": dict(sorted(took.items()))}


def recalled(ids: Sequence[str], rows: Sequence[Kept], inputs: Sequence[str]) -> Recalled:
    """Records of rows that are neither rejected nor out. They have no line: such a row is known by its key."""
    marks = Marks(
        lines=[0] * len(ids),
        ids=list(ids),
        row_keys=[one.record["key"] for one in rows],
        groups=[one.group for one in rows],
        times=[one.time for one in rows],
        faults=[""] * len(ids),
        unread_times=0,
        people=_people([one.record["people"] for one in rows]),
    )
    given = [{item: Washed(*one.record["fields"][item]) for item in inputs} for one in rows]
    for texts, one in zip(given, rows, strict=True):
        if one.record["took"]:  # counted with the first field: what counts of a row is the sum
            first = next(iter(texts))
            personal = dict(Counter(texts[first].personal) + Counter(one.record["took"]))
            texts[first] = texts[first]._replace(personal=personal)
    return Recalled(marks, given, [Washed(*one.record["answer"]) for one in rows])


def _people(told: Sequence[dict[str, str]]) -> dict[str, list[str | None]]:
    """Whose the rows are beside their group, by column."""
    columns = sorted({column for one in told for column in one})
    return {column: [one.get(column) for one in told] for column in columns}
