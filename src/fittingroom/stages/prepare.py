"""Prepare: from the shop's raw sources to rows that may be stored.

Sources are read, cleaned and redacted batch by batch as ONE step: nothing is written before it is redacted, neither
rows nor what was dropped or rejected. For every source, rows in = kept + dropped + rejected; this is checked.
Memory does not grow with the texts (held are ids, annotations, rejected lines, and for the pass what was recognised in
the rows of each customer or conversation, so that it goes wherever else it stands there).
"""

from __future__ import annotations

import importlib.metadata
import os
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fittingroom.engine import Context
from fittingroom.errors import RecipeError
from fittingroom.outside import watched
from fittingroom.sources import forgotten, increment, named, open_source
from fittingroom.sources.annotations import Annotations, Told, target_source
from fittingroom.sources.batching import LINE, number_of
from fittingroom.sources.config import SourceConfig, SqlSource
from fittingroom.sources.increment import Finish, Increment, Keep, Kept, demand_one_cursor
from fittingroom.sources.ledger import Ledger
from fittingroom.sources.parts import SideTable, SortedParts
from fittingroom.sources.people import People
from fittingroom.sources.recalled import Records, recalled
from fittingroom.sources.relevance import IrrelevantConfig, Relevance, Sample, examples_of, observed
from fittingroom.sources.rows import (
    Columns,
    Layout,
    Marks,
    column_of,
    key_fingerprint,
    mark,
    place_of,
    row_id,
    safe_names,
    values,
)
from fittingroom.sources.times import parse_time
from fittingroom.sources.washing import Job, WashedExamples, Washing, examples_washed
from fittingroom.sources.weblog import APART
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.reference import REFERENCE
from fittingroom.tasks.spelling import folded, spellings
from fittingroom.text.clean import CleanConfig
from fittingroom.text.redact import RedactConfig, pseudonym
from fittingroom.text.wash import Washed
from fittingroom.types import Frozen, Rows, dropped_schema, row_schema

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

VERSION = 6
LIBRARIES = ("pyarrow", "ftfy", "rjieba", "selectolax")

_SHOWN = 200
_READ_OF_REJECTED = 2_000
_SETTLES_ROW = ("empty", "too short", "boilerplate")
"""Reasons that drop a row only when they hold for every field with text; any other reason drops it at once."""


class PrepareConfig(Frozen):
    """What happens to texts before anything is stored; serving does the same to what it is asked."""

    clean: CleanConfig = CleanConfig()
    """Mending and throwing out what is broken."""
    redact: RedactConfig = RedactConfig()
    """Taking personal data out."""
    irrelevant: IrrelevantConfig | None = None
    """Rows that are no matter of the shop, told by examples; training data only, a served model answers everybody."""


def observes(
    *, sources: list[SourceConfig], prepare: PrepareConfig, context: Context, task: TaskConfig | None = None
) -> dict[str, str]:
    """What the result depends on outside the recipe: the content of every source, which pseudonym key is used, who is
    to be forgotten, from which day on rows are read where a source has a retention, and examples of what is irrelevant.
    """
    demand_one_cursor(sources, irrelevant=prepare.irrelevant is not None)
    prints = {}
    for name, one in named(sources):
        if one.kind == "sql" and one.cursor:
            known = Increment(name, one, context, how=_how(prepare, task, context))
            prints[f"source {name}"] = known.fingerprint()
        else:
            prints[f"source {name}"] = open_source(one).fingerprint(one, context)
    since = {f"since {name}": day.isoformat() for name, one in named(sources) if (day := forgotten.cutoff(one))}
    out = forgotten.fingerprint(forgotten.entries(context.root, context.secret))
    if prepare.irrelevant is not None and (found := observed(prepare.irrelevant, context)):
        prints["irrelevant examples"] = found
    return {**prints, **since, **({"forgotten": out} if out else {}), "pseudonym key": key_fingerprint(context.secret)}


def _how(prepare: PrepareConfig, task: TaskConfig | None, context: Context) -> list[Any]:
    """What decides, beside a source, what its rows become before it is said which are kept."""
    return [
        VERSION,
        {name: importlib.metadata.version(name) for name in LIBRARIES},
        prepare.model_dump(mode="json"),
        task.model_dump(mode="json") if task else None,
        forgotten.fingerprint(forgotten.entries(context.root, context.secret)),
    ]


def published(context: Context) -> None:
    """The rows are in the store: what was read by a cursor counts from now on."""
    increment.publish(context)


def withdrawn(context: Context) -> None:
    """The rows were taken out of the store, since they may hold personal data: nothing that was kept of them stays."""
    increment.forget(context.root)


def prepare(*, sources: list[SourceConfig], prepare: PrepareConfig, task: TaskConfig, context: Context) -> Rows:
    """Read, clean and redact all sources.

    Kept rows carry their annotations; `goods`, `events`, `reference` are side tables. Raises SourceError for a source
    that is missing, empty or lacks a column, RecipeError for sources that do not fit together.
    """
    demand_one_cursor(sources, irrelevant=prepare.irrelevant is not None)
    context.connect()
    with watched(_on_purpose(sources)) as outside:
        rows = _walk(_Work(sources, prepare, task, context))
    # Seldom there, so that it is no part of the facts of a healthy run.
    return rows.model_copy(update={"facts": {**rows.facts, "outside": outside.facts()}}) if outside else rows


def _on_purpose(sources: list[SourceConfig]) -> str | None:
    """The hosts that sources name; None where one may be anywhere (a hub)."""
    if any(source.kind == "hub" for source in sources):
        return None
    return " ".join(os.path.expandvars(source.url) for source in sources if source.kind == "sql")


def _walk(work: _Work) -> Rows:
    examples = work.of_role("examples")
    if not examples:
        raise RecipeError(
            "no source has the role `examples`; a model needs some", "没有角色为 examples 的数据源", place="sources"
        )
    # Annotations first: they wait in memory for their rows, which then go by only once.
    for name, source in work.of_role("annotations"):
        work.annotations(name, source, target_source(name, source, [name for name, _ in examples]))
    work.learn_what_is_irrelevant(examples)
    by_cursor = [(name, source) for name, source in examples if source.kind == "sql" and source.cursor]
    for name, source in [*examples, *work.of_role("reference")]:
        if (name, source) not in by_cursor:
            work.examples(name, source)
    if not by_cursor:
        work.settle_annotations()
    for role in ("goods", "events"):
        for name, source in work.of_role(role):
            work.side(name, source, role)
    if by_cursor:  # last: of whom the others speak, all rows are read
        for name, source in by_cursor:
            work.known(name, source)
        work.settle_annotations()
    return work.finish()


class _Work:
    """The state of one pass over all sources."""

    def __init__(self, sources: list[SourceConfig], prepare: PrepareConfig, task: TaskConfig, context: Context) -> None:
        self.config, self.task, self.context = prepare, task, context
        self.sources = named(sources)
        self._folder = context.scratch / "prepare"
        self.ledger = Ledger(self.sources, self._folder)
        self.told = Annotations()
        self.door = forgotten.Doorkeeper(forgotten.entries(context.root, context.secret))
        self.washing = Washing(prepare.clean, prepare.redact, context.secret, labels=task.labels or ())
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

        for batch in open_source(source).read(source, self.context, reject):
            columns.see(batch.schema.names)
            account.rows += batch.num_rows
            self._done += batch.num_rows
            self.context.progress("prepare", min(self._done, self._total * 0.99), self._total)
            yield batch
        self.ledger.demand_rows(name)
        columns.settle()

    def _reject(
        self, name: str, line: int, reason: str, text: str, group: str | None = None, person: str | None = None
    ) -> None:
        """Redact before cutting: a cut through a number would hide it from the recognisers."""
        washed = self.washing.column([text[:_READ_OF_REJECTED]])[0]
        self.washing.remembered.note(group, washed.found)
        self.ledger.reject(name, line, reason, washed.text if group else washed.text[:_SHOWN], group, person)

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

    def _columns(self, source: SourceConfig) -> tuple[Layout, dict[str, str], str, list[str]]:
        """Layout, column of every input field, column of the target, and the columns that must be there. A reference
        has labels only where `fields` names them: a column of that name may mean something else in another data set.
        """
        layout = Layout.of(source)
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
        layout, inputs, target, wanted = self._columns(source)
        seen: set[str] = set()
        waiting: deque[pa.RecordBatch] = deque()

        def jobs() -> Iterator[Job]:
            for batch in self._batches(name, source, wanted):
                waiting.append(batch)
                yield self.washing.job(batch, list(inputs.values()), target)

        for washed in self.context.map(examples_washed, jobs()):
            batch = waiting.popleft()
            marks = mark(batch, name, layout, self.context.secret, seen, self.config.redact)
            self._note_groups(marks)
            out = self._leave_out(name, source, marks)
            self.people.note(
                name, layout, marks, [at for at, fault in enumerate(marks.faults) if not fault and at not in out]
            )
            sink = self.kept if source.role == "examples" or self.reference is None else self.reference
            self._sort_out(name, marks, out, dict(zip(inputs, washed.inputs, strict=True)), washed, sink)

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
            row = self._row(name, marks, place, given, answer)
            reason = _row_reason([one.drop for one in given.values()])
            score = None if reason else scores[place]
            reason = reason or ("irrelevant" if score is not None else "")
            if reason:
                dropped.append({**row, "reason": reason, "twin": None, "score": score})
            else:
                kept.append(row)
        self._add(name, kept, dropped, sink)

    def _add(self, name: str, kept: list[dict[str, Any]], dropped: list[dict[str, Any]], sink: SortedParts) -> None:
        self.ledger.accounts[name].kept += len(kept)
        self.ledger.accounts[name].dropped += len(dropped)
        self.reasons.update(row["reason"] for row in dropped)
        sink.add(kept)
        self.dropped.add(dropped)

    def _row(self, name: str, marks: Marks, place: int, given: dict[str, Washed], answer: Washed) -> dict[str, Any]:
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

    # ------------------------------------------------------------------------------------------ by a cursor

    def known(self, name: str, source: SqlSource) -> None:
        """Rows of a source with a cursor: those kept from earlier runs, and what is new. They go the same way."""
        layout, inputs, target, wanted = self._columns(source)
        passes: list[Washing] = []

        def begin() -> tuple[Keep, Finish]:
            config = self.config
            washing = Washing(config.clean, config.redact, self.context.secret, labels=self.task.labels or ())
            passes.append(washing)
            records = Records(
                name, source, self.context, inputs=inputs, target=target, wanted=wanted, washing=washing, door=self.door
            )
            return records.keep, records.finish

        rows_of = Increment(name, source, self.context, how=_how(self.config, self.task, self.context))
        shared: set[str] = set()
        for ids, rows in rows_of.refresh(begin, speaks=self._spoken):
            shared.update(self._spoken_in(ids, [one.group for one in rows]))
            self._recall(name, layout, ids, rows)
            self._done += len(rows)
            self.context.progress("prepare", min(self._done, self._total * 0.99), self._total)
        self.ledger.demand_rows(name)
        # In the rows of this source alone they are taken out already.
        self.washing.remembered.join(passes[-1].remembered, shared)

    def _note_groups(self, marks: Marks) -> None:
        if self._by_cursor:
            self.spoken_of.update(group for group in marks.groups if group)

    def _spoken(self, heads: pl.DataFrame) -> set[str]:
        return set(self._spoken_in(heads["id"].to_list(), heads["group"].to_list()))

    def _spoken_in(self, ids: Iterable[str], groups: Iterable[str | None]) -> Iterator[str]:
        """Groups of which other sources have rows too; in an open task also those with rows that people answered."""
        told = self.told.ids if self.task.labels is None else ()
        for identity, group in zip(ids, groups, strict=True):
            if group and (group in self.spoken_of or identity in told):
                yield group

    def _recall(self, name: str, layout: Layout, ids: list[str], rows: list[Kept]) -> None:
        account = self.ledger.accounts[name]
        account.rows += len(rows)
        account.unread_times += sum(one.record["unread"] for one in rows)
        whole: list[tuple[str, Kept]] = []
        out: Counter[str] = Counter()
        for identity, one in zip(ids, rows, strict=True):
            if "out" in one.record:
                out[one.record["out"]] += 1
                self.told.of(identity)  # an annotation of such a row is no stray one
            elif "fault" in one.record:
                text, group = one.record["text"], one.group
                self.washing.personal.update(one.record["took"])
                shown = text if group else text[:_SHOWN]
                self.ledger.reject(name, 0, one.record["fault"], shown, group, one.record["person"])
            else:
                whole.append((identity, one))
        self.left_out.setdefault(name, Counter()).update(out)
        self.reasons.update(out)
        account.dropped += out.total()
        batch = recalled([identity for identity, _ in whole], [one for _, one in whole], self.task.input)
        self.people.note(name, layout, batch.marks, range(len(whole)))
        kept, dropped = [], []
        for place, (given, answer) in enumerate(zip(batch.given, batch.answers, strict=True)):
            row = self._row(name, batch.marks, place, given, answer)
            if reason := _row_reason([one.drop for one in given.values()]):
                dropped.append({**row, "reason": reason, "twin": None, "score": None})
            else:
                kept.append(row)
        self._add(name, kept, dropped, self.kept)

    # ------------------------------------------------------------------------------------------ annotations

    def annotations(self, name: str, source: SourceConfig, of: str) -> None:
        """Labels by people for rows of the source `of`; one that is no label of the task is rejected."""
        secret = self.context.secret
        known = spellings(self.task, {}) if self.task.labels is not None else None
        when = Layout.of(source).time
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
                    told = Told(name, number, pseudonym(secret, "annotator", person), said.text, parse_time(time))
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
        for batch in self._batches(name, source, [*chosen.values(), *layout.named]):
            marks = mark(batch, name, layout, self.context.secret, seen, self.config.redact)
            self._note_groups(marks)
            account.unread_times += marks.unread_times
            columns = chosen or safe_names([column for column in batch.schema.names if column not in own])
            cells = {
                ours: self.washing.cells(source, column, values(batch, column), marks.people.get(column))
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
            "rejected": self.ledger.rejected(known.text, _SHOWN),
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


def _by_source(name: str, counted: Mapping[str, Counter[str]]) -> dict[str, Any]:
    """Counts of the sources that have any, under their name."""
    found = {source: dict(sorted(one.items())) for source, one in counted.items() if one or name == "set_apart"}
    return {name: found} if found else {}


def _joined(fields: Mapping[str, list[Washed]]) -> list[str]:
    """The input fields of every row as one text."""
    return ["\n".join(one.text for one in row) for row in zip(*fields.values(), strict=True)]


def _row_reason(reasons: list[str]) -> str:
    """Why a row goes, from the reasons of its fields: a title may be empty, but nothing in it may be spam."""
    hard = [reason for reason in reasons if reason and reason not in _SETTLES_ROW]
    if hard:
        return hard[0]
    filled = [reason for reason in reasons if reason != "empty"]
    if not filled:
        return "empty"
    return filled[0] if all(filled) else ""
