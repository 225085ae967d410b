"""Arrow schemas of the tables that stages hand on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def row_schema(input_fields: list[str], target_field: str) -> pa.Schema:
    """Schema of one example per row.

    id           keyed digest of source and primary key; survives every edit
    source       name of the source in the recipe
    row_key      primary key in the source (a keyed pseudonym where it names a person)
    group        customer or conversation, a keyed pseudonym; null when the source names none
    time         when it was true, UTC
    input        struct of strings: what the model is given
    target       struct of one string: the wanted answer; the string is null when not labelled
    annotations  who labelled it how, before merging
    cluster      id of the group of near copies; null before `dedup`
    dup_count    how many rows this one stands for, itself included
    edits        what cleaning and redaction did: rule and count, never the old text
    """
    import pyarrow as pa

    return pa.schema(
        [
            ("id", pa.string()),
            ("source", pa.string()),
            ("row_key", pa.string()),
            ("group", pa.string()),
            ("time", pa.timestamp("us", tz="UTC")),
            ("input", pa.struct([(name, pa.string()) for name in input_fields])),
            ("target", pa.struct([(target_field, pa.string())])),
            ("annotations", pa.list_(pa.struct([("annotator", pa.string()), ("label", pa.string())]))),
            ("cluster", pa.string()),
            ("dup_count", pa.int64()),
            ("edits", pa.list_(pa.struct([("rule", pa.string()), ("count", pa.int64())]))),
        ]
    )


def dropped_schema(rows: pa.Schema) -> pa.Schema:
    """Rows that a stage took out: the row itself, why, and where there is one its twin and the score against it."""
    import pyarrow as pa

    extra = [("reason", pa.string()), ("twin", pa.string()), ("score", pa.float64())]
    return pa.schema([*rows, *(pa.field(name, kind) for name, kind in extra)])


def rejected_schema() -> pa.Schema:
    """What could not be read as a row: where it stood and why; `text` is redacted and cut to 200 characters.

    `group`: the keyed pseudonym of whose row it was, where that could be read.
    """
    import pyarrow as pa

    return pa.schema(
        [
            ("source", pa.string()),
            ("file", pa.string()),
            ("line", pa.int64()),
            ("reason", pa.string()),
            ("text", pa.string()),
            ("group", pa.string()),
        ]
    )
