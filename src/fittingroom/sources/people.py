"""Whose rows are beside their `group`: the side table `people`, one line per row and column.

A row has one `group`. Where a source names both a conversation and a customer, this table holds the other: what the
recipe names under `group` after the first column (`tied`: it decides the split too), and columns of customers' numbers
that the recipe does not name, so that a customer can be forgotten all the same. Keyed pseudonyms only.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from fittingroom.sources.parts import SortedParts
from fittingroom.sources.rows import Layout, Marks, safe_names
from fittingroom.tables import Table

if TYPE_CHECKING:
    import pyarrow as pa

PEOPLE = "people"


def people_schema() -> pa.Schema:
    """`column` as the source has it; `person` the pseudonym; `tied`: the recipe names the column under `group`."""
    import pyarrow as pa

    texts = [(name, pa.string()) for name in ("id", "source", "column", "person")]
    return pa.schema([*texts, ("tied", pa.bool_())])


class People:
    """The table while it grows; there is none where no source says more than `group`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._parts: SortedParts | None = None

    def note(self, source: str, layout: Layout, marks: Marks, places: Iterable[int]) -> None:
        """Take note of whose the rows at these places are."""
        if not marks.people:
            return
        shown = {column: name for name, column in safe_names(list(marks.people)).items()}
        told = [
            {"id": marks.ids[place], "source": source, "column": shown[column], "person": person[place],
             "tied": column in layout.others}
            for place in places for column, person in marks.people.items() if person[place]
        ]  # fmt: skip
        if told:
            self._parts = self._parts or SortedParts(self._folder, PEOPLE, people_schema())
            self._parts.add(told)

    def finish(self) -> dict[str, Table]:
        """The table under its name; nothing where it would be empty."""
        return {PEOPLE: self._parts.finish()} if self._parts else {}
