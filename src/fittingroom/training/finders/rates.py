"""Learning-rate range test (Smith, arXiv 1506.01186): one short training in which the rate rises from step to step.

Its loss first stands still, then falls, then rises; the rate is read from where it falls. Two ways to read are kept in
the curve: where the smoothed loss falls most steeply over the logarithm of the rate, and a tenth of the rate at its
lowest point. The latter is chosen: in `benchmarks/finders` the former overshot on full fine-tuning.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fittingroom.training.passes import Layout
from fittingroom.training.rows import NO_REPLAY, Encoded, Replaying
from fittingroom.training.steps import Halving, batches

_SPAN = 100.0
"""How far below and above the rule's rate is tried, as a factor."""
_STEPS = (24, 100)
"""Fewest and most steps; in between a tenth of the training."""
_SMOOTH = 0.8
"""Weight of the past in the smoothed loss."""
_BLOWN = 3.0
"""Loss, as a multiple of the lowest, at which the test ends."""
READINGS = ("steepest", "tenth")


@dataclass(frozen=True)
class Range:
    """What a range test found."""

    rates: list[float]
    losses: list[float]
    """Nats per answer token of each step's rows, weighed and smoothed as in training, before the step."""
    smooth: list[float]
    steepest: float | None
    """Rate at which the smoothed loss falls most; None where it never falls."""
    tenth: float | None
    """A tenth of the rate at which the smoothed loss is lowest."""
    ended: str
    """`completed`, `rising` (the loss had left the ground) or `non_finite`."""

    def read(self, reading: str) -> float | None:
        """The rate by one of `READINGS`, to two digits."""
        rate: float | None = getattr(self, reading)
        return None if rate is None else float(f"{rate:.2g}")

    def as_json(self) -> dict[str, Any]:
        """For the plan, its numbers cut to six digits."""
        return {
            "rates": [float(f"{rate:.6g}") for rate in self.rates],
            "losses": [round(loss, 6) for loss in self.losses],
            "smooth": [round(loss, 6) for loss in self.smooth],
            "steepest": self.read("steepest"),
            "tenth": self.read("tenth"),
            "ended": self.ended,
        }


def steps_of(steps: int) -> int:
    """Steps of the test for a training of `steps` steps."""
    return max(_STEPS[0], min(_STEPS[1], steps // 10))


def range_test(
    model: Any,
    rows: Encoded,
    layout: Layout,
    *,
    batch: int,
    around: float,
    steps: int,
    seed: int,
    weight_decay: float = 0.0,
    max_norm: float = 1.0,
    smoothing: float = 0.0,
    replay: Replaying = NO_REPLAY,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Range:
    """Train `model` for `steps` steps, the rate rising evenly in its logarithm from `around` / 100 to `around` * 100.

    The model is spoilt afterwards. Batches are those that training begins with, and gradients are clipped as there.
    Where memory is short passes are halved, as there too; ModelError where not even one row fits.
    """
    import torch

    weights = [value for value in model.parameters() if value.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=around, weight_decay=weight_decay)
    passes = Halving(layout)
    low, high = math.log(around / _SPAN), math.log(min(1.0, around * _SPAN))
    rates: list[float] = []
    losses: list[float] = []
    ended = "completed"
    model.train()
    for number, chosen in zip(range(steps), batches(rows, batch, seed, replay), strict=False):
        progress(number, steps)
        rate = math.exp(low + (high - low) * number / max(1, steps - 1))
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad(set_to_none=True)
        loss = passes.backward(model, rows, chosen, smoothing)
        norm = float(torch.nn.utils.clip_grad_norm_(weights, max_norm))
        if not (math.isfinite(loss) and math.isfinite(norm)):
            ended = "non_finite"
            break
        rates.append(rate)
        losses.append(loss)
        now = smoothed(losses)
        if len(now) > steps // 4 and now[-1] > _BLOWN * min(now) + 0.5:
            ended = "rising"
            break
        optimizer.step()
    progress(steps, steps)
    return read_curve(rates, losses, ended)


def read_curve(rates: Sequence[float], losses: Sequence[float], ended: str = "completed") -> Range:
    """What a curve of losses over rising rates says."""
    smooth = smoothed(losses)
    bottom = min(range(len(smooth)), key=lambda at: (smooth[at], at), default=0)
    falls = [
        ((smooth[at + 1] - smooth[at - 1]) / math.log(rates[at + 1] / rates[at - 1]), at) for at in range(1, bottom)
    ]
    slope, at = min(falls, default=(0.0, 0))
    found = bottom > 0 and slope < 0
    return Range(
        rates=list(rates),
        losses=list(losses),
        smooth=smooth,
        steepest=rates[at] if found else None,
        tenth=rates[bottom] / 10 if found else None,
        ended=ended,
    )


def smoothed(losses: Sequence[float]) -> list[float]:
    """Moving mean with weights that halve every three steps or so, without a bias to the start."""
    found: list[float] = []
    total = weight = 0.0
    for loss in losses:
        total, weight = _SMOOTH * total + (1 - _SMOOTH) * loss, _SMOOTH * weight + (1 - _SMOOTH)
        found.append(total / weight)
    return found
