"""An endpoint as one more annotator, whose word is weak: it labels rows of which nobody spoke and no rule knew.

How far it can be trusted is measured, not assumed: rows that people labelled are asked too, once with the labels in
their order and once in the opposite order. Its agreement with people, and with itself, stands in the facts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import Field

from fittingroom.engine import Context
from fittingroom.errors import RecipeError
from fittingroom.models.endpoint_config import EndpointConfig, allowed
from fittingroom.models.labelling import ToLabel, asking, label_all
from fittingroom.statistics.agreement import cohen_kappa
from fittingroom.statistics.folds import keyed_order
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.jobs import job_of
from fittingroom.tasks.leaving import placed
from fittingroom.tasks.spelling import folded
from fittingroom.tasks.voices import Voices
from fittingroom.types import Frozen

BY = "endpoint:"
"""What stands before the name of an endpoint among the annotators of a row."""
_SEED = 7
"""Of which rows are asked: labels do not depend on the seed of a run."""


class LabelEndpointConfig(Frozen):
    """A chat API that labels rows of which nobody spoke. It costs money, and redacted texts leave the machine: off
    unless this section is there. Rows that it labels alone carry the edit "endpoint label"."""

    name: str = Field(min_length=1)
    """Who is asked: a name of the section `endpoints`."""
    max_rows: int = Field(default=1000, ge=1, le=1_000_000)
    """Most rows without a label that are asked for; the others stay without one."""
    check_rows: int = Field(default=100, ge=0, le=10_000)
    """Rows that people labelled and that are asked too, twice each, so that its agreement with them is known."""


class Heard(NamedTuple):
    """What the endpoint said."""

    guesses: dict[int, str]
    """Row -> label, for the rows of which nobody else spoke."""
    said: dict[int, str]
    """Row -> label, for all rows that it was asked about."""
    annotator: str
    facts: dict[str, Any]


def hear(
    table: Table,
    voices: Voices,
    merged: Sequence[str | None],
    weak: Collection[int],
    config: LabelEndpointConfig,
    endpoints: Mapping[str, EndpointConfig],
    task: TaskConfig,
    context: Context,
) -> Heard:
    """Ask about rows without a label, and about some that people labelled.

    `merged`: the label of every row so far; `weak`: the rows whose label no person gave, or about which rules disagree.
    Raises RecipeError for an endpoint that is not on the list, or when no label is known; UserError when it cannot be
    asked.
    """
    known = choices_of(voices)
    endpoint = allowed(endpoints, config.name, "label.endpoint.name")
    rows = _Rows(table, voices, task, known)
    silent = [row for row in range(table.rows) if not voices.spoken(row) and row not in weak and merged[row] is None]
    spoken = [row for row in range(table.rows) if voices.spoken(row) and row not in weak and merged[row] is not None]
    asked = rows.first(silent, config.max_rows)
    checked = rows.first(spoken, config.check_rows)
    questions = [*rows.questions([*asked, *checked]), *rows.questions(checked, backwards=True)]
    found = label_all(
        questions,
        asking(config.name, endpoint, "label"),
        context,
        spelled=lambda said: voices.spelling.get(folded(said)),
    )
    forth = dict(zip([*asked, *checked], found.labels, strict=False))
    back = dict(zip(checked, found.labels[len(asked) + len(checked) :], strict=True))
    people = {row: merged[row] for row in checked}
    facts = {
        "name": config.name,
        "unlabelled": len(silent),
        "used": sum(forth[row] is not None for row in asked),
        "agreement": _agreement(forth, people),
        "order": _agreement(forth, back),
        **found.facts(),
    }
    return Heard(
        {row: label for row in asked if (label := forth[row]) is not None},
        {row: label for row, label in forth.items() if label is not None},
        f"{BY}{config.name}",
        facts,
    )


def choices_of(voices: Voices) -> list[str]:
    """The labels that an endpoint may choose among. Raises RecipeError for fewer than two."""
    known = sorted(set(voices.spelling.values()))
    if len(known) < 2:
        raise RecipeError(
            "an endpoint can only choose among known labels, and no row carries two: list them in `task.labels`",
            "接口只能在已知标签中选择，而数据中不足两个标签：请在 `task.labels` 中列出",
            place="label.endpoint",
        )
    return known


def _agreement(ours: Mapping[int, str | None], theirs: Mapping[int, str | None]) -> dict[str, Any]:
    """On the rows with both words: how many, the share that is equal, Cohen's kappa."""
    both = [(one, other) for row, other in theirs.items() if (one := ours.get(row)) is not None and other is not None]
    left, right = [one for one, _ in both], [other for _, other in both]
    kappa = cohen_kappa(left, right)
    return {
        "rows": len(both),
        "share": round(sum(one == other for one, other in both) / len(both), 4) if both else None,
        "kappa": round(kappa, 4) if kappa is not None else None,
    }


class _Rows:
    """The texts of the rows that are asked about; the others are not held."""

    def __init__(self, table: Table, voices: Voices, task: TaskConfig, labels: Sequence[str]) -> None:
        self._table, self._voices, self._task, self._labels = table, voices, task, labels

    def first(self, rows: Sequence[int], most: int) -> list[int]:
        """At most so many, drawn by a keyed hash of the id, in the order of the table."""
        names = self._names(rows)
        return sorted(sorted(rows, key=lambda row: keyed_order(_SEED, names[row]))[:most])

    def questions(self, rows: Sequence[int], *, backwards: bool = False) -> list[ToLabel]:
        """One for each row."""
        wanted, names = set(rows), self._names(rows)
        found: dict[int, ToLabel] = {}
        job = job_of(self._task)
        for part, table in placed(self._table):
            here = [row for row in range(part.start, part.stop) if row in wanted]
            if not here:
                continue
            taken = table.take([row - part.start for row in here])
            groups = taken.column("group").to_pylist()
            for row, given, group in zip(here, taken.column("input").to_pylist(), groups, strict=True):
                filled = {name: text or "" for name, text in given.items()}
                choices = job.choices(filled, self._task, self._labels)
                shown = choices[::-1] if backwards else choices
                found[row] = ToLabel(names[row], group, conversation_of(filled, self._task), shown)
        return [found[row] for row in rows]

    def _names(self, rows: Sequence[int]) -> dict[int, str]:
        import pyarrow as pa

        return dict(zip(rows, self._voices.ids.take(pa.array(rows, pa.int64())).to_pylist(), strict=True))


def conversation_of(given: Mapping[str, str], task: TaskConfig) -> list[dict[str, str]]:
    """The shop's instruction and the fields of a row: one alone, several named, one a line."""
    fields = [(name, given.get(name, "")) for name in task.input]
    text = fields[0][1] if len(fields) == 1 else "\n".join(f"{name}: {value}" for name, value in fields)
    own = [{"role": "system", "content": task.instruction}] if task.instruction else []
    return [*own, {"role": "user", "content": text}]
