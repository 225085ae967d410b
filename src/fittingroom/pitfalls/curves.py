"""Readings of what was measured during training, shared by the pitfalls of rate and fit."""

from __future__ import annotations

import math
from statistics import fmean
from typing import NamedTuple

from fittingroom.types import Trained


class Curves(NamedTuple):
    """A training in a few numbers. Losses are nats per answer token, metrics are macro-F1."""

    start_loss: float
    """Mean training loss of the first steps."""
    end_loss: float
    """Mean training loss of the last tenth of the steps."""
    peak_loss: float
    """Highest smoothed training loss after the first steps."""
    train_metric: float
    """On the fixed sample of training rows, at the checkpoint that was kept."""
    dev_metric: float
    """At the checkpoint that was kept."""
    last_train_metric: float
    best_dev_loss: float
    last_dev_loss: float
    last_train_loss: float
    best_epoch: float
    """Epoch of the checkpoint that was kept."""
    last_epoch: float
    broken: bool
    """Whether training stopped because the loss left all bounds."""


def read(trained: Trained) -> Curves | None:
    """The numbers of a training; None when it ended before anything was measured."""
    losses = [step["loss"] for step in trained.steps]
    finite = [loss for loss in losses if math.isfinite(loss)]
    broken = trained.stopped in {"diverged", "non_finite"} or len(finite) < len(losses)
    if not finite or not trained.evals:
        return None
    few = max(1, min(5, len(finite) // 10))
    smooth = [fmean(finite[max(0, end - few) : end]) for end in range(few, len(finite) + 1)]
    best = min(trained.evals, key=lambda entry: (abs(entry["step"] - trained.best_step), entry["step"]))
    last = trained.evals[-1]
    dev_losses = [entry["dev_loss"] for entry in trained.evals if math.isfinite(entry["dev_loss"])]
    return Curves(
        start_loss=smooth[0],
        end_loss=fmean(finite[-max(1, len(finite) // 10) :]),
        peak_loss=max(smooth),
        train_metric=best["train_metric"],
        dev_metric=best["dev_metric"],
        last_train_metric=last["train_metric"],
        best_dev_loss=min(dev_losses, default=math.inf),
        last_dev_loss=last["dev_loss"],
        last_train_loss=last["train_loss"],
        best_epoch=best["epoch"],
        last_epoch=last["epoch"],
        broken=broken,
    )


class Response(NamedTuple):
    """How training answers to another rate: loss after the same few steps, per factor on the rate that was used."""

    start: float
    losses: dict[float, float]

    def gain(self, factor: float) -> float:
        """By which share of the loss at the rate used the rate x `factor` does better (negative: worse)."""
        used = self.losses[1.0]
        return (used - self.losses[factor]) / used if used > 0 else 0.0

    def best(self, factors: list[float]) -> float:
        """The factor with the lowest loss; the nearest to 1 among equals."""
        return min(factors, key=lambda factor: (self.losses[factor], abs(math.log(factor))))


def response(trained: Trained) -> Response | None:
    """The measured rate response, when training recorded one (it does where it did not fit its own rows)."""
    recorded = trained.facts.get("rate_response")
    if not recorded:
        return None
    losses = {float(factor): _bounded(loss) for factor, loss in recorded["losses"].items()}
    return Response(_bounded(recorded["start"]), losses) if 1.0 in losses else None


def _bounded(loss: float | None) -> float:
    """A loss that is not finite is worse than any other."""
    return loss if loss is not None and math.isfinite(loss) else 1e9
