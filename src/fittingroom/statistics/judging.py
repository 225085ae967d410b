"""Judging: contestants on one exam, row by row, with intervals, paired differences and calibration.

An exam is the labelled rows of one part as columns; a contestant is a class index per row. Nothing here knows a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from fittingroom.statistics.intervals import (
    Resamples,
    bootstrap,
    calibration,
    confusion_matrix,
    counts_of,
    paired_bootstrap,
    per_class,
    resamples,
)
from fittingroom.statistics.swaps import swap_p_values
from fittingroom.tables import Table
from fittingroom.types import Score

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    Classes = NDArray[np.int64]
    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Exam:
    """The rows to be judged, as columns of one length, in the order of their ids."""

    ids: list[str]
    units: list[str]
    """What is resampled: the customer or conversation, else the cluster of near copies, else the row."""
    sources: list[str]
    inputs: list[dict[str, str]]
    targets: list[str]
    times: list[datetime | None] = field(default_factory=list)

    @classmethod
    def of(cls, rows: Table, fields: Sequence[str], target: str) -> Exam:
        """The labelled rows of a part."""
        import polars as pl

        frame = (
            rows.frame()
            .with_columns(pl.col("target").struct.field(target).alias("answer"))
            .filter(pl.col("answer").is_not_null())
            .sort("id")
        )
        inputs = [{name: row[name] or "" for name in fields} for row in frame["input"].to_list()]
        units = frame.select(pl.coalesce("group", "cluster", "id")).to_series().to_list()
        columns = [frame[name].to_list() for name in ("source", "answer", "time")]
        return cls(frame["id"].to_list(), units, columns[0], inputs, columns[1], columns[2])

    def only(self, places: Sequence[int]) -> Exam:
        """The rows at these places."""
        return Exam(
            [self.ids[place] for place in places],
            [self.units[place] for place in places],
            [self.sources[place] for place in places],
            [self.inputs[place] for place in places],
            [self.targets[place] for place in places],
            [self.times[place] for place in places] if self.times else [],
        )

    def texts(self) -> list[str]:
        """The input fields of each row as one text."""
        return ["\n".join(row.values()) for row in self.inputs]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Answers:
    """What a contestant said: class indices [m] for the rows at `places` [m] of the exam."""

    places: Classes
    classes: Classes
    others: list[str] = field(default_factory=list)
    """Labels that this contestant alone knows; their indices come after those of the judge's labels."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What should be known of how it answered."""


@dataclass(frozen=True)
class Judge:
    """An exam with our answers on it; scores contestants beside them."""

    exam: Exam
    labels: list[str]
    target: Classes
    ours: Classes
    drawn: Resamples
    seed: int

    @classmethod
    def of(cls, exam: Exam, labels: list[str], ours: Classes, *, replicates: int, seed: int) -> Judge:
        """`ours` [n] are class indices into `labels`, which must hold every target."""
        drawn = resamples(exam.units, replicates=replicates, seed=seed)
        return cls(exam, labels, indices(exam.targets, labels), ours, drawn, seed)

    def alone(self) -> Score:
        """Our own score."""
        metrics = bootstrap(self.target, self.ours, len(self.labels), self.drawn)
        return Score(name="model", metrics=metrics, per_class=_per_class(self.target, self.ours, self.labels))

    def beside(self, name: str, said: Answers) -> Score:
        """The score of a baseline and our difference to it, both on the rows that it answered only."""
        labels = [*self.labels, *said.others]
        target, ours, many = self.target[said.places], self.ours[said.places], len(labels)
        drawn = self.drawn
        if len(said.places) < len(self.exam):
            units = [self.exam.units[place] for place in said.places.tolist()]
            drawn = resamples(units, replicates=len(self.drawn.weights), seed=self.seed)
        return Score(
            name=name,
            metrics=bootstrap(target, said.classes, many, drawn),
            per_class=_per_class(target, said.classes, labels),
            difference=paired_bootstrap(target, ours, said.classes, many, drawn),
            p_values=swap_p_values(target, ours, said.classes, many, drawn, seed=self.seed),
        )

    def predictions(
        self, probabilities: Floats, answers: dict[str, Answers], abstained: Sequence[bool] | None = None
    ) -> Table:
        """Row by row: id, group, target, predicted, confidence, probabilities [n, k], a column per baseline.

        A baseline's column is null where it was not asked. With `abstained` [n] a column of that name.
        """
        import pyarrow as pa

        columns: dict[str, pa.Array] = {
            "id": pa.array(self.exam.ids, pa.string()),
            "group": pa.array(self.exam.units, pa.string()),
            "target": pa.array(self.exam.targets, pa.string()),
            "predicted": pa.array([self.labels[index] for index in self.ours.tolist()], pa.string()),
            "confidence": pa.array(probabilities.max(axis=1), pa.float64()),
            "probabilities": pa.array(probabilities.tolist(), pa.list_(pa.float64())),
        }
        if abstained is not None:
            columns["abstained"] = pa.array(list(abstained), pa.bool_())
        for name, said in answers.items():
            column: list[str | None] = [None] * len(self.exam)
            labels = [*self.labels, *said.others]
            for place, index in zip(said.places.tolist(), said.classes.tolist(), strict=True):
                column[place] = labels[index]
            columns[name] = pa.array(column, pa.string())
        return Table.of(pa.table(columns))


def calibration_of(probabilities: Floats, target: Classes, bins: int) -> dict[str, Any]:
    """Top-label calibration, with the Brier score and the log loss (in nats) of the whole distribution [n, k]."""
    import numpy as np

    place = np.arange(len(target))
    wanted = np.zeros_like(probabilities)
    wanted[place, target] = 1.0
    found = calibration(probabilities.max(axis=1), probabilities.argmax(axis=1) == target, bins=bins)
    found["brier"] = float(((probabilities - wanted) ** 2).sum(axis=1).mean())
    found["log_loss"] = float(-np.log(np.maximum(probabilities[place, target], 1e-6)).mean())
    return found


def tally(classes: Classes, labels: Sequence[str]) -> dict[str, int]:
    """label -> rows."""
    import numpy as np

    return dict(zip(labels, np.bincount(classes, minlength=len(labels)).tolist(), strict=True))


def indices(values: Sequence[str], labels: Sequence[str]) -> Classes:
    """Class index of each value; every value must be among the labels."""
    import numpy as np

    place = {label: index for index, label in enumerate(labels)}
    return np.array([place[value] for value in values], dtype=np.int64)


def _per_class(target: Classes, said: Classes, labels: Sequence[str]) -> dict[str, dict[str, float]]:
    counts = counts_of(confusion_matrix(target, said, len(labels)))
    columns = {**per_class(counts), "support": counts.support}
    return {
        label: {name: float(column[index]) for name, column in columns.items()} for index, label in enumerate(labels)
    }
