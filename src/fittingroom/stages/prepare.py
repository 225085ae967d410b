"""Prepare: from the shop's raw sources to rows that may be stored.

Sources are read, cleaned and redacted batch by batch as ONE step: nothing is written before it is redacted, neither
rows nor what was dropped or rejected. For every source, rows in = kept + dropped + rejected; this is checked.
Memory does not grow with the texts (ids and annotations are held).
"""

from __future__ import annotations

import importlib.metadata
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fittingroom.engine import Context
from fittingroom.errors import RecipeError
from fittingroom.sources import named, open_source
from fittingroom.sources.annotations import Annotations, Told, target_source
from fittingroom.sources.batching import LINE
from fittingroom.sources.config import SourceConfig, SqlSource
from fittingroom.sources.ledger import Account, Ledger
from fittingroom.sources.parts import SideTable, SortedParts
from fittingroom.sources.relevance import IrrelevantConfig, Relevance, Sample, examples_of, observed
from fittingroom.sources.rows import (
    Columns,
    Layout,
    Marks,
    key_fingerprint,
    mark,
    personal_column,
    place_of,
    row_id,
    values,
)
from fittingroom.sources.washed import READ_OF_REJECTED, SHOWN, Known, WashedRows, Washer
from fittingroom.sources.weblog import APART
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.spelling import folded, spellings
from fittingroom.text.clean import CleanConfig
from fittingroom.text.redact import RedactConfig, pseudonym
from fittingroom.text.wash import Washed, wash
from fittingroom.types import Frozen, Rows, dropped_schema, row_schema

if TYPE_CHECKING:
    import pyarrow as pa

VERSION = 4
LIBRARIES = ("pyarrow", "ftfy")

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
    *, sources: list[SourceConfig], prepare: PrepareConfig, task: TaskConfig, context: Context
) -> dict[str, str]:
    """What the result depends on outside the recipe: the content of every source, and which pseudonym key is used.

    Of a source with a cursor, what is new is read here.
    """
    prints = {}
    for name, one in named(sources):
        if one.kind == "sql" and one.cursor:
            prints[f"source {name}"] = _known(name, one, prepare, task, context).refresh()
        else:
            prints[f"source {name}"] = open_source(one).fingerprint(one, context)
    if prepare.irrelevant is not None and (found := observed(prepare.irrelevant, context)):
        prints["irrelevant examples"] = found
    return {**prints, "pseudonym key": key_fingerprint(context.secret)}


def prepare(*, sources: list[SourceConfig], prepare: PrepareConfig, task: TaskConfig, context: Context) -> Rows:
    """Read, clean and redact all sources.

    Kept rows carry their annotations; `goods` and `events` are side tables. Raises SourceError for a source that is
    missing, empty or lacks a column, RecipeError for sources that do not fit together.
    """
    work = _Work(sources, prepare, task, context)
    examples = work.of_role("examples")
    if not examples:
        raise RecipeError(
            "no source has the role `examples`; a model needs some", "没有角色为 examples 的数据源", place="sources"
        )
    # Annotations first: they wait in memory for their rows, which then go by only once.
    for name, source in work.of_role("annotations"):
        work.annotations(name, source, target_source(name, source, [name for name, _ in examples]))
    work.learn_what_is_irrelevant(examples)
    for name, source in examples:
        work.examples(name, source)
    work.settle_annotations()
    for role in ("goods", "events"):
        for name, source in work.of_role(role):
            work.side(name, source, role)
    return work.finish()


def _washer(name: str, source: SourceConfig, prepare: PrepareConfig, task: TaskConfig, secret: bytes) -> Washer:
    return Washer(
        name, source, inputs=task.input, target=task.target, clean=prepare.clean, redact=prepare.redact, secret=secret
    )


def _known(name: str, source: SqlSource, prepare: PrepareConfig, task: TaskConfig, context: Context) -> Known:
    """What was read before of a source with a cursor, under all that decides how it was prepared."""
    libraries = {library: importlib.metadata.version(library) for library in LIBRARIES}
    how = [
        VERSION,
        libraries,
        prepare.model_dump(mode="json", include={"clean", "redact"}),
        task.model_dump(mode="json"),
    ]
    return Known(name, source, _washer(name, source, prepare, task, context.secret), context, how=how)


class _Work:
    """The state of one pass over all sources."""

    def __init__(self, sources: list[SourceConfig], prepare: PrepareConfig, task: TaskConfig, context: Context) -> None:
        self.config, self.task, self.context = prepare, task, context
        self.sources = named(sources)
        self._folder = context.scratch / "prepare"
        self.ledger = Ledger(self.sources, self._folder)
        self.told = Annotations()
        self.edits: Counter[str] = Counter()
        self.personal: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.apart: dict[str, Counter[str]] = {}
        """Source -> why a request is no event -> how many."""
        schema = row_schema(task.input, task.target)
        self.kept = SortedParts(self._folder, "kept", schema)
        self.dropped = SortedParts(self._folder, "dropped", dropped_schema(schema))
        self.sides: dict[str, SideTable] = {}
        self.relevance: Relevance | None = None
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

    def _reject(self, name: str, line: int, reason: str, text: str) -> None:
        """Redact before cutting: a cut through a number would hide it from the recognisers."""
        self.ledger.reject(name, line, reason, self._washed([text[:READ_OF_REJECTED]])[0].text[:SHOWN])

    def _washed(self, texts: list[str | None], column: str = "") -> list[Washed]:
        kind = personal_column(column) if column else ""
        return wash(texts, self.config.clean, self.config.redact, self.context.secret, kind=kind)

    # ------------------------------------------------------------------------------------------ examples

    def learn_what_is_irrelevant(self, examples: list[tuple[str, SourceConfig]]) -> None:
        """When there are examples of it: a look at all rows for a sample, of which nothing is counted or kept."""
        config = self.config.irrelevant
        if config is None:
            return
        given = examples_of(config, self.context)
        sample = Sample(max(500, config.sample * len(given)), self.context.secret)
        for name, source in examples:
            washer = _washer(name, source, self.config, self.task, self.context.secret)
            if source.kind == "sql" and source.cursor:
                for rows in self._known(name, source):
                    sample.see(_joined(rows.fields))
                self.ledger.accounts[name] = Account()
                continue
            for batch in open_source(source).read(source, self.context, lambda *told: None):
                sample.see(washer.plain(batch))
        self._done = 0
        safe = [one.text for one in self._washed([*given, *sample.texts()])]
        self.relevance = Relevance(config, safe[: len(given)], safe[len(given) :])

    def examples(self, name: str, source: SourceConfig) -> None:
        """Rows of one source: kept, dropped or rejected."""
        for rows in self._known(name, source) if source.kind == "sql" and source.cursor else self._new(name, source):
            self._sort_out(name, rows.marks, rows.fields, rows.answers)

    def _new(self, name: str, source: SourceConfig) -> Iterator[WashedRows]:
        """The rows of a source that is read whole."""
        washer = _washer(name, source, self.config, self.task, self.context.secret)
        seen: set[str] = set()
        for batch in self._batches(name, source, washer.wanted):
            yield washer.batch(batch, seen)

    def _known(self, name: str, source: SqlSource) -> Iterator[WashedRows]:
        """All rows that were ever read of a source with a cursor, each in its newest version."""
        known = _known(name, source, self.config, self.task, self.context)
        known.refresh()
        account = self.ledger.accounts[name]
        for rows in known.rows():
            for line, reason, text in rows.rejected:
                self.ledger.reject(name, line, reason, text)
            account.rows += len(rows.marks.ids) + len(rows.rejected)
            self._done += len(rows.marks.ids)
            self.context.progress("prepare", min(self._done, self._total * 0.99), self._total)
            yield rows
        self.ledger.demand_rows(name)

    def _sort_out(self, name: str, marks: Marks, fields: dict[str, list[Washed]], answers: list[Washed]) -> None:
        account = self.ledger.accounts[name]
        account.unread_times += marks.unread_times
        kept, dropped = [], []
        scores = self.relevance.reasons(_joined(fields)) if self.relevance else [None] * len(marks.ids)
        for place, fault in enumerate(marks.faults):
            given = {item: column[place] for item, column in fields.items()}
            if fault:
                self._reject(name, marks.lines[place], fault, " ".join(one.text for one in given.values()))
                continue
            row = self._row(name, marks, place, given, answers[place])
            reason = _row_reason([one.drop for one in given.values()])
            score = None if reason else scores[place]
            reason = reason or ("irrelevant" if score is not None else "")
            if reason:
                self.reasons[reason] += 1
                dropped.append({**row, "reason": reason, "twin": None, "score": score})
            else:
                kept.append(row)
        account.kept += len(kept)
        account.dropped += len(dropped)
        self.kept.add(kept)
        self.dropped.add(dropped)

    def _row(self, name: str, marks: Marks, place: int, given: dict[str, Washed], answer: Washed) -> dict[str, Any]:
        changes: Counter[str] = Counter()
        for one in [*given.values(), answer]:
            changes.update(one.edits)
            changes.update(one.personal)
            self.personal.update(one.personal)
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
        known = spellings(self.task, [], []) if self.task.labels is not None else None
        for batch in self._batches(name, source, [source.key, source.annotator, source.label]):
            labels = self._washed(values(batch, source.label))
            people = [(person or "").strip() for person in values(batch, source.annotator)]
            keys = [(key or "").strip() for key in values(batch, source.key)]
            for line, key, person, said in zip(values(batch, LINE), keys, people, labels, strict=True):
                unknown = bool(said.text) and known is not None and folded(said.text) not in known
                if said.text and person and key and not unknown:
                    told = Told(name, int(line or 0), pseudonym(secret, "annotator", person), said.text)
                    self.told.add(row_id(secret, of, key), told)
                else:
                    reason = "no label" if not said.text else "no annotator" if not person else "no key"
                    self._reject(name, int(line or 0), "unknown label" if key and person and unknown else reason, "")

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
        for batch in self._batches(name, source, [*chosen.values(), layout.key, layout.group, layout.time]):
            marks = mark(batch, name, layout, self.context.secret, seen)
            account.unread_times += marks.unread_times
            columns = chosen or {column: column for column in batch.schema.names if column not in own}
            cells = {ours: self._cells(source, column, values(batch, column)) for ours, column in columns.items()}
            apart = self._set_apart(name, source, batch)
            good = [place for place, fault in enumerate(marks.faults) if not fault and place not in apart]
            for place in sorted(set(range(len(marks.faults))) - set(good) - apart):
                self._reject(name, marks.lines[place], marks.faults[place], "")
            table.add(
                [marks.head(place, name) for place in good],
                [{ours: column[place] for ours, column in cells.items()} for place in good],
            )
            account.kept += len(good)

    def _set_apart(self, name: str, source: SourceConfig, batch: pa.RecordBatch) -> set[int]:
        """Places of requests that no customer made: counted, but no events."""
        if source.kind != "weblog":
            return set()
        apart = {place: APART[kind] for place, kind in enumerate(values(batch, "kind")) if kind in APART}
        self.apart.setdefault(name, Counter()).update(apart.values())
        self.ledger.accounts[name].dropped += len(apart)
        return set(apart)

    def _cells(self, source: SourceConfig, column: str, texts: list[str | None]) -> list[str | None]:
        """A column without personal data; what the log's own reader made (kind, session, item) is left as it is."""
        if source.kind == "weblog" and column not in ("terms", "path"):
            return texts
        washed = self._washed(texts, column)
        for one in washed:
            self.personal.update(one.personal)
        return [None if text is None else one.text for text, one in zip(texts, washed, strict=True)]

    def finish(self) -> Rows:
        """Account for every row and put the tables together."""
        self.ledger.balance()
        return Rows(
            kept=self.kept.finish(),
            dropped=self.dropped.finish(),
            rejected=self.ledger.rejected(),
            tables={role: table.finish() for role, table in self.sides.items()},
            facts={
                **self.ledger.facts(),
                **(
                    {"set_apart": {name: dict(sorted(one.items())) for name, one in self.apart.items()}}
                    if self.apart
                    else {}
                ),
                **({"irrelevant": self.relevance.facts} if self.relevance else {}),
                "dropped_by_reason": dict(sorted(self.reasons.items())),
                "edits": dict(sorted(self.edits.items())),
                "personal": dict(sorted(self.personal.items())),
                "public": sorted(self.config.redact.keep),
            },
        )


def _joined(fields: dict[str, list[Washed]]) -> list[str]:
    """The fields of every row as one text."""
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
