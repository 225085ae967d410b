"""Several questions about one text: aspects of a review, attributes of goods. Each question of a row becomes a row.

What a row is asked stands in the input field `question`, what it answers in the target field `answer`; so everything
behind `prepare` handles rows of a choice as ever, and only the labels that stand open differ from row to row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fittingroom.sources.batching import LINE
from fittingroom.sources.rows import values
from fittingroom.tasks.config import ANSWER, QUESTION, TaskConfig

if TYPE_CHECKING:
    import pyarrow as pa

QUESTION_COLUMN, ANSWER_COLUMN, ROW_COLUMN, KEY_COLUMN = "\0question", "\0answer", "\0row", "\0key"
"""Columns of a batch in which questions stand; no column of a source can be called so."""


def open_labels(given: Mapping[str, str], task: TaskConfig) -> list[str]:
    """The labels of the question that an input asks; of the first one where it asks none that is known."""
    asked = task.questions.get(given.get(QUESTION, "")) or next(iter(task.questions.values()))
    return list(asked.labels)


def wording(given: Mapping[str, str], task: TaskConfig) -> str:
    """The question as the prompt puts it."""
    name = given.get(QUESTION, "")
    asked = task.questions.get(name)
    return (asked.ask if asked else "") or name


def misplaced(table: pa.Table, task: TaskConfig) -> list[str]:
    """For every row "" or "not an answer to its question": its label is one of another question."""
    found = []
    for given, target in zip(table.column("input").to_pylist(), table.column("target").to_pylist(), strict=True):
        wrong = target[ANSWER] is not None and target[ANSWER] not in open_labels(given, task)
        found.append("not an answer to its question" if wrong else "")
    return found


def asked_apart(batch: pa.RecordBatch, task: TaskConfig, columns: Mapping[str, str], key: str) -> pa.RecordBatch:
    """A row for every question that has an answer, beside each other; a row that answers none is asked the first one,
    and is unlabelled.

    `columns`: question -> column of its answer. `key`: column of the primary key, which gets the question's name
    behind it; "" where rows are known by their place. `ROW_COLUMN` says which rows were one.
    """
    import pyarrow as pa

    answers = {name: values(batch, column) for name, column in columns.items()}
    first = next(iter(answers))
    places: list[int] = []
    names: list[str] = []
    for row in range(batch.num_rows):
        asked = [name for name, given in answers.items() if (given[row] or "").strip()] or [first]
        places += [row] * len(asked)
        names += asked
    many = batch.take(pa.array(places, pa.int64()))
    keys = values(many, key or LINE)
    said = [answers[name][row] for row, name in zip(places, names, strict=True)]
    told = [f"{one}#{name}" if (one or "").strip() else one for one, name in zip(keys, names, strict=True)]
    made = {QUESTION_COLUMN: names, ANSWER_COLUMN: said, ROW_COLUMN: keys, (key or KEY_COLUMN): told}
    for column, cells in made.items():
        place = many.schema.get_field_index(column)
        array = pa.array(cells, pa.string())
        many = many.append_column(column, array) if place < 0 else many.set_column(place, column, array)
    return many


def per_question(
    inputs: Sequence[Mapping[str, str]], targets: Sequence[str], said: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Question -> rows, accuracy and macro-F1 over its own labels; of inputs [n], wanted answers and answers given."""
    from fittingroom.tasks.classify import macro_f1

    places: dict[str, list[int]] = {}
    for at, given in enumerate(inputs):
        places.setdefault(given.get(QUESTION, ""), []).append(at)
    found: dict[str, dict[str, Any]] = {}
    for name, rows in sorted(places.items()):
        met = sorted({*(targets[at] for at in rows), *(said[at] for at in rows)})
        wanted, answered = ([met.index(column[at]) for at in rows] for column in (targets, said))
        hits = sum(one == other for one, other in zip(wanted, answered, strict=True))
        found[name] = {"rows": len(rows), "accuracy": hits / len(rows), "macro_f1": macro_f1(wanted, answered)}
    return found
