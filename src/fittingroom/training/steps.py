"""Single optimiser steps outside a training, for what is found by trying."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from fittingroom.training.objective import loss_sum
from fittingroom.training.passes import Layout, weight_of
from fittingroom.training.rows import NO_REPLAY, Batches, Encoded, Replaying


def batches(rows: Encoded, size: int, seed: int, replay: Replaying = NO_REPLAY) -> Iterator[list[int]]:
    """The rows of one step after the other, without end: those that a training of this seed begins with."""
    order = Batches([len(ids) for ids in rows.ids], batch_size=size, seed=seed, replay=replay)
    epoch = 0
    while True:
        yield from order.epoch_batches(epoch)
        epoch += 1


def backward(model: Any, rows: Encoded, chosen: Sequence[int], layout: Layout, smoothing: float = 0.0) -> float:
    """Mean loss per answer token of a step's rows, in nats; its gradients are added to the model's."""
    return passes_back(model, layout.collate(rows, chosen), smoothing)


def passes_back(model: Any, passes: Sequence[dict[str, Any]], smoothing: float = 0.0) -> float:
    """The same of rows that are laid out already."""
    total = sum(float(weight_of(one)) for one in passes)
    mean = 0.0
    for one in passes:
        loss = loss_sum(model, {name: value.to(model.device) for name, value in one.items()}, smoothing) / total
        loss.backward()  # type: ignore[no-untyped-call]
        mean += float(loss.detach())
    return mean
