"""What there is to learn from and to be measured on: rendered rows, the probe, general data behind the shop's."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

from fittingroom.engine import Context
from fittingroom.models.formats import ThinkPolicy
from fittingroom.models.load import BaseModelInfo, load_tokenizer
from fittingroom.models.render import Renderer
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.jobs import job_of
from fittingroom.training.config import TrainConfig
from fittingroom.training.enough import learnable
from fittingroom.training.evaluation import Probe, evaluation_steps, make_probe
from fittingroom.training.replay import general, mixed, rules_of, texts_that_judge
from fittingroom.training.rows import NO_REPLAY, Encoded, Replaying, answer_room, encode
from fittingroom.types import Frozen, Plan, Splits


class Material(NamedTuple):
    """What there is to learn from."""

    labels: list[str]
    rows: Encoded
    probe: Probe
    pad: int


def material_of(
    base: BaseModelInfo,
    think: ThinkPolicy,
    plan: Plan,
    splits: Splits,
    train: TrainConfig,
    task: TaskConfig,
    seed: int,
) -> Material:
    """Training rows with an answer, and the probe on dev and train."""
    tokenizer = load_tokenizer(base.path)
    renderer = Renderer(tokenizer, think)
    job = job_of(task)
    labels = job.labels(splits, task)
    # Inputs of dev are cut where those of train are, and where serving will cut.
    room = answer_room(task, labels, renderer, splits.train)
    render = partial(encode, task=task, labels=labels, renderer=renderer, max_length=plan.max_length, room=room)
    rows = _with_loss(render(splits.train, class_weights=splits.class_weights, learning=True))
    dev = render(splits.dev)
    learnable(dev, "dev")
    probe = make_probe(
        rows,
        dev,
        [renderer.answer_ids(said) for said in job.answers(task, labels)],
        rows=train.eval_rows,
        epochs=plan.epochs,
        evaluations=len(evaluation_steps(plan.steps, plan.epochs)),
        seed=seed,
    )
    return Material(labels, rows, probe, int(tokenizer.pad_token_id))


def with_general(
    material: Material,
    base: BaseModelInfo,
    think: ThinkPolicy,
    plan: Plan,
    splits: Splits,
    train: TrainConfig,
    prepare: Frozen | None,
    context: Context,
) -> tuple[Encoded, Replaying, dict[str, Any]]:
    """The rows that are learnt, with general ones behind them where the recipe asks for some, how they are mixed into
    each step, and what is told of them.
    """
    if train.replay is None:
        return material.rows, NO_REPLAY, {}
    extra = general(
        train.replay,
        context.path(train.replay.path),
        renderer=Renderer(load_tokenizer(base.path), think),
        redact=rules_of(prepare),
        secret=context.secret,
        held_out=texts_that_judge(splits),
    )
    learnt, replay = mixed(material.rows, extra, share=train.replay.share, batch_size=plan.batch_size)
    return learnt, replay, {"replay": {**extra.told(), "share": train.replay.share}}


def _with_loss(rows: Encoded) -> Encoded:
    """Without the rows whose answer did not fit; a UserError when none is left."""
    kept = learnable(rows, "training")
    return rows if len(kept) == len(rows) else rows.only(kept)
