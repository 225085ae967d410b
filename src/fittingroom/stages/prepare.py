"""Prepare: from the shop's raw sources to rows that may be stored.

Sources are read, cleaned and redacted batch by batch as ONE step: nothing is written before it is redacted, neither
rows nor what was dropped or rejected. For every source, rows in = kept + dropped + rejected; this is checked.
Memory does not grow with the texts (held are ids, annotations, rejected lines, and for the pass what was recognised in
the rows of each customer or conversation, so that it goes wherever else it stands there).
"""

from __future__ import annotations

import importlib.metadata
import os
from typing import Any

from fittingroom.engine import Context
from fittingroom.errors import RecipeError
from fittingroom.outside import watched
from fittingroom.sources import forgotten, increment, named, open_source
from fittingroom.sources.annotations import target_source
from fittingroom.sources.config import SourceConfig
from fittingroom.sources.increment import Increment, demand_one_cursor
from fittingroom.sources.relevance import IrrelevantConfig, observed
from fittingroom.sources.rows import Layout, key_fingerprint
from fittingroom.stages.prepare_cursor import by_cursor
from fittingroom.stages.prepare_pass import Pass
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.gathering import EVENTS, gathered
from fittingroom.text.clean import CleanConfig
from fittingroom.text.redact import RedactConfig
from fittingroom.types import Frozen, Rows

VERSION = 7
LIBRARIES = ("pyarrow", "ftfy", "rjieba", "selectolax")


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
    _refuse_for_questions(sources, task)
    context.connect()
    with watched(_on_purpose(sources)) as outside:
        rows = _walk(Pass(sources, prepare, task, context), _how(prepare, task, context))
    if task.kind == "recommend" and EVENTS in rows.tables:
        rows = gathered(rows, task, context)
    # Seldom there, so that it is no part of the facts of a healthy run.
    return rows.model_copy(update={"facts": {**rows.facts, "outside": outside.facts()}}) if outside else rows


def _refuse_for_questions(sources: list[SourceConfig], task: TaskConfig) -> None:
    """Several questions per row need sources that are read whole, whose key names a row alone, and that hold the
    answers themselves.
    """
    if not task.questions:
        return
    for name, one in named(sources):
        layout = Layout.of(one)
        if one.kind == "sql" and one.cursor:
            wrong, falsch = "is read by a cursor", "按游标增量读取"
        elif one.role == "annotations":
            wrong, falsch = "holds annotations, which do not say for which question", "是标注，但没有说明针对哪个问题"
        elif one.role == "examples" and layout.key and layout.key in (layout.group, *layout.others):
            wrong, falsch = "names a row by whose it is", "用归属列作为行的主键"
        else:
            continue
        raise RecipeError(
            f"{wrong}, which task.questions cannot take: give each question a recipe of its own, or change the source",
            f"{falsch}，task.questions 不支持：请为每个问题单独写配方，或更改该数据源",
            place=f"sources: {name}",
        )


def _on_purpose(sources: list[SourceConfig]) -> str | None:
    """The hosts that sources name; None where one may be anywhere (a hub)."""
    if any(source.kind == "hub" for source in sources):
        return None
    return " ".join(os.path.expandvars(source.url) for source in sources if source.kind == "sql")


def _walk(work: Pass, how: list[Any]) -> Rows:
    examples = work.of_role("examples")
    if not examples and not (work.task.kind == "recommend" and work.of_role(EVENTS)):
        raise RecipeError(
            "no source has the role `examples`; a model needs some", "没有角色为 examples 的数据源", place="sources"
        )
    # Annotations first: they wait in memory for their rows, which then go by only once.
    for name, source in work.of_role("annotations"):
        work.annotations(name, source, target_source(name, source, [name for name, _ in examples]))
    work.learn_what_is_irrelevant(examples)
    cursors = [(name, source) for name, source in examples if source.kind == "sql" and source.cursor]
    for name, source in [*examples, *work.of_role("reference")]:
        if (name, source) not in cursors:
            work.examples(name, source)
    if not cursors:
        work.settle_annotations()
    for role in ("goods", "events"):
        for name, source in work.of_role(role):
            work.side(name, source, role)
    if cursors:  # last: of whom the others speak, all rows are read
        for name, source in cursors:
            by_cursor(work, name, source, how)
        work.settle_annotations()
    return work.finish()
