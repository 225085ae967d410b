"""Whose rows are beside their `group`: what a split must keep together, what it tears apart, and the conversations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from fittingroom.sources.rows import conversation_column
from fittingroom.tables import Table

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


class Told(NamedTuple):
    """One column that says whose rows are beside `group`: a number by row, -1 for none."""

    column: str
    tied: bool
    codes: NDArray[np.int64]


def people_of(table: Table, told: Table | None) -> list[Told]:
    """The columns of the side table `people`, for the rows that are left, by name."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if told is None or not table.rows:
        return []
    ids = table.column("id").combine_chunks()
    found: dict[tuple[str, bool], NDArray[np.int64]] = {}
    numbers: dict[str, dict[str, int]] = {}
    everywhere = pc.index_in(told.column("id"), value_set=ids).combine_chunks()
    done = 0
    for batch in told.batches():
        places = everywhere.slice(done, batch.num_rows)
        done += batch.num_rows
        for column, tied in sorted(set(zip(batch["column"].to_pylist(), batch["tied"].to_pylist(), strict=True))):
            of_it = pc.and_(pc.equal(batch["column"], column), pc.equal(batch["tied"], pa.scalar(tied)))
            of_it = pc.and_(of_it, pc.is_valid(places))
            met = numbers.setdefault(column, {})
            codes = [met.setdefault(person, len(met)) for person in batch["person"].filter(of_it).to_pylist()]
            whole = found.setdefault((column, tied), np.full(table.rows, -1, dtype=np.int64))
            whole[np.asarray(places.filter(of_it), dtype=np.int64)] = codes
    return [Told(column, tied, codes) for (column, tied), codes in sorted(found.items())]


def conversations_of(table: pa.Table, told: Table | None) -> list[str]:
    """Which conversation each row is of, by a name that is good for comparing only.

    Where the recipe names a conversation beside the customer (`group: [customer_id, session_id]`), `group` is the
    customer and the side table `people` holds the conversation. Where no column's name tells a conversation, all of
    them count together. A row without any of them stands for itself.
    """
    beside: dict[str, dict[str, str]] = {}
    for batch in told.batches() if told is not None else ():
        named = (batch.column(name).to_pylist() for name in ("id", "column", "person", "tied"))
        for identity, column, person, tied in zip(*named, strict=True):
            if tied:
                beside.setdefault(identity, {})[column] = person
    found = []
    for identity, group in zip(table.column("id").to_pylist(), table.column("group").to_pylist(), strict=True):
        others = sorted(beside.get(identity, {}).items())
        spoken = next((person for column, person in others if conversation_column(column)), None)
        if spoken is not None:
            found.append(f"conversation {spoken}")
        elif group is None and not others:
            found.append(f"row {identity}")
        else:
            found.append(" ".join(["group", str(group), *(person for _, person in others)]))
    return found


def shared(codes: NDArray[np.int64], parts: NDArray[np.int8]) -> int:
    """How many values stand in more than one part; `parts` numbers the part of each row."""
    import numpy as np

    of_parts = int(parts.max(initial=0)) + 1
    known = codes >= 0
    pairs = np.unique(codes[known] * of_parts + parts[known]) // of_parts
    return int((np.bincount(pairs) > 1).sum()) if len(pairs) else 0


def not_grouped(people: Sequence[Told], parts: NDArray[np.int8]) -> dict[str, Any]:
    """Columns of customers' numbers that no source names under `group`: how many customers stand in several parts."""
    import numpy as np

    found = {
        one.column: {"customers": len(np.unique(one.codes[one.codes >= 0])), "shared": shared(one.codes, parts)}
        for one in people
        if not one.tied
    }
    return {"not_grouped": found} if found else {}
