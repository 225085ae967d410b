"""Rivals: short trainings that differ in one thing from the one that was judged, measured on the same rows.

A few steps from the start favour high rates, whatever comes later (Wu et al., Understanding Short-Horizon Bias in
Stochastic Meta-Optimization, arXiv 1803.02021). A rival is therefore compared with all that the whole training reached,
with a fraction of its rows: where it gets further none the less, the thing it changed is a cause, whatever the horizon.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from fittingroom.training.evaluation import Probe
from fittingroom.training.response import FACTORS, rate_response
from fittingroom.training.rows import Encoded
from fittingroom.training.schedule import rate_factor
from fittingroom.training.steps import Halving, batches
from fittingroom.types import Plan, Rival

Change = Literal["rate", "batch", "longer", "rank", "thawed", "same"]
_WARMUP = 0.1
_WORST = 1e9
_FEWEST_STEPS = 2
"""They only have to find the order of magnitude: a rival is trained at the best rate."""
_MOST_STEPS = 16
_HALF = 0.5
_ROUNDING = 1e-9
_FARTHEST = 1e-3, 1e3
"""Factors beyond which no rate is looked for."""


@dataclass(frozen=True)
class Ground:
    """What all rivals of one training share."""

    rows: Encoded
    probe: Probe
    plan: Plan
    passes: Halving
    """What one rival found of the memory the next ones know."""
    seed: int
    learnt: float
    """Rows that the training learnt from, repetitions counted."""
    smoothing: float = 0.0
    max_norm: float = 1.0


def rival(
    ground: Ground, model: Any, change: Change, *, rows: float, factor: float = 1.0, rate: float = 1.0, batch: int = 0
) -> Rival:
    """Let `model` (ready to learn) learn from at most `rows` rows (one step at least), and measure it as the training
    was.

    `rate`: factor on the plan's rate; `batch`: rows of a step, 0 as planned. The rate rises over a tenth of the steps
    and falls to zero in a straight line, so that every rival comes to its end.
    """
    size = batch or ground.plan.batch_size
    steps = max(1, int(rows / size + _ROUNDING))
    finite = _walk(ground, model, rate * ground.plan.learning_rate, size, steps)
    measured = ground.probe.measure(model) if finite else {}
    return Rival(
        change=change,
        factor=factor,
        share=round(steps * size / max(1.0, ground.learnt), 4),
        train_loss=_bounded(measured.get("train_loss")),
        train_metric=measured.get("train_metric", 0.0),
        dev_loss=_bounded(measured.get("dev_loss")),
        dev_metric=measured.get("dev_metric", 0.0),
    )


def _walk(ground: Ground, model: Any, rate: float, size: int, steps: int) -> bool:
    """The steps; whether the gradients stayed finite."""
    import torch

    weights = [value for value in model.parameters() if value.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=rate, weight_decay=ground.plan.weight_decay)
    warmup = max(1, round(_WARMUP * steps))
    model.train()
    for step, batch in zip(range(steps), batches(ground.rows, size, ground.seed), strict=False):
        for group in optimizer.param_groups:
            group["lr"] = rate * rate_factor(step, schedule="linear", steps=steps, warmup=warmup, decay=0)
        optimizer.zero_grad(set_to_none=True)
        ground.passes.backward(model, ground.rows, batch, ground.smoothing)
        norm = torch.nn.utils.clip_grad_norm_(weights, ground.max_norm)
        if not math.isfinite(float(norm)):
            return False
        optimizer.step()
    return True


def rates(
    ground: Ground, make: Callable[[], Any], rows: float, progress: Callable[[int, int], None]
) -> dict[str, Any] | None:
    """The rate response (see `response`) for about `rows` rows in all; None where they are too few to tell.

    While the best rate is the lowest or the highest that was tried, the next one beyond is tried too.
    """
    steps = min(_MOST_STEPS, int(rows / (len(FACTORS) * ground.plan.batch_size)))
    if steps < _FEWEST_STEPS:
        return None

    def measured(factors: tuple[float, ...]) -> dict[str, Any]:
        return rate_response(
            make, ground.rows, ground.plan, passes=ground.passes, seed=ground.seed, progress=progress, factors=factors,
            steps=steps,
        )  # fmt: skip

    found = measured(FACTORS)
    losses: dict[str, float | None] = found["losses"]
    while (beyond := _beyond(losses)) is not None:
        losses |= measured((beyond,))["losses"]
    return found


def _beyond(losses: dict[str, float | None]) -> float | None:
    """The factor to try next; None once the best lies between two others, or at the end of what is looked at."""
    known = {float(factor): _bounded(loss) for factor, loss in losses.items()}
    best = min(known, key=lambda factor: (known[factor], abs(math.log(factor))))
    if best == min(known) and best > _FARTHEST[0]:
        return float(f"{best / 10:g}")
    if best == max(known) and best < _FARTHEST[1]:
        return float(f"{best * 10:g}")
    return None


def promising(response: dict[str, Any]) -> float:
    """The factor to give a longer trial: the lowest whose loss falls at least half as far as that of the best.

    The rate that is best over a few steps is too high for many; what is half as fast there ends lower (own
    measurements: a tenth of the best of a range test came nearest to the best of a grid).
    """
    start = _bounded(response["start"])
    fallen = {float(factor): start - _bounded(loss) for factor, loss in response["losses"].items()}
    furthest = max(fallen.values())
    if furthest <= 0:
        return min(fallen)
    return min(factor for factor, fall in fallen.items() if fall >= _HALF * furthest)


def _bounded(loss: float | None) -> float:
    return round(loss, 6) if loss is not None and math.isfinite(loss) else _WORST
