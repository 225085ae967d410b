"""Single optimiser steps outside a training, for what is found by trying."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from fittingroom.training import state
from fittingroom.training.objective import loss_sum
from fittingroom.training.passes import Layout, weight_of
from fittingroom.training.rows import NO_REPLAY, Batches, Encoded, Replaying
from fittingroom.training.shortage import is_shortage, released, smaller

T = TypeVar("T")


def batches(rows: Encoded, size: int, seed: int, replay: Replaying = NO_REPLAY) -> Iterator[list[int]]:
    """The rows of one step after the other, without end: those that a training of this seed begins with."""
    order = Batches([len(ids) for ids in rows.ids], batch_size=size, seed=seed, replay=replay)
    epoch = 0
    while True:
        yield from order.epoch_batches(epoch)
        epoch += 1


class Halving:
    """The layout of such steps: where memory was short, passes have half as many tokens from then on, and the step is
    taken again with the same rows and draws, as in training.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def backward(self, model: Any, rows: Encoded, chosen: Sequence[int], smoothing: float = 0.0) -> float:
        """Mean loss per answer token of a step's rows, in nats; its gradients lie in the model, which must have none.
        Raises ModelError where not even the longest row fits into memory alone.
        """
        return self.done(model, rows, chosen, lambda passes: passes_back(model, passes, smoothing))

    def done(self, model: Any, rows: Encoded, chosen: Sequence[int], work: Callable[[list[dict[str, Any]]], T]) -> T:
        """What `work` makes of the passes over these rows; gradients of a try that did not fit are gone. Raises as
        `backward`.
        """
        drawn = state.random_state()
        while True:
            passes = self.layout.collate(rows, chosen)
            try:
                return work(passes)
            except (RuntimeError, MemoryError) as error:
                if not is_shortage(error):
                    raise
            # Not in the `except`: the error holds the tensors of the pass.
            model.zero_grad(set_to_none=True)
            released()
            size = max(int(one["ids"].numel()) for one in passes)
            self.layout = smaller(self.layout, size, max(len(ids) for ids in rows.ids))
            state.restore_random(*drawn)


def passes_back(model: Any, passes: Sequence[dict[str, Any]], smoothing: float = 0.0) -> float:
    """Mean loss per answer token of rows that are laid out, in nats; its gradients are added to the model's."""
    total = sum(float(weight_of(one)) for one in passes)
    mean = 0.0
    for one in passes:
        loss = loss_sum(model, {name: value.to(model.device) for name, value in one.items()}, smoothing) / total
        loss.backward()  # type: ignore[no-untyped-call]
        mean += float(loss.detach())
    return mean
