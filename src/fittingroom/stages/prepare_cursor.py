"""Rows that are read by a cursor: those kept from earlier runs and those that are new go the same way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from fittingroom.sources.config import SqlSource
from fittingroom.sources.increment import Finish, Increment, Keep, Kept
from fittingroom.sources.recalled import Records, recalled
from fittingroom.sources.rows import Layout
from fittingroom.sources.washing import Washing
from fittingroom.stages.prepare_pass import SHOWN, Pass, row_reason

if TYPE_CHECKING:
    import polars as pl


def by_cursor(work: Pass, name: str, source: SqlSource, how: list[Any]) -> None:
    """Rows of a source with a cursor: those kept from earlier runs, and what is new. They go the same way."""
    layout, inputs, target, wanted = work.columns(source)
    passes: list[Washing] = []

    def begin(labels: Sequence[str]) -> tuple[Keep, Finish]:
        config = work.config
        washing = Washing(config.clean, config.redact, work.context.secret, labels=labels)
        passes.append(washing)
        records = Records(
            name, source, work.context, inputs=inputs, target=target, wanted=wanted, washing=washing, door=work.door
        )
        return records.keep, records.finish

    rows_of = Increment(name, source, work.context, how=how)
    closed = work.task.labels is not None
    stay = partial(_labels, work)
    shared: set[str] = set()
    for ids, rows in rows_of.refresh(
        begin, speaks=partial(_spoken, work), target="" if closed else target, labels=stay
    ):
        shared.update(_spoken_in(work, ids, [one.group for one in rows]))
        _recall(work, name, layout, ids, rows)
        work.went(len(rows))
    work.ledger.demand_rows(name)
    # In the rows of this source alone they are taken out already.
    work.washing.remembered.join(passes[-1].remembered, shared)


def _labels(work: Pass, common: list[str]) -> list[str]:
    """The targets that stay as they are, also in what the other sources say: the task's labels, what many carry here
    (as it stands once it is clean), and what many carry in the sources that are read whole.
    """
    work.washing.remembered.also(one.text for one in work.washing.column(common))
    return sorted(work.washing.remembered.labels())


def _spoken(work: Pass, heads: pl.DataFrame) -> set[str]:
    return set(_spoken_in(work, heads["id"].to_list(), heads["group"].to_list()))


def _spoken_in(work: Pass, ids: Iterable[str], groups: Iterable[str | None]) -> Iterator[str]:
    """Groups of which other sources have rows too; in an open task also those with rows that people answered."""
    told = work.told.ids if work.task.labels is None else ()
    for identity, group in zip(ids, groups, strict=True):
        if group and (group in work.spoken_of or identity in told):
            yield group


def _recall(work: Pass, name: str, layout: Layout, ids: list[str], rows: list[Kept]) -> None:
    account = work.ledger.accounts[name]
    account.rows += len(rows)
    account.unread_times += sum(one.record["unread"] for one in rows)
    whole: list[tuple[str, Kept]] = []
    out: Counter[str] = Counter()
    for identity, one in zip(ids, rows, strict=True):
        if "out" in one.record:
            out[one.record["out"]] += 1
            work.told.of(identity)  # an annotation of such a row is no stray one
        elif "fault" in one.record:
            text, fault, person = one.record["text"], one.record["fault"], one.record.get("person")
            group = one.group
            work.washing.personal.update(one.record["took"])
            shown = text if group else text[:SHOWN]
            work.ledger.reject(name, 0, fault, shown, group, person)
        else:
            whole.append((identity, one))
    work.left_out.setdefault(name, Counter()).update(out)
    work.reasons.update(out)
    account.dropped += out.total()
    batch = recalled([identity for identity, _ in whole], [one for _, one in whole], work.task.input)
    work.people.note(name, layout, batch.marks, range(len(whole)))
    kept, dropped = [], []
    for place, (given, answer) in enumerate(zip(batch.given, batch.answers, strict=True)):
        row = work.row(name, batch.marks, place, given, answer)
        if reason := row_reason([one.drop for one in given.values()]):
            dropped.append({**row, "reason": reason, "twin": None, "score": None})
        else:
            kept.append(row)
    work.add(name, kept, dropped, work.kept)
