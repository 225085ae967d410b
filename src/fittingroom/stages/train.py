"""Train: fine-tune the base model as planned; the best weights by dev macro-F1 are kept."""

from __future__ import annotations

import shutil
import time
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from fittingroom.engine import Context
from fittingroom.errors import UserError
from fittingroom.models.adapters import save_adapter
from fittingroom.models.device import arithmetic, device
from fittingroom.models.load import BaseModelInfo, ModelConfig, load_tokenizer, resolve
from fittingroom.models.nf4 import demand, parameters, stored_bytes
from fittingroom.models.render import Renderer
from fittingroom.tasks.classify import answer, labels_of
from fittingroom.tasks.config import TaskConfig
from fittingroom.training.config import TrainConfig
from fittingroom.training.evaluation import Probe, evaluation_steps, make_probe
from fittingroom.training.fit import Fitted, base_weights, fit, prepared, repeatable
from fittingroom.training.passes import Layout
from fittingroom.training.replay import fingerprint, general, mixed, rules_of, texts_that_judge
from fittingroom.training.response import rate_response
from fittingroom.training.rows import NO_REPLAY, Encoded, Replaying, encode
from fittingroom.training.state import trainable
from fittingroom.types import Folder, Frozen, Plan, Splits, Trained

VERSION = 4
LIBRARIES = ("torch", "transformers", "peft", "accelerate", "safetensors", "tokenizers")

_LEARNT = 0.95
"""Macro-F1 on training rows below which the rate response is measured, so that the cause can be told."""


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
    material = _material(base, plan, splits, train, task, seed)
    learnt, replay, told = _with_general(material, base, plan, splits, train, prepare, context)

    def fresh() -> Any:
        return prepared(base_weights(base.path, plan), plan, train, seed)

    model_to_train = fresh()
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
    facts = _facts(fitted, plan, material) | told
    if _unlearnt(fitted):
        with repeatable(context.threads), arithmetic(plan.device, plan.precision):
            facts["rate_response"] = rate_response(
                fresh,
                material.rows,
                plan,
                layout=layout,
                seed=seed,
                progress=lambda done, total: context.progress("rates", done, total),
            )
    return Trained(
        weights=Folder(_saved(fitted, base, context.scratch / "weights")),
        method=plan.method,
        steps=fitted.recorder.steps,
        evals=fitted.recorder.evals,
        best_step=fitted.recorder.best_step,
        stopped=fitted.recorder.stopped,
        facts=facts,
        timing={"seconds": round(time.monotonic() - started, 1), "torn_checkpoints": float(len(fitted.skipped))},
    )


class _Material(NamedTuple):
    """What there is to learn from."""

    labels: list[str]
    rows: Encoded
    probe: Probe
    pad: int


def _material(
    base: BaseModelInfo, plan: Plan, splits: Splits, train: TrainConfig, task: TaskConfig, seed: int
) -> _Material:
    """Training rows with an answer, and the probe on dev and train."""
    tokenizer = load_tokenizer(base.path)
    renderer = Renderer(tokenizer)
    labels = labels_of(splits, task)
    render = partial(encode, task=task, labels=labels, renderer=renderer, max_length=plan.max_length)
    rows = _with_loss(render(splits.train, class_weights=splits.class_weights))
    probe = make_probe(
        rows,
        render(splits.dev),
        [renderer.answer_ids(answer(label)) for label in labels],
        rows=train.eval_rows,
        epochs=plan.epochs,
        evaluations=len(evaluation_steps(plan.steps, plan.epochs)),
        seed=seed,
    )
    return _Material(labels, rows, probe, int(tokenizer.pad_token_id))


def _with_general(
    material: _Material,
    base: BaseModelInfo,
    plan: Plan,
    splits: Splits,
    train: TrainConfig,
    prepare: Frozen | None,
    context: Context,
) -> tuple[Encoded, Replaying, dict[str, Any]]:
    """The rows that are learnt, with general ones behind them where the recipe asks for some, and what is told."""
    if train.replay is None:
        return material.rows, NO_REPLAY, {}
    extra = general(
        train.replay,
        context.path(train.replay.path),
        renderer=Renderer(load_tokenizer(base.path)),
        redact=rules_of(prepare),
        secret=context.secret,
        held_out=texts_that_judge(splits),
    )
    learnt, replay = mixed(material.rows, extra, share=train.replay.share, batch_size=plan.batch_size)
    return learnt, replay, {"replay": {**extra.told(), "share": train.replay.share}}


def _with_loss(rows: Encoded) -> Encoded:
    """Without the rows whose answer did not fit; a UserError when none is left."""
    kept = rows.with_loss()
    if not kept:
        raise UserError(
            "no training row has room for its answer: raise train.max_length or shorten task.instruction",
            "没有一条训练数据能放下答案：请增大 train.max_length 或缩短 task.instruction",
            place="train.max_length",
        )
    return rows if len(kept) == len(rows) else rows.only(kept)


def _unlearnt(fitted: Fitted) -> bool:
    recorder = fitted.recorder
    best = next(entry for entry in recorder.evals if entry["step"] == recorder.best_step)
    return recorder.stopped in ("diverged", "non_finite") or best["train_metric"] < _LEARNT


def _facts(fitted: Fitted, plan: Plan, material: _Material) -> dict[str, Any]:
    return {
        "labels": material.labels,
        "max_length": plan.max_length,
        "parameters": parameters(fitted.model),
        "trainable": sum(value.numel() for value in trainable(fitted.model).values()),
        "device": plan.device,
        "precision": plan.precision,
        "bytes": stored_bytes(fitted.model),
        "eval_rows": {"dev": len(material.probe.dev_rows), "train": len(material.probe.train_rows)},
    }


def _saved(fitted: Fitted, base: BaseModelInfo, folder: Path) -> Path:
    """Write the best weights; nothing in the files depends on time or place."""
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    shutil.rmtree(folder, ignore_errors=True)
    fitted.model.config.use_cache = True
    if hasattr(fitted.model, "peft_config"):
        save_adapter(fitted.model, folder, base.name)
    else:
        fitted.model.save_pretrained(str(folder))
    return folder
