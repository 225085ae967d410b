"""Rate response: what the same few steps from the same start reach at other learning rates.

It is measured once the gate said no to a training that did not learn its own rows, so that the cause can be told: a
rate too low, one too high, or neither. A short range test in the sense of Smith (arXiv 1506.01186), with a few fixed
factors on the rate that was used instead of a sweep.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from fittingroom.training.objective import loss_sum
from fittingroom.training.passes import weight_of
from fittingroom.training.rows import Encoded, sample
from fittingroom.training.steps import Halving, batches
from fittingroom.types import Plan

FACTORS = (0.1, 0.3, 1.0, 3.0, 10.0)
_STEPS = (4, 16)
"""Fewest and most steps; in between a tenth of the training, so that the answer costs at most half of it."""
_WARMUP = 4
_PROBE_ROWS = 96


def rate_response(
    make: Callable[[], Any],
    rows: Encoded,
    plan: Plan,
    *,
    passes: Halving,
    seed: int,
    progress: Callable[[int, int], None],
    factors: Sequence[float] = FACTORS,
    steps: int = 0,
) -> dict[str, Any]:
    """`{"start": loss, "losses": {factor: loss}, "steps": n}` in nats per answer token on a fixed sample of train rows.

    `make` gives the model as it was before training, ready to learn; `steps`: 0 for a tenth of the training. A loss
    that is not finite is None. A few steps tell how fast a rate learns, not where it ends: a higher rate may win here
    and lose over many epochs. `passes` are halved where memory is short; ModelError where not even one row fits.
    """
    probe = sample(rows, _PROBE_ROWS, seed)
    steps = steps or max(_STEPS[0], min(_STEPS[1], plan.steps // 10))
    losses: dict[str, float | None] = {}
    start = None
    for number, factor in enumerate(factors):
        model = make()
        if start is None:
            start = _loss(model, rows, probe, passes)
        _walk(model, rows, plan, factor * plan.learning_rate, steps, passes, seed)
        losses[f"{factor:g}"] = _loss(model, rows, probe, passes)
        progress(number + 1, len(factors))
    return {"start": start, "losses": losses, "steps": steps}


def _walk(model: Any, rows: Encoded, plan: Plan, rate: float, steps: int, passes: Halving, seed: int) -> None:
    """A few optimiser steps at a constant rate after a short warm-up, on the batches that training began with."""
    import torch

    weights = [value for value in model.parameters() if value.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=rate, weight_decay=0.0)
    model.train()
    for step, batch in zip(range(steps), batches(rows, plan.batch_size, seed), strict=False):
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / _WARMUP)
        optimizer.zero_grad(set_to_none=True)
        passes.backward(model, rows, batch)
        norm = torch.nn.utils.clip_grad_norm_(weights, 1.0)
        if not math.isfinite(float(norm)):
            return
        optimizer.step()


def _loss(model: Any, rows: Encoded, probe: list[int], passes: Halving) -> float | None:
    """Mean loss per answer token of the probe rows; None when it is not finite."""
    import torch

    def mean(laid: list[dict[str, Any]]) -> float:
        total = weight = 0.0
        for one in laid:
            batch = {name: value.to(model.device) for name, value in one.items()}
            total += float(loss_sum(model, batch))
            weight += float(weight_of(batch))
        return total / weight if weight else math.nan

    model.eval()
    with torch.inference_mode():
        loss = passes.done(model, rows, probe, mean)
    return round(loss, 6) if math.isfinite(loss) else None
