"""Rows as a task sees them: the text a model is given, the answer wanted, and tables taken apart and put together."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.types import dropped_schema, row_schema

if TYPE_CHECKING:
    import pyarrow as pa


class Drop(NamedTuple):
    """Why a row goes: a stable reason, and where there is one the row that speaks against it with a score."""

    reason: str
    twin: str | None = None
    score: float | None = None


def texts(table: pa.Table, task: TaskConfig) -> list[str]:
    """What the model is given, as one text per row: the input fields in the task's order, one per line."""
    import pyarrow.compute as pc

    columns = [pc.struct_field(table.column("input"), name).to_pylist() for name in task.input]
    return ["\n".join(value or "" for value in row).strip("\n") for row in zip(*columns, strict=True)]


def inputs_of(table: pa.Table) -> list[dict[str, str]]:
    """The inputs of every row, field -> text; a missing field is an empty text."""
    return [{name: value or "" for name, value in row.items()} for row in table.column("input").to_pylist()]


def targets(table: pa.Table, task: TaskConfig) -> list[str | None]:
    """The wanted answer of every row; None when not labelled."""
    import pyarrow.compute as pc

    values: list[str | None] = pc.struct_field(table.column("target"), task.target).to_pylist()
    return values


def labels(table: pa.Table, task: TaskConfig) -> list[str]:
    """The label of every row, for tables after `label`; a row without one is a fault of ours: ValueError."""
    values = targets(table, task)
    if None in values:
        raise ValueError(f"row {table.column('id')[values.index(None)]} has no {task.target!r}")
    return [value for value in values if value is not None]


def with_targets(table: pa.Table, task: TaskConfig, values: Sequence[str | None]) -> pa.Table:
    """The table with other answers."""
    return replaced(table, task, "target", [{task.target: value} for value in values])


def replaced(table: pa.Table, task: TaskConfig, column: str, values: Sequence[object]) -> pa.Table:
    """The table with one column changed, in the exact schema of rows."""
    import pyarrow as pa

    schema = row_schema(task.input, task.target)
    place = table.schema.get_field_index(column)
    return table.set_column(place, column, pa.array(values, type=schema.field(column).type))


def with_edits(table: pa.Table, task: TaskConfig, rules: Mapping[int, Sequence[str]]) -> pa.Table:
    """The table with one count of each rule noted in `edits` of the rows named by index."""
    if not rules:
        return table
    edits: list[list[dict[str, object]]] = [list(found or []) for found in table.column("edits").to_pylist()]
    for index, names in rules.items():
        edits[index] = [*edits[index], *({"rule": name, "count": 1} for name in names)]
    return replaced(table, task, "edits", edits)


def ordered(table: pa.Table, task: TaskConfig) -> pa.Table:
    """The table in the exact schema of rows, sorted by id."""
    return table.cast(row_schema(task.input, task.target)).sort_by("id").combine_chunks()


def in_order(table: Table, task: TaskConfig) -> Table:
    """The table itself when it is in the exact schema of rows and sorted by id, as stages leave it; else a copy that
    is."""
    import pyarrow.compute as pc

    if table.schema.equals(row_schema(task.input, task.target)):
        last, rising = "", True
        for batch in table.batches():
            ids = batch.column("id")
            if not len(ids):
                continue
            rising = ids[0].as_py() > last and pc.all(pc.less(ids[:-1], ids[1:])).as_py() is not False
            last = ids[-1].as_py()
            if not rising:
                break
        if rising:
            return table
    return Table.of(ordered(table.arrow(), task))


def take(table: pa.Table, task: TaskConfig, indices: Collection[int]) -> Table:
    """Some rows, sorted by id."""
    import pyarrow as pa

    return Table.of(ordered(table.take(pa.array(list(indices), type=pa.int64())), task))


def dropped(table: pa.Table, task: TaskConfig, drops: Mapping[int, Drop]) -> Table:
    """The rows named by `drops`, in the schema of dropped rows, sorted by id."""
    import pyarrow as pa

    schema = dropped_schema(row_schema(task.input, task.target))
    gone = table.take(pa.array(list(drops), type=pa.int64())).cast(row_schema(task.input, task.target))
    for name, values in zip(Drop._fields, zip(*drops.values(), strict=True) if drops else [[]] * 3, strict=True):
        gone = gone.append_column(schema.field(name), pa.array(values, type=schema.field(name).type))
    return Table.of(gone.cast(schema).sort_by("id").combine_chunks())
