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
_LONGEST = 300
_OWN = {"id", "group", "target", "predicted", "confidence", "probabilities", "abstained"}
_BLIND = {"majority"}
"""Baselines that do not read the text: that they are right says nothing of a row."""


def telling_rows(report: EvalReport, metric: str = "") -> list[RowView]:
    """At most eight of each kind, without their texts.

    worst: the wrong answers in which the true label had the least probability. surprising: wrong answers where every
    baseline that reads the text was right, the surest first: what it takes is in the text, and our model lost it.
    lowest: of free answers and rankings, which have no probabilities, those with the least of `metric` (else of the
    job's first one); a row with all of it is none of them.
    """
    frame = report.predictions.frame()
    if not {"probabilities", "predicted", "target"} <= set(frame.columns):
        return _lowest(frame, metric if metric in frame.columns else next(iter(report.model.metrics), ""))
    wrong = _with_probability(frame, report.labels)
    worst = wrong.sort(["true_probability", "id"]).head(_SHOWN)
    others = [name for name in wrong.columns if name not in _OWN | _BLIND | {"true_probability"}]
    found = [_view(row, "worst") for row in worst.iter_rows(named=True)]
    if others:
        right = _all_right(wrong, others).sort(["confidence", "id"], descending=[True, False]).head(_SHOWN)
        found += [_view(row, "surprising") for row in right.iter_rows(named=True)]
    return found


def _lowest(frame: pl.DataFrame, metric: str) -> list[RowView]:
    import polars as pl

    if not {"id", "predicted", "target", metric} <= set(frame.columns):
        return []
    below = frame.filter(pl.col(metric).is_not_null() & (pl.col(metric) < 1.0)).sort([metric, "id"]).head(_SHOWN)
    return [
        RowView(
            kind="lowest",
            id=row["id"],
            target=_cut(row["target"]),
            predicted=_cut(row["predicted"]),
            metric=metric,
            score=row[metric],
        )
        for row in below.iter_rows(named=True)
    ]


def _cut(text: str | None) -> str:
    text = text or ""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


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
    """A table of each kind, with the redacted texts."""
    parts: list[Child] = []
    for kind in ("worst", "surprising", "lowest"):
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
            *(number(value, digits) for value, digits in _figures(row) if value is not None),
        ]
        for row in chosen
    ]
    if chosen[0].kind == "lowest":
        return table(["", say("wanted"), say("model"), say(chosen[0].metric)], rows)
    return table(["", say("class"), say("model"), say("confidence"), say("true_probability")], rows)


def _figures(row: RowView) -> tuple[tuple[float | None, int], ...]:
    return (row.confidence, 2), (row.true_probability, 4), (row.score, 3)
