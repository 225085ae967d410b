"""Train: fine-tune the base model as planned; the best weights by dev macro-F1 are kept."""

from __future__ import annotations

import time
from typing import Any

from fittingroom.engine import Context
from fittingroom.models.device import device
from fittingroom.models.load import ModelConfig, resolve
from fittingroom.models.nf4 import demand
from fittingroom.tasks.config import TaskConfig
from fittingroom.training.compared import compared
from fittingroom.training.config import TrainConfig
from fittingroom.training.job import Done, Job
from fittingroom.training.launch import done_by
from fittingroom.training.material import Material, material_of, with_general
from fittingroom.training.replay import fingerprint
from fittingroom.types import Folder, Frozen, Plan, Splits, Trained

VERSION = 10
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
            **({"pass_tokens": float(done.recorder.pass_tokens)} if done.recorder.pass_tokens else {}),
            "torn_checkpoints": float(sum(one.torn for one in done.passed)),
        },
    )


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
