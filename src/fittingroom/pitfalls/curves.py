"""Readings of what was measured during training, shared by the pitfalls of rate and fit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple, Protocol

from pydantic import Field

from fittingroom.training.learnt import LEARNT, turned
from fittingroom.types import Frozen, Text

DEAD = "dead_gradients"
"""Why a training ended that had no gradient: neither rate nor length is to blame."""
VISIBLE = 1e-4
STUCK = 0.45
RISEN = 0.05
"""Share of the loss at the start by which a few steps must raise it to speak of a rise."""


class Watched(Protocol):
    """What a training measured: a `Trained`, or an `Examination` of one."""

    @property
    def steps(self) -> list[dict[str, float]]: ...
    @property
    def evals(self) -> list[dict[str, float]]: ...
    @property
    def best_step(self) -> int: ...
    @property
    def stopped(self) -> str: ...
    @property
    def facts(self) -> dict[str, Any]: ...


class RateLimits(Frozen):
    """Limits of the pitfalls that share the reading of the rate response, so that one of them at most speaks."""

    learnt: float = Field(default=LEARNT, gt=0, le=1)
    """Macro-F1 on the training rows from which on they count as learnt. Free answers have none: see `Curves.lacks`."""
    gain: float = Field(default=0.1, gt=0, lt=1)
    """Share of the loss that another rate must save in the same few steps."""
    speed: float = Field(default=2.0, gt=1)
    """How many times as far the loss must fall in them at a higher rate."""
    ahead: float = Field(default=0.05, gt=0, lt=1)
    """Share by which a rival's loss must lie below the lowest of the whole training, on dev and on its own rows; or"""
    points: float = Field(default=0.1, gt=0, lt=1)
    """the macro-F1 by which it must lie above the highest, on both."""
    raised: float = Field(default=0.02, gt=0, lt=1)
    """Macro-F1 by which going on must raise the score on dev to say that learning was not over."""
    fraction: float = Field(default=0.6, gt=0)
    """Share of the training's rows up to which a rival that began anew proves more than a lack of time."""
    clear: float = Field(default=5.0, gt=1)
    """Factor from which on a higher rate is the cause of a training of few passes too, which more of them mend else."""
    passes: float = Field(default=3.0, gt=0)
    """Passes over the rows below which they are few."""
    near: float = Field(default=0.5, gt=0, le=1)
    """How nearly as far it must fall at the lowest rate to say of a stuck training that its rate is too high."""
    jump: float = Field(default=0.5, gt=0)
    """Nats by which the smoothed loss may rise above its lowest so far, where that is as large a share of it too."""


class Curves(NamedTuple):
    """A training in a few numbers. Losses are nats per answer token, metrics are macro-F1; of free answers the mean
    probability of a token of the wanted one, exp(-loss)."""

    start_loss: float
    """Mean training loss of the first steps."""
    end_loss: float
    """Mean training loss of the last tenth of the steps."""
    lowest_loss: float
    """Lowest smoothed training loss before the largest jump; the lowest of all without one."""
    jump: float
    """By how much the smoothed training loss rose at most above the lowest it had before."""
    train_metric: float
    """On the fixed sample of training rows, at the checkpoint that was kept."""
    dev_metric: float
    """At the checkpoint that was kept."""
    last_train_metric: float
    early_train_metric: float
    """The best on the training rows in the first quarter, after the start."""
    best_dev_loss: float
    last_dev_loss: float
    last_train_loss: float
    best_epoch: float
    """Epoch of the checkpoint that was kept."""
    last_epoch: float
    broken: bool
    """Whether training stopped because the loss left all bounds."""
    first_train_loss: float = math.inf
    """At the first evaluation."""
    lowest_epoch: float = 0.0
    """Epoch of the lowest dev loss."""
    gained_since: float = 0.0
    """How far the metric on dev rose at most after that moment, above what it was then."""
    fallen: float = 0.0
    """How far it ended below its highest."""
    free: bool = False
    """Whether answers are free text: no score says then how well the training rows are known."""

    @property
    def learnt(self) -> float:
        """The metric on the training rows, at the end or at the checkpoint that was kept.

        A run that was best on dev early has learnt its rows none the less.
        """
        return max(self.train_metric, self.last_train_metric)

    def lacks(self, limits: RateLimits) -> bool:
        """Whether the training rows were not learnt, so that rate, length or room may have been missing.

        Of a closed set macro-F1 on them says so. The probability of a free answer's very words nears one only by heart:
        there the rows are learnt once the dev loss turned upwards while that of training rows lies below it.
        """
        if self.free:
            return not turned(self.best_dev_loss, self.last_dev_loss, self.last_train_loss)
        return self.learnt < limits.learnt

    @property
    def stuck(self) -> bool:
        """Whether macro-F1 on the training rows ended low and hardly higher than it was in the first quarter; with free
        answers, whether their loss ended no lower than where it began."""
        if self.free:
            return self.last_train_loss >= self.first_train_loss
        return self.learnt < STUCK and self.last_train_metric < 1.5 * self.early_train_metric

    @property
    def fitted(self) -> dict[str, float]:
        """How well the training rows were learnt, by its name in findings."""
        return {"train_loss": self.last_train_loss} if self.free else {"train_macro_f1": self.learnt}

    def wanted(self, limits: RateLimits) -> dict[str, float]:
        """The limit of `fitted`; nobody knows how low the loss of free answers can get."""
        return {} if self.free else {"train_macro_f1": limits.learnt}

    def shortfall(self, limits: RateLimits) -> float:
        """How far the training rows are from being learnt, 1 or more; 1 where that cannot be told."""
        return 1.0 if self.free else max(1.0, limits.learnt / max(0.01, self.learnt))

    def told(self) -> Text:
        """`fitted` in words."""
        if self.free:
            return Text(
                en=f"{self.last_train_loss:.2f} nats per token",
                zh=f"每个 token 的损失为 {self.last_train_loss:.2f} nat",
            )
        return Text(en=f"macro-F1 {self.learnt:.2f}", zh=f"macro-F1 为 {self.learnt:.2f}")

    def jumped(self, nats: float) -> bool:
        """Whether the loss jumped by so much, where that is as large a share of its lowest value too."""
        return self.jump >= nats * max(1.0, self.lowest_loss)


def read(trained: Watched) -> Curves | None:
    """The numbers of a training; None when it ended before anything was measured."""
    losses = [step["loss"] for step in trained.steps]
    finite = [loss for loss in losses if math.isfinite(loss)]
    broken = trained.stopped in {"diverged", "non_finite"} or len(finite) < len(losses)
    if not finite or not trained.evals:
        return None
    few = max(1, min(10, len(finite) // 10))
    smooth = [fmean(finite[end - few : end]) for end in range(few, len(finite) + 1)]
    lowest, jump = _largest_jump(smooth)
    best = min(trained.evals, key=lambda entry: (abs(entry["step"] - trained.best_step), entry["step"]))
    last = trained.evals[-1]
    finite_evals = [entry for entry in trained.evals if math.isfinite(entry["dev_loss"])]
    lowest_dev = min(finite_evals, key=lambda entry: entry["dev_loss"], default=None)
    return Curves(
        start_loss=smooth[0],
        end_loss=fmean(finite[-max(1, len(finite) // 10) :]),
        lowest_loss=lowest,
        jump=jump,
        train_metric=best["train_metric"],
        dev_metric=best["dev_metric"],
        last_train_metric=last["train_metric"],
        early_train_metric=_early(trained.evals),
        best_dev_loss=lowest_dev["dev_loss"] if lowest_dev else math.inf,
        last_dev_loss=last["dev_loss"],
        last_train_loss=last["train_loss"],
        best_epoch=best["epoch"],
        last_epoch=last["epoch"],
        broken=broken,
        first_train_loss=trained.evals[0]["train_loss"],
        lowest_epoch=lowest_dev["epoch"] if lowest_dev else 0.0,
        gained_since=max(e["dev_metric"] for e in finite_evals if e["step"] >= lowest_dev["step"])
        - lowest_dev["dev_metric"]
        if lowest_dev
        else 0.0,
        fallen=max(entry["dev_metric"] for entry in trained.evals) - last["dev_metric"],
        free=bool(trained.facts.get("free_answers", False)),
    )


def _early(evals: Sequence[Mapping[str, float]]) -> float:
    after_start = [entry for entry in evals if entry["step"] > 0]
    first = [entry for entry in after_start if entry["step"] <= after_start[-1]["step"] / 4] or after_start[:1]
    return max((entry["train_metric"] for entry in first), default=0.0)


def _largest_jump(losses: Sequence[float]) -> tuple[float, float]:
    """The lowest loss before the largest rise, and that rise."""
    lowest, at, jump = losses[0], min(losses), 0.0
    for loss in losses:
        lowest = min(lowest, loss)
        if loss - lowest > jump:
            at, jump = lowest, loss - lowest
    return at, jump


class Response(NamedTuple):
    """How training answers to another rate: loss after the same few steps, per factor on the rate that was used."""

    start: float
    losses: dict[float, float]

    def gain(self, factor: float) -> float:
        """By which share of the loss at the rate used the rate x `factor` does better (negative: worse)."""
        used = self.losses[1.0]
        return (used - self.losses[factor]) / used if used > 0 else 0.0

    def speed(self, factor: float) -> float:
        """How many times as far the loss falls from the start as at the rate used.

        0 when it does not visibly fall (by a ten-thousandth); 100 at most, for where the rate used leads nowhere.
        """
        fallen, used = self.start - self.losses[factor], self.start - self.losses[1.0]
        if fallen < VISIBLE * self.start:
            return 0.0
        return min(100.0, fallen / used) if used > 0 else 100.0

    def rises(self) -> bool:
        """Whether a few steps at the rate used lead above the start, while those at a lower rate lead below it."""
        return self.losses[1.0] > (1 + RISEN) * self.start > (1 + RISEN) * self.losses[self.lower()]

    def lower(self) -> float:
        """The best of the factors below 1; a tenth when none was measured."""
        return min((f for f in self.losses if f < 1), key=lambda factor: (self.losses[factor], -factor), default=0.1)


def response(trained: Watched) -> Response | None:
    """The measured rate response, where there is one (of a training that did not fit its own rows)."""
    recorded = trained.facts.get("rate_response")
    if not recorded:
        return None
    losses = {float(factor): _bounded(loss) for factor, loss in recorded["losses"].items()}
    return Response(_bounded(recorded["start"]), losses) if 1.0 in losses else None


def _bounded(loss: float | None) -> float:
    """A loss that is not finite is worse than any other."""
    return loss if loss is not None and math.isfinite(loss) else 1e9


def better_rate(curves: Curves, answer: Response, limits: RateLimits) -> float:
    """The factor on the rate that is the better one to take; 1 when none is clearly better.

    Higher: it saves the share `gain` of the loss, or is `speed` times as fast (where the rate is far too low, no few
    steps save much). Lower: it saves that share; or training is stuck and the lowest rate falls `near` as far in a few
    steps, for then the rate used was soon on the plateau that it never left.
    """
    best = min(answer.losses, key=lambda factor: (answer.losses[factor], abs(math.log(factor))))
    if answer.gain(best) >= limits.gain or (best > 1 and answer.speed(best) >= limits.speed):
        return best
    lowest = min(answer.losses)
    return lowest if lowest < 1 and curves.stuck and answer.speed(lowest) >= limits.near else 1.0
