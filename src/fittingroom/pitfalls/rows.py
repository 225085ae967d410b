"""Readings of rows, shared by the pitfalls of data and labels; the schema names the fields, so any task will do.

What a regular expression can tell is looked for in every row, in Arrow batches; what needs more is looked for in a
sample of at most 20,000 rows, drawn with a fixed seed, so that a million rows take seconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from fittingroom.tables import Table
from fittingroom.types import Finding, Remedy, Safety, Severity, Text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_EXAMPLES = 20
SAMPLE = 20_000
_SEED = 20_260_101
_DRAWN: WeakKeyDictionary[Table, Table] = WeakKeyDictionary()
_SENTENCE = 12.0


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


def strings(table: Table) -> list[str]:
    """Columns of a side table that hold strings themselves, not in lists or structs."""
    import pyarrow as pa

    return [
        field.name for field in table.schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
    ]


def column(table: Table, name: str) -> list[str | None]:
    """One column of strings: id, group, cluster, …"""
    values: list[str | None] = table.arrow().column(name).to_pylist()
    return values


def pieces(table: Table) -> Iterator[Table]:
    """The table in parts that fit into memory whatever its size."""
    import pyarrow as pa

    for batch in table.batches():
        yield Table.of(pa.Table.from_batches([batch]))


def examples(table: Table, places: Sequence[int]) -> tuple[str, ...]:
    """Ids of the first rows named by their place."""
    ids = column(table, "id")
    return tuple(ids[place] or "" for place in sorted(places)[:MOST_EXAMPLES])


def sample(table: Table, most: int = SAMPLE) -> Table:
    """The table, or `most` of its rows drawn with a fixed seed, in stored order; batches go by once."""
    import numpy as np

    if table.rows <= most:
        return table
    if most == SAMPLE and table in _DRAWN:
        return _DRAWN[table]
    drawn = taken(table, np.sort(np.random.default_rng(_SEED).choice(table.rows, most, replace=False)))
    if most == SAMPLE:
        _DRAWN[table] = drawn
    return drawn


def taken(table: Table, places: NDArray[np.int64]) -> Table:
    """Rows by place (rising); batches go by once."""
    import pyarrow as pa

    parts, start = [], 0
    for batch in table.batches():
        inside = places[(places >= start) & (places < start + batch.num_rows)] - start
        parts.append(batch.take(pa.array(inside, type=pa.int64())))
        start += batch.num_rows
    return Table.of(pa.Table.from_batches(parts, schema=table.schema))


def matching(table: Table, pattern: str, struct: str = "input") -> list[str]:
    """Ids of all rows with a field of `input` or `target` in which the RE2 `pattern` occurs; batch by batch."""
    import pyarrow.compute as pc

    found: list[str] = []
    for batch in table.batches():
        values = batch.column(struct)
        hits = [
            pc.fill_null(pc.match_substring_regex(pc.struct_field(values, [place]), pattern), False)
            for place in range(values.type.num_fields)
        ]
        hit = hits[0]
        for other in hits[1:]:
            hit = pc.or_(hit, other)
        found += batch.column("id").filter(hit).to_pylist()
    return found


def writes_sentences(table: Table) -> bool:
    """Whether the wanted answers are sentences, not the labels of a closed set: long, and most of them different."""
    answers = [value for value in targets(sample(table)) if value]
    if len(answers) < 20:
        return False
    return sum(map(len, answers)) / len(answers) >= _SENTENCE and len(set(answers)) >= 0.3 * len(answers)


def shared(
    name: str,
    found: Sequence[str],
    rows: int,
    limit: float,
    said: Text,
    *,
    least: int = 1,
    severity: Severity = Severity.WARN,
    more: Mapping[str, float] | None = None,
) -> Iterator[Finding]:
    """The finding that the share of the rows `found` (ids) is above its limit, where there are `least` of them.

    `said` may hold {found}, {rows} and {share}; `name` is what was measured.
    """
    if not rows or len(found) < least or len(found) / rows <= limit:
        return
    values = {"found": len(found), "rows": rows, "share": f"{len(found) / rows:.1%}"}
    yield Finding(
        severity=severity,
        summary=Text(en=said.en.format(**values), zh=said.zh.format(**values)),
        measured={name: len(found) / rows, "rows": float(len(found)), **(more or {})},
        limits={name: limit},
        examples=tuple(found[:MOST_EXAMPLES]),
        strength=len(found) / rows / max(limit, 1e-3),
    )


def advice(en: str, zh: str) -> Callable[[Finding, Mapping[str, Any]], Remedy | None]:
    """A remedy that only people can carry out."""
    remedy = Remedy(title=Text(en=en, zh=zh), safety=Safety.ADVICE)
    return lambda finding, used: remedy


def gain_over_majority(train: Sequence[str], said: Sequence[str], right: Sequence[str]) -> tuple[float, float, float]:
    """(accuracy of `said`, that of the most frequent label of `train`, lower end of the 95 % interval of the gain).

    The interval is the normal one of paired differences; with fewer than 30 rows the gain counts as unproven.
    """
    from statistics import fmean, stdev

    if len(right) < 30 or not train:
        return 0.0, 0.0, -1.0
    counts: dict[str, int] = {}
    for label in train:
        counts[label] = counts.get(label, 0) + 1
    usual = min(counts, key=lambda label: (-counts[label], label))
    ours = [float(one == wanted) for one, wanted in zip(said, right, strict=True)]
    theirs = [float(usual == wanted) for wanted in right]
    gains = [one - other for one, other in zip(ours, theirs, strict=True)]
    return fmean(ours), fmean(theirs), fmean(gains) - 1.96 * stdev(gains) / math.sqrt(len(gains))
