"""What is written down during training, and what follows from it: the best weights, when to stop."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fittingroom.training.rows import Encoded

_RECORDS = 400
"""Optimiser steps that are recorded at most; longer trainings record means over several."""
_SMOOTH = 0.9
_CLEARLY = 0.995
"""Share of the lowest dev loss below which a new one counts as still falling."""
_FEWEST = 20
"""Steps in a row that must look bad before training is stopped for it; a twentieth of the steps where that is more."""
NO_GRADIENT = 1e-6
"""Norm of the gradient of all weights below which nothing is learnt: spread over a million weights that is 1e-9 each,
and Adam's epsilon (1e-8) swallows it."""
LEARNT_LOSS = 0.05
"""Smoothed loss (nats per answer token) below which a small gradient only says that the rows are learnt."""
_BY_HEART = 0.005
"""Train loss (nats per answer token) below which, with every train row of the probe right, nothing is left to learn."""


@dataclass
class Recorder:
    """Curves and state of one training; saved with every checkpoint, so that a resumed training writes the same."""

    total: int
    patience: int | None
    steps: list[dict[str, float]] = field(default_factory=list)
    evals: list[dict[str, float]] = field(default_factory=list)
    best_step: int = -1
    stopped: str = ""
    pending: list[float] = field(default_factory=list)
    """Losses of the steps since the last record."""
    current: float = 0.0
    """Loss of the running step, summed over its passes."""
    idle: int = 0
    """Evaluations since the last one that was better in metric or loss."""
    smooth: float = math.nan
    first: float = math.nan
    high: int = 0
    """Steps in a row with a smoothed loss far above that of the beginning."""
    dead: int = 0
    """Steps in a row without a gradient, or after a record whose step moved no weight."""
    still: bool = False
    """Whether the step of the last record moved no weight."""
    untouched: list[str] = field(default_factory=list)
    """Tensors that should learn and never had a gradient."""
    pass_tokens: int = 0
    """Tokens per forward pass at most, where memory asked for fewer than were planned; 0 as planned."""
    computed: int = 0
    """Tokens that went through the model in training, padding included."""
    learnt: int = 0
    """Tokens of the rows that these stand for."""
    examples: int = 0

    @property
    def every(self) -> int:
        """Steps per record."""
        return max(1, math.ceil(self.total / _RECORDS))

    def records(self, step: int) -> bool:
        """Whether this step (from 1) gets a record."""
        return step % self.every == 0 or step == self.total

    def add(self, loss: float) -> None:
        """The loss of one forward pass, already divided by the weight of its step."""
        self.current += loss

    def counted(self, tokens: int) -> None:
        """Tokens of one forward pass."""
        self.computed += tokens

    def rows_done(self, rows: Encoded, chosen: Sequence[int]) -> None:
        """The rows of one optimiser step."""
        self.examples += len(chosen)
        self.learnt += sum(len(rows.ids[row]) for row in chosen)

    def step_done(self, step: int, *, epoch: float, rate: float, norm: float, ratio: float | None) -> None:
        """Close an optimiser step; `ratio` is |change| / |weights| where it was measured."""
        loss, self.current = self.current, 0.0
        self.pending.append(loss)
        if ratio is not None:
            mean = sum(self.pending) / len(self.pending)
            self.pending = []
            record = {"step": float(step), "epoch": epoch, "loss": mean}
            self.steps.append({**record, "learning_rate": rate, "grad_norm": norm, "update_ratio": ratio})
        self._watch(step, loss)
        self._alive(norm, ratio)

    def _watch(self, step: int, loss: float) -> None:
        """Divergence: the smoothed loss stays above twice that of the beginning, far longer than a bad batch lasts."""
        if not math.isfinite(loss):
            self.stopped = "non_finite"
            return
        self.smooth = loss if math.isnan(self.smooth) else _SMOOTH * self.smooth + (1 - _SMOOTH) * loss
        if step <= 10:
            self.first = self.smooth if math.isnan(self.first) else max(self.first, self.smooth)
            return
        self.high = self.high + 1 if self.smooth > 2 * self.first + 0.5 else 0
        if self.high >= max(_FEWEST, self.total // 20):
            self.stopped = "diverged"

    def _alive(self, norm: float, ratio: float | None) -> None:
        """Dead gradients: for many steps no gradient reaches a weight, or none moves, while the rows are not learnt."""
        if ratio is not None:
            self.still = ratio == 0
        bad = self.smooth >= LEARNT_LOSS and (norm < NO_GRADIENT or self.still)
        self.dead = self.dead + 1 if bad else 0
        if not self.stopped and self.dead >= max(_FEWEST, self.total // 20, 2 * self.every):
            self.stopped = "dead_gradients"

    def evaluated(self, step: int, epoch: float, measured: dict[str, float]) -> bool:
        """Note an evaluation; whether it is the best so far (dev metric, then dev loss). May ask to stop.

        The metric chooses the weights. But while the dev loss still falls the model is still learning, even where the
        metric, which moves in jumps, stands still: such an evaluation does not use up patience. Training also ends
        when two evaluations in a row find the train rows learnt by heart: their gradient is gone.
        """
        better = self.best_step < 0 or _key(measured) > _key(self._best())
        lowest = min((entry["dev_loss"] for entry in self.evals), default=math.inf)
        self.evals.append({"step": float(step), "epoch": epoch, **measured})
        if better:
            self.best_step = step
        self.idle = 0 if better or measured["dev_loss"] < _CLEARLY * lowest else self.idle + 1
        if self.patience is not None and not self.stopped:
            if self.idle >= self.patience:
                self.stopped = "early_stopping"
            elif len(self.evals) > 1 and all(_by_heart(entry) for entry in self.evals[-2:]):
                self.stopped = "learnt_by_heart"
        return better

    def _best(self) -> dict[str, float]:
        return next(entry for entry in self.evals if entry["step"] == self.best_step)

    def state(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def _key(measured: dict[str, float]) -> tuple[float, float]:
    loss = measured["dev_loss"]
    return measured["dev_metric"], -loss if math.isfinite(loss) else -math.inf


def _by_heart(measured: dict[str, float]) -> bool:
    return measured["train_metric"] >= 1.0 and measured["train_loss"] < _BY_HEART
