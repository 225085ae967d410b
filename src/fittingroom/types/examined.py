"""What a closer look at a training found."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from fittingroom.types.outputs import Output
from fittingroom.types.plain import Frozen


class Rival(Frozen):
    """A short training that differs in one thing from the one that was judged, measured on the same rows."""

    change: Literal["rate", "batch", "longer", "rank", "thawed", "same"]
    """`longer` goes on from the kept weights; the others begin anew; `thawed` lets all layers learn; `same` changes
    nothing: it is what `rank` and `thawed`, which learn from as many rows, are compared with."""
    factor: float = 1.0
    """On the value that was used."""
    share: float
    """Rows it learnt from, repetitions counted, over those of the whole training."""
    train_loss: float
    """Nats per answer token, as in `Trained.evals`; 1e9 for one that is not finite."""
    train_metric: float
    dev_loss: float
    dev_metric: float


class Confused(Frozen):
    """Rows of one class that are answered as another."""

    true: str
    predicted: str
    rows: int
    share: float
    """Of the rows of the true class."""


class Examination(Output):
    """What is looked at once the gate said no: the run in short, and what more training was paid for to tell its cause.

    `steps`, `evals`, `best_step` and `stopped` are those of the training: whatever reads curves reads them here.
    """

    VOLATILE: ClassVar[tuple[str, ...]] = ("timing",)
    steps: list[dict[str, float]]
    evals: list[dict[str, float]]
    best_step: int
    stopped: str
    facts: dict[str, Any] = Field(default_factory=dict)
    """`rate_response`: {start, losses {factor: loss}, steps}, the loss after the same few steps at other rates; of the
    training: trainable, trainable_tensors, untouched; `free_answers`: the metrics of `evals` are then no macro-F1, but
    the mean probability of a token of the wanted answer; `left_out`: what was not tried although it was its turn
    (rate_response, batch, rate, longer, rank, thawed, experts) -> what did not reach (rows or time)."""
    rivals: list[Rival] = Field(default_factory=list)
    data_curve: list[dict[str, float]] = Field(default_factory=list)
    """rows, macro_f1 and accuracy on dev of a linear model that learnt from so many of the training rows."""
    classes: dict[str, dict[str, float]] = Field(default_factory=dict)
    """label -> rows (of training), weight (rows times weight in the loss), support, recall, precision, answered (how
    often it was the answer) on dev. Empty where answers are free."""
    confused: list[Confused] = Field(default_factory=list)
    """The largest pairs first."""
    slices: list[dict[str, Any]] = Field(default_factory=list)
    """As in `EvalReport.facts`."""
    labels: dict[str, float] = Field(default_factory=dict)
    """The label audit: audited (0 where it was switched off before training, so that all else was only measured after
    the no), trusted (0 or 1), model_accuracy (on training rows it has not seen), estimated_noise, remaining_noise,
    changed (rows that it mended)."""
    tokens: dict[str, float] = Field(default_factory=dict)
    """`Plan.tokens`."""
    experts: dict[str, float] = Field(default_factory=dict)
    """Of a mixture: entropy_before and entropy_after (mean over layers, over its maximum) of the load of its experts on
    training rows, before and after training, and moved (total variation between the two loads, mean over layers)."""
    scores: dict[str, float] = Field(default_factory=dict)
    """Metrics on dev."""
    baselines: dict[str, dict[str, float]] = Field(default_factory=dict)
    """Baseline -> its metrics on dev."""
    rows: dict[str, int] = Field(default_factory=dict)
    """Of train and dev."""
    timing: dict[str, float] = Field(default_factory=dict)
    """seconds; share of the training's time that they are."""

    @property
    def learnt_rows(self) -> float:
        """Rows that the training learnt from, repetitions counted."""
        return max((entry["epoch"] for entry in self.evals), default=0.0) * self.rows.get("train", 0)
