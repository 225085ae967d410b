"""How long a step of training takes on this machine, tried out on a few passes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fittingroom.engine import Context, Note
from fittingroom.models.device import arithmetic
from fittingroom.training.fit import repeatable, stored_as
from fittingroom.training.passes import Layout
from fittingroom.training.rows import Encoded
from fittingroom.training.steps import Halving
from fittingroom.types import Plan, Text

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
    ones warm up. Where memory is short passes are halved, as in training; ModelError where not even one row fits.
    """
    usual = rows.with_loss()
    if not usual:
        return 0.0
    by_length = sorted(usual, key=lambda row: len(rows.ids[row]))
    middle = max(0, len(by_length) // 2 - plan.batch_size // 2)
    passes = Halving(layout)
    seconds = passes.done(
        model,
        rows,
        by_length[middle : middle + plan.batch_size],
        lambda laid: _seconds_of_token(model, laid[0], plan, context),
    )
    if passes.layout.budget != layout.budget:
        context.note(_smaller(layout.budget, passes.layout.budget))
    return seconds * float(plan.layout["tokens_per_step"])


def _seconds_of_token(model: Any, one: dict[str, Any], plan: Plan, context: Context) -> float:
    """Of a pass forward and back, tokens of padding counted."""
    from fittingroom.training.objective import loss_sum

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
    return float(min(times)) / int(one["ids"].numel())


def _smaller(planned: int, taken: int) -> Note:
    said = Text(
        en=f"configure: a pass of {planned} tokens, as planned, does not fit into the memory of the device; minutes "
        f"are reckoned with {taken}, and training halves its passes too (`train.pass_tokens: find` tries it)",
        zh=f"配置：按计划每次前向 {planned} 个词元放不进设备的显存；用时改按 {taken} 个估算，训练在需要时也会减半"
        "（可用 `train.pass_tokens: find` 实测）",
    )
    return Note("smaller_passes", {"planned": planned, "taken": taken}, said)
