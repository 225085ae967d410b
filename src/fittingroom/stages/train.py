"""Train: fine-tune the base model as planned; the best weights by dev macro-F1 are kept."""

from __future__ import annotations

import time
from functools import partial
from typing import Any, NamedTuple

from fittingroom.engine import Context
from fittingroom.models.device import device
from fittingroom.models.formats import ThinkPolicy
from fittingroom.models.load import BaseModelInfo, ModelConfig, load_tokenizer, resolve
from fittingroom.models.nf4 import demand
from fittingroom.models.render import Renderer
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.jobs import job_of
from fittingroom.training.compared import compared
from fittingroom.training.config import TrainConfig
from fittingroom.training.enough import learnable
from fittingroom.training.evaluation import Probe, evaluation_steps, make_probe
from fittingroom.training.job import Done, Job
from fittingroom.training.launch import done_by
from fittingroom.training.replay import fingerprint, general, mixed, rules_of, texts_that_judge
from fittingroom.training.rows import NO_REPLAY, Encoded, Replaying, answer_room, encode
from fittingroom.types import Folder, Frozen, Plan, Splits, Trained

VERSION = 7
LIBRARIES = ("torch", "transformers", "peft", "accelerate", "safetensors", "tokenizers")


def observes(*, model: ModelConfig, train: TrainConfig, context: Context) -> dict[str, str]:
    """The base model's files, those of general data, and the device and number of threads, on which the last bits of a
    sum depend.
    """
    return {
        "base": resolve(model, context.root).digest,
        "device": device(train.device).name,
        "threads": str(context.threads),
        **fingerprint(train.replay, context),
    }


def train(
    plan: Plan,
    splits: Splits,
    *,
    model: ModelConfig,
    train: TrainConfig,
    task: TaskConfig,
    seed: int,
    context: Context,
    prepare: Frozen | None = None,
) -> Trained:
    """Fine-tune. Called again with the same scratch folder after a kill, it goes on from the last checkpoint,
    exactly. `prepare` is asked for its rules of redaction, which general data go through.
    """
    started = time.monotonic()
    if train.method == "qlora":
        demand(device(train.device))
    base = resolve(model, context.root)
    material = material_of(base, model.think, plan, splits, train, task, seed)
    learnt, replay, told = with_general(material, base, model.think, plan, splits, train, prepare, context)

    job = Job(plan, train, base.path, base.name, base.digest, learnt, replay, material.probe, material.pad, seed)
    done = done_by(job, context)
    facts = _facts(done, plan, material) | told
    return Trained(
        weights=Folder(done.weights),
        method=plan.method,
        steps=done.recorder.steps,
        evals=done.recorder.evals,
        best_step=done.recorder.best_step,
        stopped=done.recorder.stopped,
        facts=facts,
        timing={
            "seconds": round(time.monotonic() - started, 1),
            **done.clock.timing(done.recorder),
            **compared(plan, done, done.grown),
            "torn_checkpoints": float(sum(one.torn for one in done.passed)),
        },
    )


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


def _facts(done: Done, plan: Plan, material: Material) -> dict[str, Any]:
    return {
        "labels": material.labels,
        "max_length": plan.max_length,
        **done.facts,
        "device": plan.device,
        "precision": plan.precision,
        "untouched": done.recorder.untouched,
        "eval_rows": {"dev": len(material.probe.dev_rows), "train": len(material.probe.train_rows)},
        **({"processes": done.processes, "sharded": done.sharded} if done.processes > 1 else {}),
    }
