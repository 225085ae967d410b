"""How long a step of training takes on this machine, tried out on a few passes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fittingroom.engine import Context
from fittingroom.models.device import arithmetic
from fittingroom.training.fit import repeatable, stored_as
from fittingroom.training.passes import Layout
from fittingroom.training.rows import Encoded
from fittingroom.types import Plan

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_TIMED_PASSES = 3


def costs_the_same(path: Path, plan: Plan) -> bool:
    """Whether the model at hand takes the time that training will; elsewhere, or stored otherwise, it does not."""
    return plan.device == "cpu" and stored_as(path, plan) == "fp32" and not plan.activation_checkpointing


def let_learn(loaded: PreTrainedModel, plan: Plan) -> None:
    """Gradients as far as training carries them."""
    for parameter in loaded.parameters():
        parameter.requires_grad_(plan.method == "full")
    loaded.get_input_embeddings().weight.requires_grad_(True)  # LoRA, too, carries gradients to the bottom


def seconds_of_step(model: Any, rows: Encoded, layout: Layout, plan: Plan, context: Context) -> float:
    """Seconds of an optimiser step's passes forward and back, from the shortest of a few times of one pass; the first
    ones warm up.
    """
    from fittingroom.training.objective import loss_sum

    usual = rows.with_loss()
    if not usual:
        return 0.0
    by_length = sorted(usual, key=lambda row: len(rows.ids[row]))
    middle = max(0, len(by_length) // 2 - plan.batch_size // 2)
    one = layout.collate(rows, by_length[middle : middle + plan.batch_size])[0]
    batch = {name: value.to(model.device) for name, value in one.items()}
    model.train(plan.activation_checkpointing)  # layers are computed again in training only
    times = []
    with repeatable(context.threads):
        for number in range(_TIMED_PASSES):
            context.progress("time a step", number, _TIMED_PASSES)
            started = time.perf_counter()
            with arithmetic(plan.device, plan.precision):
                loss = loss_sum(model, batch)
            loss.backward()  # type: ignore[no-untyped-call]
            float(loss.detach())  # on a GPU, wait until it is done
            times.append(time.perf_counter() - started)
            model.zero_grad(set_to_none=True)
    return float(min(times) * plan.layout["tokens_per_step"] / one["ids"].numel())
