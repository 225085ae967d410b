"""What became of every row on the data road, looked up by the primary key of its source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fittingroom.types import Output, Rows, Splits

Row = dict[str, Any]


@dataclass(frozen=True)
class Gone:
    """A row that a stage took out."""

    stage: str
    reason: str
    twin: str | None
    row: Row


@dataclass
class Road:
    """The outputs of the data stages, by row id."""

    field_name: str
    target: str
    row_id: Callable[[str], str]
    """Primary key -> id of the row."""
    prepared: dict[str, Row] = field(default_factory=dict)
    deduped: dict[str, Row] = field(default_factory=dict)
    labelled: dict[str, Row] = field(default_factory=dict)
    gone: dict[str, Gone] = field(default_factory=dict)
    part: dict[str, str] = field(default_factory=dict)
    final: dict[str, Row] = field(default_factory=dict)
    """Rows after the audit."""
    flagged: set[str] = field(default_factory=set)
    """Ids that the audit holds for wrongly labelled, whatever it did about it."""
    suggested: dict[str, str] = field(default_factory=dict)
    relabelled: dict[str, str] = field(default_factory=dict)
    """Rows whose label the label stage itself changed, and the new label."""

    @classmethod
    def walk(
        cls, outputs: Mapping[str, Output], *, source: str, field_name: str, target: str, row_id: Callable[[str], str]
    ) -> Road:
        """Read the outputs of `prepare`, `label`, `dedup`, `split` and `audit`; only rows of `source` are looked at.

        KeyError names a stage that is missing.
        """
        road = cls(field_name, target, row_id)
        for stage in ("prepare", "label", "dedup", "split", "audit"):
            output = outputs[stage]
            assert isinstance(output, Rows | Splits)
            for row in output.dropped.dicts():
                if row["source"] == source:
                    road.gone[row["id"]] = Gone(stage, row["reason"], row["twin"], row)
            if isinstance(output, Rows):
                kept = {row["id"]: row for row in output.kept.dicts() if row["source"] == source}
                if stage == "prepare":
                    road.prepared = kept
                elif stage == "label":
                    road.labelled = kept
                else:
                    road.deduped = kept
                continue
            road.final = {}
            for part, table in output.parts().items():
                for row in table.dicts():
                    if row["source"] == source:
                        road.part[row["id"]] = part
                        road.final[row["id"]] = row
            if output.review is not None:
                road.flagged |= {row["id"] for row in output.review.dicts()}
                road.suggested |= {row["id"]: row["suggested"] for row in output.review.dicts()}
        for name, row in road.labelled.items():
            before = road.prepared[name]["target"][target]
            if before != row["target"][target]:
                road.relabelled[name] = row["target"][target]
        return road

    def text(self, row: Row) -> str:
        """The text of a row."""
        return str(row["input"][self.field_name])

    def label(self, row: Row) -> str | None:
        """The label of a row."""
        value = row["target"][self.target]
        return None if value is None else str(value)

    def prepared_text(self, key: str) -> str | None:
        """The text of a row after `prepare`; None when it was dropped there."""
        row = self.prepared.get(self.row_id(key))
        return None if row is None else self.text(row)

    def dropped(self, key: str, *reasons: str) -> bool:
        """Whether the row was dropped for one of the reasons."""
        gone = self.gone.get(self.row_id(key))
        return gone is not None and gone.reason in reasons

    def edited(self, *rules: str) -> set[str]:
        """Ids of rows in which one of the rules changed something."""
        return {
            name for name, row in self.prepared.items() if any(edit["rule"] in rules for edit in row["edits"] or [])
        }
