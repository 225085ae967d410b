"""A plan with the values that the recipe wants found by trying, and what was tried."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from fittingroom.engine import Context
from fittingroom.errors import ModelError
from fittingroom.models.device import arithmetic
from fittingroom.training.config import TrainConfig
from fittingroom.training.finders.batch import largest_pass
from fittingroom.training.finders.rates import range_test, steps_of
from fittingroom.training.fit import repeatable
from fittingroom.training.passes import Layout
from fittingroom.training.replay import General, mixed
from fittingroom.training.rows import NO_REPLAY, Encoded, Replaying
from fittingroom.types import Plan

READING = "tenth"
"""How the rate is read off the curve: `benchmarks/finders` saw the steepest fall overshoot on full fine-tuning."""


class Bounds(NamedTuple):
    """What memory allows."""

    room: int
    """Bytes that training may hold."""
    most: int
    """Tokens of a pass beyond which nothing is gained."""
    need: Callable[[int], int]
    """The estimate for a size of pass, in bytes."""


def wanted(train: TrainConfig) -> bool:
    """Whether the recipe leaves anything to be found."""
    return "find" in (train.learning_rate, train.pass_tokens)


def found(
    plan: Plan,
    make: Callable[[], Any],
    rows: Encoded,
    layout: Layout,
    bounds: Bounds,
    *,
    train: TrainConfig,
    seed: int,
    context: Context,
    extra: General | None = None,
) -> Plan:
    """The plan with what the recipe wants found; `make` gives the model ready to learn, afresh each time. `extra`: the
    general rows that go with every step, where the recipe names some. Memory and layout stay the estimate's.

    Raises ModelError when not even one row fits into memory.
    """
    learnt, replay = rows.only(rows.with_loss()), NO_REPLAY
    if not len(learnt):
        return plan  # rows without room for an answer: training says so
    if train.replay is not None and extra is not None:
        learnt, replay = mixed(learnt, extra, share=train.replay.share, batch_size=plan.batch_size)
    with repeatable(context.threads), arithmetic(plan.device, plan.precision):
        if train.pass_tokens == "find":
            plan = _with_passes(plan, make(), learnt, replay, layout, bounds, context)
        if train.learning_rate == "find":
            shorter = layout.within(plan.pass_tokens)
            plan = _with_rate(plan, make(), learnt, replay, shorter, train, seed, context)
    return plan


def _with_passes(
    plan: Plan, model: Any, rows: Encoded, replay: Replaying, layout: Layout, bounds: Bounds, context: Context
) -> Plan:
    reserve = sum(plan.memory.get(name, 0) for name in ("optimizer", "best", "watching"))
    sizes = largest_pass(
        model,
        rows,
        layout,
        batch=plan.batch_size,
        room=bounds.room,
        most=bounds.most,
        reserve=reserve,
        need=bounds.need,
        replay=replay,
        progress=lambda done, total: context.progress("passes", done, total),
    )
    if not sizes.tokens:
        longest = max(len(ids) for ids in rows.ids)
        raise ModelError(
            f"tried: {sizes.why} (one row has {longest} tokens): choose train.method lora, a smaller train.max_length "
            "or a smaller base model",
            f"实测：连一条最长的数据（{longest} 个词元）也放不进 {bounds.room / 2**30:.1f} GiB："
            "请改用 train.method: lora、更小的 train.max_length 或更小的基础模型",
            place="train.pass_tokens",
        )
    update = {
        "pass_tokens": sizes.tokens,
        "found": {**plan.found, "pass_tokens": sizes.as_json()},
        "chosen": {**plan.chosen, "pass_tokens": f"tried: {sizes.why}"},
    }
    return plan.model_copy(update=update)


def _with_rate(
    plan: Plan,
    model: Any,
    rows: Encoded,
    replay: Replaying,
    layout: Layout,
    train: TrainConfig,
    seed: int,
    context: Context,
) -> Plan:
    curve = range_test(
        model,
        rows,
        layout,
        batch=plan.batch_size,
        around=plan.learning_rate,
        steps=steps_of(plan.steps),
        seed=seed,
        weight_decay=plan.weight_decay,
        max_norm=train.max_grad_norm,
        smoothing=train.label_smoothing,
        replay=replay,
        progress=lambda done, total: context.progress("rates", done, total),
    )
    rate = curve.read(READING)
    if rate is None:
        why = f"the range test saw no falling loss: the rule's rate, {plan.learning_rate:g}"
    else:
        why = f"range test of {len(curve.rates)} steps; the rule says {plan.learning_rate:g}"
    update = {
        "learning_rate": rate or plan.learning_rate,
        "found": {**plan.found, "learning_rate": {**curve.as_json(), "chosen": rate, "rule": plan.learning_rate}},
        "chosen": {**plan.chosen, "learning_rate": why},
    }
    return plan.model_copy(update=update)
