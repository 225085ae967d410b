"""Rows that a person should look at: the worst, and those that a far simpler model gets right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fittingroom.report.data import ReportData, RowView
from fittingroom.report.html import Child, Html, join, number, table, tag
from fittingroom.report.words import Say
from fittingroom.types import EvalReport

if TYPE_CHECKING:
    import polars as pl

_SHOWN = 8
_OWN = {"id", "group", "target", "predicted", "confidence", "probabilities", "abstained"}
_BLIND = {"majority"}
"""Baselines that do not read the text: that they are right says nothing of a row."""


def telling_rows(report: EvalReport) -> list[RowView]:
    """At most eight of each kind, without their texts; none where answers have no probabilities.

    worst: the wrong answers in which the true label had the least probability. surprising: wrong answers where every
    baseline that reads the text was right, the surest first: what it takes is in the text, and our model lost it.
    """
    frame = report.predictions.frame()
    if not {"probabilities", "predicted", "target"} <= set(frame.columns):
        return []
    wrong = _with_probability(frame, report.labels)
    worst = wrong.sort(["true_probability", "id"]).head(_SHOWN)
    others = [name for name in wrong.columns if name not in _OWN | _BLIND | {"true_probability"}]
    found = [_view(row, "worst") for row in worst.iter_rows(named=True)]
    if others:
        right = _all_right(wrong, others).sort(["confidence", "id"], descending=[True, False]).head(_SHOWN)
        found += [_view(row, "surprising") for row in right.iter_rows(named=True)]
    return found


def _with_probability(frame: pl.DataFrame, labels: list[str]) -> pl.DataFrame:
    import polars as pl

    place = {label: at for at, label in enumerate(labels)}
    at = pl.col("target").replace_strict(place, return_dtype=pl.Int64)
    found = frame.with_columns(pl.col("probabilities").list.get(at).alias("true_probability"))
    return found.filter(pl.col("predicted") != pl.col("target"))


def _all_right(wrong: pl.DataFrame, others: list[str]) -> pl.DataFrame:
    """A baseline that was not asked (null) is no witness; at least one must have been."""
    import polars as pl

    asked = pl.any_horizontal(pl.col(name).is_not_null() for name in others)
    right = pl.all_horizontal((pl.col(name) == pl.col("target")).fill_null(True) for name in others)
    return wrong.filter(asked & right)


def _view(row: dict[str, Any], kind: str) -> RowView:
    return RowView(
        kind=kind,
        id=row["id"],
        target=row["target"],
        predicted=row["predicted"],
        confidence=row["confidence"],
        true_probability=row["true_probability"],
    )


def rows_to_look_at(data: ReportData, say: Say) -> Html | None:
    """Both tables, with the redacted texts."""
    parts: list[Child] = []
    for kind in ("worst", "surprising"):
        chosen = [row for row in data.rows if row.kind == kind]
        if chosen:
            parts += [tag("p", say(f"rows.{kind}"), class_="soft"), _table(chosen, say)]
    return join(tag("h3", say("rows.look")), *parts) if parts else None


def _table(chosen: list[RowView], say: Say) -> Html:
    rows: list[list[Child]] = [
        [
            tag("td", row.text, " ", tag("span", row.id, class_="soft")),
            row.target,
            row.predicted,
            number(row.confidence, 2),
            number(row.true_probability, 4),
        ]
        for row in chosen
    ]
    return table(["", say("class"), say("model"), say("confidence"), say("true_probability")], rows)
