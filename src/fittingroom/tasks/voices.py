"""What was said about the label of each row: by its source, by annotators, by people in review.

Most rows have nothing but the label that the source gave; only what others said is kept row by row.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fittingroom.sources.decisions import REVIEW, Decision
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.leaving import placed
from fittingroom.tasks.merging import GIVEN
from fittingroom.tasks.rows import targets
from fittingroom.tasks.spelling import folded, spellings

if TYPE_CHECKING:
    import pyarrow as pa

Vote = tuple[str, str]
"""(annotator, what they said)."""


class Voices:
    """All that was said, by position of the row."""

    def __init__(self, table: Table, task: TaskConfig, found: Sequence[Decision]) -> None:
        import pyarrow as pa

        by_id: dict[str, list[Decision]] = {}
        for one in found:
            by_id.setdefault(one.id, []).append(one)
        self.given: list[str | None] = []
        """What the source gave; equal strings are one object."""
        self.told: dict[int, list[Vote]] = {}
        """What annotators and reviewers said, of the rows on which anyone did."""
        self.decided: dict[int, list[Decision]] = {}
        """What people decided about single rows, oldest first."""
        ids: list[pa.Array] = []
        for part, rows in placed(table):
            ids += rows.column("id").chunks
            self.given += [value if value is None else sys.intern(value) for value in targets(rows, task)]
            self._hear(part.start, rows, by_id)
        self.ids: pa.ChunkedArray = pa.chunked_array(ids, pa.string())
        met = Counter(value for value in self.given if value)
        met.update(name for found in self.told.values() for _, name in found)
        self.spelling = spellings(task, met)

    def _hear(self, start: int, rows: pa.Table, by_id: Mapping[str, Sequence[Decision]]) -> None:
        import pyarrow.compute as pc

        annotations = rows.column("annotations")
        spoken = pc.fill_null(pc.list_value_length(annotations), 0).to_numpy().nonzero()[0].tolist()
        for place in spoken:
            votes = [(one["annotator"] or "", one["label"] or "") for one in annotations[place].as_py()]
            self.told[start + place] = [vote for vote in votes if vote[1].strip()]
        if not by_id:
            return
        for place, name in enumerate(rows.column("id").to_pylist()):
            if name in by_id:
                self.decided[start + place] = [*by_id[name]]
                signed = sorted(by_id[name], key=lambda one: one.who)
                votes = [(one.who, one.label) for one in signed if one.label.strip()]
                self.told[start + place] = [*self.told.get(start + place, []), *votes]

    def spoken(self, row: int) -> bool:
        """Whether anybody said anything about a row."""
        return bool((self.given[row] or "").strip() or self.told.get(row))

    def alone(self, row: int) -> str | None:
        """The label that the source gave, in the spelling of the task; None for none or an unknown one."""
        value = self.given[row]
        return self.spelling.get(folded(value)) if value else None

    def ratings(self) -> dict[int, dict[str, str]]:
        """Annotator -> known label, for the rows on which others than the source spoke; the last word counts, and what
        was said in review is no rating: it stands above them.
        """
        found = {}
        for row, votes in self.told.items():
            known = {name: self.spelling.get(folded(said)) for name, said in votes if not name.startswith(REVIEW)}
            known[GIVEN] = self.alone(row)
            found[row] = {name: label for name, label in known.items() if label is not None}
        return found

    def reviewed(self) -> dict[int, str]:
        """Row -> the label that review came to: what most people say, of equally many what was said last. A label that
        the task no longer has decides nothing.
        """
        sure: dict[int, str] = {}
        for row, found in sorted(self.decided.items()):
            known = [self.spelling.get(folded(one.label)) for one in found if one.by == "review"]
            said = [value for value in known if value is not None]
            if said:
                counts = Counter(said)
                sure[row] = max(reversed(said), key=counts.__getitem__)
        return sure
