"""Train: fine-tune the base model as planned; the best weights by dev macro-F1 are kept."""

from __future__ import annotations

import shutil
import time
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from fittingroom.engine import Context
from fittingroom.errors import NoRoom
from fittingroom.models.adapters import save_adapter
from fittingroom.models.device import device
from fittingroom.models.experts import save_chosen, splits_experts
from fittingroom.models.formats import ThinkPolicy
from fittingroom.models.load import BaseModelInfo, ModelConfig, load_tokenizer, resolve
from fittingroom.models.nf4 import demand, parameters, stored_bytes
from fittingroom.models.render import Renderer
from fittingroom.room import roomy
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.jobs import job_of
from fittingroom.training.compared import compared
from fittingroom.training.config import TrainConfig
from fittingroom.training.enough import learnable
from fittingroom.training.evaluation import Probe, evaluation_steps, make_probe
from fittingroom.training.finders.watermark import Watermark
from fittingroom.training.fit import Fitted, base_weights, fit, prepared
from fittingroom.training.passes import Layout
from fittingroom.training.replay import fingerprint, general, mixed, rules_of, texts_that_judge
from fittingroom.training.rows import NO_REPLAY, Encoded, Replaying, answer_room, encode
from fittingroom.training.state import trainable
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
    watermark = Watermark(plan.device)
    model_to_train = prepared(base_weights(base.path, plan), plan, train, seed)
    layout = Layout.of(model_to_train, material.pad, packing=train.packing == "auto")
    fitted = fit(
        model_to_train,
        rows=learnt,
        replay=replay,
        probe=material.probe,
        plan=plan,
        train=train,
        layout=layout,
        base_digest=base.digest,
        seed=seed,
        context=context,
    )
    happened = compared(plan, fitted, watermark.grown())
    facts = _facts(fitted, plan, material) | told
    weights = _kept(fitted, base, context.scratch / "weights")
    return Trained(
        weights=Folder(weights),
        method=plan.method,
        steps=fitted.recorder.steps,
        evals=fitted.recorder.evals,
        best_step=fitted.recorder.best_step,
        stopped=fitted.recorder.stopped,
        facts=facts,
        timing={
            "seconds": round(time.monotonic() - started, 1),
            **fitted.clock.timing(fitted.recorder),
            **happened,
            "torn_checkpoints": float(len(fitted.skipped)),
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


def _facts(fitted: Fitted, plan: Plan, material: Material) -> dict[str, Any]:
    learning = list(trainable(fitted.model).values())
    return {
        "labels": material.labels,
        "max_length": plan.max_length,
        "parameters": parameters(fitted.model),
        "trainable": sum(value.numel() for value in learning),
        "trainable_tensors": len(learning),
        "device": plan.device,
        "precision": plan.precision,
        "bytes": stored_bytes(fitted.model),
        "untouched": fitted.recorder.untouched,
        "eval_rows": {"dev": len(material.probe.dev_rows), "train": len(material.probe.train_rows)},
    }


def weight_bytes(model: Any) -> int:
    """Bytes of the weights that are kept: all of a model, or those of its adapters."""
    adapters = hasattr(model, "peft_config")
    return sum(
        value.numel() * value.element_size() for value in model.parameters() if value.requires_grad or not adapters
    )


def _kept(fitted: Fitted, base: BaseModelInfo, folder: Path) -> Path:
    """The best weights in a folder. Raises NoRoom on a full disk: the last checkpoint stays, and half a folder goes."""
    try:
        with roomy(folder.parent, weight_bytes(fitted.model)):
            return _saved(fitted, base, folder)
    except NoRoom:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _saved(fitted: Fitted, base: BaseModelInfo, folder: Path) -> Path:
    """Write the best weights; nothing in the files depends on time or place."""
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    shutil.rmtree(folder, ignore_errors=True)
    fitted.model.config.use_cache = True
    if hasattr(fitted.model, "peft_config"):
        save_adapter(fitted.model, folder, base.name)
    elif splits_experts(fitted.model):
        save_chosen(fitted.model, folder)
    else:
        fitted.model.save_pretrained(str(folder))
    return folder
