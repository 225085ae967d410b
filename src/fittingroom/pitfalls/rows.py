"""Readings of rows, shared by the pitfalls of data and labels; the schema names the fields, so any task will do."""

from __future__ import annotations

from collections.abc import Sequence

from fittingroom.tables import Table

MOST_EXAMPLES = 20


def fields(table: Table, struct: str) -> list[list[str]]:
    """The fields of `input` or `target`, each as one list of texts in stored order; "" where there is none."""
    import pyarrow.compute as pc

    values = table.arrow().column(struct)
    columns = [pc.struct_field(values, [place]).to_pylist() for place in range(values.type.num_fields)]
    return [[value or "" for value in one] for one in columns]


def texts(table: Table) -> list[str]:
    """What the model is given: the input fields of each row, one per line."""
    return ["\n".join(row).strip("\n") for row in zip(*fields(table, "input"), strict=True)]


def targets(table: Table) -> list[str]:
    """The wanted answer of each row; "" where there is none."""
    return fields(table, "target")[0]


def column(table: Table, name: str) -> list[str | None]:
    """One column of strings: id, group, cluster, …"""
    values: list[str | None] = table.arrow().column(name).to_pylist()
    return values


def examples(table: Table, places: Sequence[int]) -> tuple[str, ...]:
    """Ids of the first rows named by their place."""
    ids = column(table, "id")
    return tuple(ids[place] or "" for place in sorted(places)[:MOST_EXAMPLES])
