"""What was recognised in the rows of one person, for the one pass in which those rows are made.

Rows of a customer or a conversation come scattered over files and sources, and the row that says a name with sure
context may come last. So values are noted under the keyed pseudonym of their group while the sources go by, and taken
out of the group's rows when the tables are put together. Held in memory, for groups in which something was found only
(about 500 bytes a value); never written, and gone with the pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from fittingroom.text.known import Find, Known
from fittingroom.text.redact import RedactConfig, Redacted, known_of, take_known

if TYPE_CHECKING:
    import pyarrow as pa

_BUILT = 1024
MANY = 10
"""A target that stands with so many persons is a label, and nobody's own name."""
LABEL_CHARS, _ANSWERS = 60, 100_000
"""Longer targets, and more of them, are no labels and are not counted."""


class Remembered:
    """Values by group; `rows` and `cells` take them out of a table's rows of that group."""

    def __init__(self, redact: RedactConfig, secret: bytes, *, labels: Iterable[str] = ()) -> None:
        """`labels` are the labels of a closed task: as targets they stay, whoever is called like one."""
        self._redact, self._secret = redact, secret
        self._labels = frozenset(labels)
        self._holders: dict[str, set[str]] = {}
        self._values: dict[str, dict[str, None]] = {}
        self._built = lru_cache(maxsize=_BUILT)(self._build)
        self.personal: Counter[str] = Counter()
        """Kind -> values that were taken out."""

    def note(self, group: str | None, finds: Iterable[Find]) -> None:
        """Remember what was recognised in a row of this group."""
        if not group or not self._redact.consistent:
            return
        if fresh := dict.fromkeys(f"{find.kind}\0{find.value}" for find in finds):
            self._values.setdefault(group, {}).update(fresh)

    def saw(self, groups: Sequence[str | None], ids: Sequence[str], targets: Iterable[str]) -> None:
        """Take note of the targets of a batch, before its rows: what many persons carry is a label."""
        for group, row, target in zip(groups, ids, targets, strict=True):
            holders = self._holders.get(target)
            if holders is None and 0 < len(target) <= LABEL_CHARS and len(self._holders) < _ANSWERS:
                holders = self._holders[target] = set()
            if holders is not None and len(holders) < MANY:
                holders.add(group or row)

    def is_label(self, target: str | None) -> bool:
        """Whether a target stays as it is: one of the task's labels, or one that many persons carry."""
        return target in self._labels or len(self._holders.get(target or "", ())) >= MANY

    def labels(self) -> set[str]:
        """The targets that stay as they are, as far as was seen."""
        return {*self._labels, *(target for target, holders in self._holders.items() if len(holders) >= MANY)}

    def also(self, labels: Iterable[str]) -> None:
        """These targets stay too: a source that is not seen whole counted them itself."""
        self._labels |= frozenset(labels)

    def text(self, group: str | None, text: str) -> str:
        """A text of this group without what is known of it."""
        return self._taken(text, self._built(group), Counter()) if group in self._values and group else text

    def taken(self, group: str | None, text: str, took: Counter[str], *, target: bool = False) -> str:
        """The same, counted in `took` too; a `target` that is a label of the task stays as it is."""
        if not group or group not in self._values or (target and self.is_label(text)):
            return text
        return str(self._taken(text, self._built(group), took))

    def join(self, other: Remembered, groups: Container[str]) -> None:
        """What another memory knows of these groups, in this one too."""
        for group, values in other._values.items():
            if group in groups:
                self._values.setdefault(group, {}).update(values)

    def rows(self, table: pa.Table) -> pa.Table:
        """Rows of `row_schema` or `dropped_schema`: inputs, target and annotations."""
        return self._mended(table, self._row)

    def cells(self, table: pa.Table) -> pa.Table:
        """Rows of a side table while their columns are still a list of cells."""
        return self._mended(table, self._cell_row)

    def _build(self, group: str) -> Known:
        split = (value.partition("\0") for value in self._values[group])
        return known_of((Find(kind, value) for kind, _, value in split), self._redact, self._secret)

    def _mended(self, table: pa.Table, change: Callable[[dict[str, Any], Known], bool]) -> pa.Table:
        import pyarrow as pa
        import pyarrow.compute as pc

        if not self._values or not table.num_rows:
            return table
        met = [name for name in pc.unique(table["group"]).to_pylist() if name in self._values]
        if not met:
            return table
        held = table.filter(pc.is_in(table["group"], pa.array(met, pa.string())))
        changed = [row for row in held.to_pylist() if change(row, self._built(row["group"]))]
        if not changed:
            return table
        names = pa.array([row["id"] for row in changed], pa.string())
        rest = table.filter(pc.invert(pc.is_in(table["id"], names)))
        return pa.concat_tables([rest, pa.Table.from_pylist(changed, schema=table.schema)]).sort_by("id")

    def _row(self, row: dict[str, Any], known: Known) -> bool:
        took: Counter[str] = Counter()
        for name, text in row["input"].items():
            row["input"][name] = self._taken(text, known, took)
        for holder in [row["target"], *(row["annotations"] or [])]:
            for name, text in holder.items():
                if name != "annotator" and not self.is_label(text):
                    holder[name] = self._taken(text, known, took)
        if took:
            counts = Counter({one["rule"]: one["count"] for one in row["edits"] or []}) + took
            row["edits"] = [{"rule": rule, "count": count} for rule, count in sorted(counts.items())]
        return bool(took)

    def _cell_row(self, row: dict[str, Any], known: Known) -> bool:
        took: Counter[str] = Counter()
        for cell in row["cells"]:
            cell["value"] = self._taken(cell["value"], known, took)
        return bool(took)

    def _taken(self, text: str | None, known: Known, took: Counter[str]) -> Any:
        redacted = Redacted(text or "")
        if not text or not take_known(redacted, known, self._redact, self._secret):
            return text
        took.update(redacted.edits)
        self.personal.update(redacted.edits)
        return redacted.text
