"""One pass over all sources of `prepare`: rows are cleaned, redacted, kept, dropped or rejected as they go by.

What is read by a cursor goes by in `prepare_cursor`.
"""

from __future__ import annotations

import dataclasses
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fittingroom.engine import Context
from fittingroom.sources import forgotten, named, open_source
from fittingroom.sources.annotations import Annotations, Told
from fittingroom.sources.batching import LINE, number_of
from fittingroom.sources.config import SourceConfig
from fittingroom.sources.ledger import Ledger
from fittingroom.sources.own_names import are_people, may_name_people
from fittingroom.sources.parts import SideTable, SortedParts
from fittingroom.sources.people import People
from fittingroom.sources.relevance import Relevance, Sample, examples_of
from fittingroom.sources.rows import (
    Columns,
    Layout,
    Marks,
    column_of,
    joining_column,
    mark,
    place_of,
    row_id,
    safe_names,
    values,
)
from fittingroom.sources.times import parse_time
from fittingroom.sources.washing import Job, WashedExamples, Washing, examples_washed
from fittingroom.sources.weblog import APART
from fittingroom.tasks.aspects import ANSWER_COLUMN, KEY_COLUMN, QUESTION_COLUMN, ROW_COLUMN, asked_apart
from fittingroom.tasks.config import QUESTION, TaskConfig
from fittingroom.tasks.reference import REFERENCE
from fittingroom.tasks.spelling import folded, spellings
from fittingroom.text.known import Find, worth
from fittingroom.text.redact import pseudonym
from fittingroom.text.wash import Washed
from fittingroom.types import Rows, dropped_schema, row_schema

if TYPE_CHECKING:
    import pyarrow as pa

    from fittingroom.stages.prepare import PrepareConfig

SHOWN = 200
"""Characters of a rejected row's text that are kept."""
_READ_OF_REJECTED = 2_000
_SETTLES_ROW = ("empty", "too short", "boilerplate")
"""Reasons that drop a row only when they hold for every field with text; any other reason drops it at once."""


class Pass:
    """The state of one pass over all sources."""

    def __init__(self, sources: list[SourceConfig], prepare: PrepareConfig, task: TaskConfig, context: Context) -> None:
        self.config, self.task, self.context = prepare, task, context
        self.sources = named(sources)
        self._folder = context.scratch / "prepare"
        self.ledger = Ledger(self.sources, self._folder)
        self.told = Annotations()
        self.door = forgotten.Doorkeeper(forgotten.entries(context.root, context.secret))
        self.washing = Washing(prepare.clean, prepare.redact, context.secret, labels=task.all_labels or ())
        self.edits: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.apart: dict[str, Counter[str]] = {}
        """Source -> why a request is no event -> how many."""
        self.left_out: dict[str, Counter[str]] = {}
        """Source -> why rows are not even kept among the dropped ones -> how many."""
        schema = row_schema(task.input, task.target)
        self.kept = SortedParts(self._folder, "kept", schema)
        self.reference: SortedParts | None = None
        self.dropped = SortedParts(self._folder, "dropped", dropped_schema(schema))
        if self.of_role("reference"):
            self.reference = SortedParts(self._folder, REFERENCE, schema)
        self.sides: dict[str, SideTable] = {}
        self.people = People(self._folder)
        self.relevance: Relevance | None = None
        self.spoken_of: set[str] = set()
        """Groups of the sources that are read whole, where another is read by a cursor."""
        self._by_cursor = any(source.kind == "sql" and source.cursor for _, source in self.sources)
        self._total = sum(open_source(one).size(one, context) for _, one in self.sources)
        self._done = 0

    def went(self, rows: int) -> None:
        """So many rows more have gone by."""
        self._done += rows
        self.context.progress("prepare", min(self._done, self._total * 0.99), self._total)

    def of_role(self, role: str) -> list[tuple[str, SourceConfig]]:
        """Sources of a role, with their names."""
        return [(name, source) for name, source in self.sources if source.role == role]

    def _batches(self, name: str, source: SourceConfig, wanted: list[str]) -> Iterator[pa.RecordBatch]:
        """Batches of a source, counted. Raises SourceError for a missing column, or when nothing could be read."""
        account = self.ledger.accounts[name]
        columns = Columns(source, place_of(source), wanted)

        def reject(line: int, reason: str, text: str) -> None:
            account.rows += 1
            self._reject(name, line, reason, text)

        asked = self._questions(source)
        for batch in open_source(source).read(source, self.context, reject):
            columns.see(batch.schema.names)
            if asked:
                batch = asked_apart(batch, self.task, asked, Layout.of(source).key)
            account.rows += batch.num_rows
            self.went(batch.num_rows)
            yield batch
        self.ledger.demand_rows(name)
        columns.settle()

    def _reject(
        self, name: str, line: int, reason: str, text: str, group: str | None = None, person: str | None = None
    ) -> None:
        """Redact before cutting: a cut through a number would hide it from the recognisers."""
        washed = self.washing.column([text[:_READ_OF_REJECTED]])[0]
        self.washing.remembered.note(group, washed.found)
        self.ledger.reject(name, line, reason, washed.text if group else washed.text[:SHOWN], group, person)

    def _leave_out(self, name: str, source: SourceConfig, marks: Marks) -> set[int]:
        """Places of rows that stay out, forgotten or too old: counted as dropped, but kept nowhere."""
        out = self.door.out(source, marks)
        self.left_out.setdefault(name, Counter()).update(out.values())
        self.reasons.update(out.values())
        self.ledger.accounts[name].dropped += len(out)
        for place in out:
            self.told.of(marks.ids[place])  # an annotation of such a row is no stray one
        return set(out)

    # ------------------------------------------------------------------------------------------ examples

    def learn_what_is_irrelevant(self, examples: list[tuple[str, SourceConfig]]) -> None:
        """When there are examples of it: a look at all rows for a sample, of which nothing is counted or kept."""
        config = self.config.irrelevant
        if config is None:
            return
        given = examples_of(config, self.context)
        sample = Sample(max(500, config.sample * len(given)), self.context.secret)
        for _, source in examples:
            inputs = [column_of(source, item, only_input=len(self.task.input) == 1) for item in self.task.input]
            for batch in open_source(source).read(source, self.context, lambda *told: None):
                columns = [values(batch, column) for column in inputs]
                sample.see(["\n".join(text or "" for text in row) for row in zip(*columns, strict=True)])
        safe = [one.text for one in self.washing.column([*given, *sample.texts()])]
        self.relevance = Relevance(config, safe[: len(given)], safe[len(given) :])

    def _questions(self, source: SourceConfig) -> dict[str, str]:
        """Question -> the column of its answer; nothing where rows are asked one question, or none."""
        if source.role not in ("examples", "reference"):
            return {}
        return {name: column_of(source, one.target) for name, one in self.task.questions.items()}

    def columns(self, source: SourceConfig) -> tuple[Layout, dict[str, str], str, list[str]]:
        """Layout, column of every input field, column of the target, and the columns that must be there. A reference
        has labels only where `fields` names them: a column of that name may mean something else in another data set.
        """
        layout = Layout.of(source)
        if questions := self._questions(source):
            fields = self.task.input[:-1]
            inputs = {item: column_of(source, item, only_input=len(fields) == 1) for item in fields}
            wanted = [*inputs.values(), *layout.named, *questions.values()]
            layout = dataclasses.replace(layout, key=layout.key or KEY_COLUMN)
            return layout, {**inputs, QUESTION: QUESTION_COLUMN}, ANSWER_COLUMN, wanted
        alone = len(self.task.input) == 1
        inputs = {item: column_of(source, item, only_input=alone) for item in self.task.input}
        named = source.role == "examples" or self.task.target in source.fields
        target = column_of(source, self.task.target) if named else ""
        wanted = [*inputs.values(), *layout.named]
        if self.task.target in source.fields:  # named on purpose, so it must be there; else rows are unlabelled
            wanted.append(target)
        return layout, inputs, target, wanted

    def examples(self, name: str, source: SourceConfig) -> None:
        """Rows of one source, examples or a reference: kept, dropped or rejected."""
        layout, inputs, target, wanted = self.columns(source)
        seen: set[str] = set()
        waiting: deque[pa.RecordBatch] = deque()

        def jobs() -> Iterator[Job]:
            for batch in self._batches(name, source, wanted):
                waiting.append(batch)
                yield self.washing.job(batch, list(inputs.values()), target)

        for washed in self.context.map(examples_washed, jobs()):
            batch = waiting.popleft()
            if self.task.questions:
                washed = _asked(washed, batch)
            marks = mark(batch, name, layout, self.context.secret, seen, self.config.redact)
            if self.task.questions:
                self._kept_together(marks, batch)
            self._note_groups(marks)
            out = self._leave_out(name, source, marks)
            self.people.note(
                name, layout, marks, [at for at, fault in enumerate(marks.faults) if not fault and at not in out]
            )
            sink = self.kept if source.role == "examples" or self.reference is None else self.reference
            self._sort_out(name, marks, out, dict(zip(inputs, washed.inputs, strict=True)), washed, sink)

    def _kept_together(self, marks: Marks, batch: pa.RecordBatch) -> None:
        """Questions about one text are one group, so that no part is asked about a text that another has read."""
        rows = values(batch, ROW_COLUMN)
        marks.groups = [
            group or (pseudonym(self.context.secret, "row", row) if row else None)
            for group, row in zip(marks.groups, rows, strict=True)
        ]

    def _sort_out(
        self,
        name: str,
        marks: Marks,
        out: set[int],
        fields: dict[str, list[Washed]],
        washed: WashedExamples,
        sink: SortedParts,
    ) -> None:
        account = self.ledger.accounts[name]
        account.unread_times += marks.unread_times
        kept, dropped = [], []
        self.washing.remembered.saw(marks.groups, marks.ids, [answer.text for answer in washed.answers])
        judged = self.relevance if sink is self.kept else None
        scores = judged.reasons(_joined(fields)) if judged else [None] * len(marks.ids)
        for place, fault in enumerate(marks.faults):
            if place in out:
                continue
            texts = {item: column[place] for item, column in fields.items()}
            group, told = marks.groups[place], washed.told[place]
            given, answer = self.washing.row(group, texts, washed.answers[place], told)
            if fault:
                said = " ".join(one.text for one in given.values())
                self._reject(name, marks.lines[place], fault, said, marks.groups[place], marks.person(place))
                continue
            row = self.row(name, marks, place, given, answer)
            reason = row_reason(self._drops(given))
            score = None if reason else scores[place]
            reason = reason or ("irrelevant" if score is not None else "")
            if reason:
                dropped.append({**row, "reason": reason, "twin": None, "score": score})
            else:
                kept.append(row)
        self.add(name, kept, dropped, sink)

    def _drops(self, given: Mapping[str, Washed]) -> list[str]:
        """Why each text of a row would go; what is asked of it is none."""
        return [one.drop for item, one in given.items() if not (self.task.questions and item == QUESTION)]

    def add(self, name: str, kept: list[dict[str, Any]], dropped: list[dict[str, Any]], sink: SortedParts) -> None:
        """Rows of a source that stay, and rows that go with their reasons; both are counted."""
        self.ledger.accounts[name].kept += len(kept)
        self.ledger.accounts[name].dropped += len(dropped)
        self.reasons.update(row["reason"] for row in dropped)
        sink.add(kept)
        self.dropped.add(dropped)

    def row(self, name: str, marks: Marks, place: int, given: dict[str, Washed], answer: Washed) -> dict[str, Any]:
        """One row of the table from what is left of its texts."""
        changes: Counter[str] = Counter()
        for one in [*given.values(), answer]:
            changes.update(one.edits)
            changes.update(one.personal)
            self.washing.personal.update(one.personal)
        self.edits.update({rule for one in [*given.values(), answer] for rule in one.edits})
        return {
            "id": marks.ids[place],
            "source": name,
            "row_key": marks.row_keys[place],
            "group": marks.groups[place],
            "time": marks.times[place],
            "input": {item: one.text for item, one in given.items()},
            "target": {self.task.target: answer.text or None},
            "annotations": self.told.of(marks.ids[place]),
            "cluster": None,
            "dup_count": 1,
            "edits": [{"rule": rule, "count": count} for rule, count in sorted(changes.items())],
        }

    # ------------------------------------------------------------------------------------------ annotations

    def annotations(self, name: str, source: SourceConfig, of: str) -> None:
        """Labels by people for rows of the source `of`; one that is no label of the task is rejected."""
        secret = self.context.secret
        known = spellings(self.task, {}) if self.task.all_labels is not None else None
        layout = Layout.of(source)
        when = layout.time
        for batch in self._batches(name, source, [source.key, source.annotator, source.label, when]):
            labels = self.washing.column(values(batch, source.label))
            people = [(person or "").strip() for person in values(batch, source.annotator)]
            keys = [(key or "").strip() for key in values(batch, source.key)]
            times = values(batch, when) if when else [None] * len(keys)
            rows = zip(values(batch, LINE), keys, people, labels, times, strict=True)
            for line, key, person, said, time in rows:
                unknown = bool(said.text) and known is not None and folded(said.text) not in known
                if said.text and person and key and not unknown:
                    number = number_of(line or "0")
                    told = Told(
                        name,
                        number,
                        pseudonym(secret, "annotator", person),
                        said.text,
                        parse_time(time, layout.written),
                    )
                    self.told.add(row_id(secret, of, key), told)
                else:
                    reason = "no label" if not said.text else "no annotator" if not person else "no key"
                    self._reject(
                        name, number_of(line or "0"), "unknown label" if key and person and unknown else reason, ""
                    )

    def settle_annotations(self) -> None:
        """An annotation whose row was met is kept with it; others are rejected."""
        for one in self.told:
            if one.used:
                self.ledger.accounts[one.source].kept += 1
            else:
                self._reject(one.source, one.line, "no row has this key", "")

    # ------------------------------------------------------------------------------------------ side tables

    def side(self, name: str, source: SourceConfig, role: str) -> None:
        """Goods or events: every column (or those that `fields` names), cleaned and redacted."""
        layout = Layout.of(source)
        own = {layout.key, layout.group, layout.time, LINE}
        chosen = {ours: column for ours, column in source.fields.items() if column not in own}
        table = self.sides.setdefault(role, SideTable(self._folder, role))
        account = self.ledger.accounts[name]
        seen: set[str] = set()
        people: dict[str, bool] = {}
        for batch in self._batches(name, source, [*chosen.values(), *layout.named]):
            marks = mark(batch, name, layout, self.context.secret, seen, self.config.redact)
            self._note_groups(marks)
            if joining_column(layout.key) == "order" and "order" in self.config.redact.kinds:
                self._note_orders(marks, values(batch, layout.key))
            for column in may_name_people(batch.schema.names):
                if column not in people and (told := are_people(batch.schema.names, values(batch, column))) is not None:
                    people[column] = told
            account.unread_times += marks.unread_times
            columns = chosen or safe_names([column for column in batch.schema.names if column not in own])
            cells = {
                ours: self.washing.cells(
                    source,
                    column,
                    values(batch, column),
                    marks.people.get(column),
                    kind="name" if people.get(column) else "",
                )
                for ours, column in columns.items()
            }
            out = self._leave_out(name, source, marks)
            apart = self._set_apart(name, source, batch, out) | out
            good = [place for place, fault in enumerate(marks.faults) if not fault and place not in apart]
            for place in sorted(set(range(len(marks.faults))) - set(good) - apart):
                self._reject(
                    name, marks.lines[place], marks.faults[place], "", marks.groups[place], marks.person(place)
                )
            table.add(
                [marks.head(place, name) for place in good],
                [self.washing.side_row(marks.groups[place], cells, place) for place in good],
            )
            account.kept += len(good)

    def _note_orders(self, marks: Marks, keys: list[str | None]) -> None:
        """The key is written down apart from the columns; the texts of its customer lose it all the same."""
        for group, key in zip(marks.groups, keys, strict=True):
            if group and key and worth("order", key.strip()):
                self.washing.remembered.note(group, [Find("order", key.strip())])

    def _note_groups(self, marks: Marks) -> None:
        if self._by_cursor:
            self.spoken_of.update(group for group in marks.groups if group)

    def _set_apart(self, name: str, source: SourceConfig, batch: pa.RecordBatch, out: set[int]) -> set[int]:
        """Places of requests that no customer made: counted, but no events."""
        if source.kind != "weblog":
            return set()
        kinds = enumerate(values(batch, "kind"))
        apart = {place: APART[kind] for place, kind in kinds if kind in APART and place not in out}
        self.apart.setdefault(name, Counter()).update(apart.values())
        self.ledger.accounts[name].dropped += len(apart)
        return set(apart)

    def finish(self) -> Rows:
        """Account for every row and put the tables together."""
        self.ledger.balance()
        known = self.washing.remembered
        tables = {
            "kept": self.kept.finish(known.rows),
            "dropped": self.dropped.finish(known.rows),
            "rejected": self.ledger.rejected(known.text, SHOWN),
        }
        sides = {role: table.finish(known.cells) for role, table in self.sides.items()}
        if self.reference is not None:
            sides[REFERENCE] = self.reference.finish(known.rows)
        sides |= self.people.finish()
        personal = self.washing.personal + known.personal
        return Rows(
            **tables,
            tables=sides,
            facts={
                **self.ledger.facts(),
                **_by_source("set_apart", self.apart),
                **_by_source("left_out", self.left_out),
                **({"irrelevant": self.relevance.facts} if self.relevance else {}),
                "dropped_by_reason": dict(sorted(self.reasons.items())),
                "edits": dict(sorted(self.edits.items())),
                "personal": dict(sorted(personal.items())),
                "public": sorted(self.config.redact.keep),
            },
        )


def _asked(washed: WashedExamples, batch: pa.RecordBatch) -> WashedExamples:
    """With the questions as the recipe names them: they are no texts of customers."""
    names = [Washed(name or "", {}, {}, "") for name in values(batch, QUESTION_COLUMN)]
    return washed._replace(inputs=[*washed.inputs[:-1], names])


def _by_source(name: str, counted: Mapping[str, Counter[str]]) -> dict[str, Any]:
    """Counts of the sources that have any, under their name."""
    found = {source: dict(sorted(one.items())) for source, one in counted.items() if one or name == "set_apart"}
    return {name: found} if found else {}


def _joined(fields: Mapping[str, list[Washed]]) -> list[str]:
    """The input fields of every row as one text."""
    return ["\n".join(one.text for one in row) for row in zip(*fields.values(), strict=True)]


def row_reason(reasons: list[str]) -> str:
    """Why a row goes, from the reasons of its fields: a title may be empty, but nothing in it may be spam."""
    hard = [reason for reason in reasons if reason and reason not in _SETTLES_ROW]
    if hard:
        return hard[0]
    filled = [reason for reason in reasons if reason != "empty"]
    if not filled:
        return "empty"
    return filled[0] if all(filled) else ""
