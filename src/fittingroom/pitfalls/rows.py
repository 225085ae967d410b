"""Readings of rows, shared by the pitfalls of data and labels; the schema names the fields, so any task will do."""

from __future__ import annotations

from collections.abc import Sequence

from fittingroom.tables import Table

MOST_EXAMPLES = 20


def texts(table: Table) -> list[str]:
    """What the model is given: the input fields of each row, one per line, in stored order."""
    import pyarrow.compute as pc

    column = table.arrow().column("input")
    fields = [pc.struct_field(column, [place]).to_pylist() for place in range(column.type.num_fields)]
    return ["\n".join(value or "" for value in row).strip("\n") for row in zip(*fields, strict=True)]


def targets(table: Table) -> list[str]:
    """The wanted answer of each row; "" where there is none."""
    import pyarrow.compute as pc

    return [value or "" for value in pc.struct_field(table.arrow().column("target"), [0]).to_pylist()]


def column(table: Table, name: str) -> list[str | None]:
    """One column of strings: id, group, cluster, …"""
    values: list[str | None] = table.arrow().column(name).to_pylist()
    return values


def examples(table: Table, places: Sequence[int]) -> tuple[str, ...]:
    """Ids of the first rows named by their place."""
    ids = column(table, "id")
    return tuple(ids[place] or "" for place in sorted(places)[:MOST_EXAMPLES])
