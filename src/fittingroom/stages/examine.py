"""Examine: why the gate said no. What the run measured, in short, and what can only be told by training a little more.

More is paid for only after a no, and within `examine.share` of the rows that the training itself learnt from. One
suspicion is tested at a time, the likeliest first, and the rest is left out once one is proven: another batch where
there were few steps; other rates, a few steps each, then the best of them for longer; going on from where training
ended; more room to learn in (rank, all layers). Each such rival is measured on the very rows that the training was.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from pydantic import Field

from fittingroom.engine import Context
from fittingroom.models.device import arithmetic, device
from fittingroom.models.load import BaseModelInfo, ModelConfig, resolve
from fittingroom.stages.audit import AuditConfig, audit
from fittingroom.tasks.config import TaskConfig
from fittingroom.training.config import TrainConfig
from fittingroom.training.examining import Case, classes_of, confused_of, data_curve, drifted, further, labels_of_audit
from fittingroom.training.fit import base_weights, prepared, repeatable
from fittingroom.training.material import Material, material_of
from fittingroom.training.passes import Layout
from fittingroom.training.resumed import as_trained
from fittingroom.training.rivals import Ground
from fittingroom.training.steps import Halving
from fittingroom.types import EvalReport, Examination, Frozen, Plan, Rival, Splits, Trained

VERSION = 7
LIBRARIES = ("torch", "transformers", "peft", "scikit-learn", "cleanlab")
_LEAST_STEPS, _MOST_PASSES, _FEW_ROWS = 64, 6, 1024
_FEW_TOKENS = 150_000
"""So many may be learnt from whatever the training took: a few minutes of one core with the built-in model."""
_FEW_SECONDS = 300.0
_TOLD = ("trainable", "trainable_tensors", "untouched")
"""Facts of the training that a cause may be read from."""


class ExamineConfig(Frozen):
    """What may be paid to find the cause of a no."""

    share: float = Field(default=0.75, ge=0, le=5)
    """Rows that are learnt from for it, repetitions counted, over those of the training itself (at least 64 steps, but
    for that not more than six passes or, where it is more, 1,024 rows, nor, beyond 150,000 tokens, more than the
    training itself, so that a short training can be told from a wrong one); 0: nothing is trained, causes are told by
    what the run itself measured."""
    time: float = Field(default=1.5, gt=0)
    """No other rival begins once so many times the training's own time is over, or five minutes, whichever is more.
    What was left out stands in the facts."""
    curve: bool = True
    """Whether a linear model is fitted to quarters and halves of the rows, to tell what more rows would bring."""


def observes(*, model: ModelConfig, train: TrainConfig, context: Context) -> dict[str, str]:
    """The base model's files, the device and the number of threads."""
    return {
        "base": resolve(model, context.root).digest,
        "device": device(train.device).name,
        "threads": str(context.threads),
    }


def examine(
    trained: Trained,
    plan: Plan,
    splits: Splits,
    report: EvalReport,
    *,
    examine: ExamineConfig,
    model: ModelConfig,
    train: TrainConfig,
    task: TaskConfig,
    seed: int,
    context: Context,
) -> Examination:
    """What is known of a run that the gate said no to. Nothing that it puts out is served; general data (`replay`) are
    left out of what it trains.
    """
    started = time.monotonic()
    base = resolve(model, context.root)
    material = material_of(base, model.think, plan, splits, train, task, seed)
    # What was spread over processes does not fit into this one, in which all of it would be trained.
    alone = plan.sharding == "none"
    whole = trained.timing.get("seconds", 0.0)
    until = started + max(_FEW_SECONDS, examine.time * whole)
    response, rivals, experts, left_out = (
        _trained_more(trained, plan, material, base, examine, train, seed, context, until)
        if alone
        else (None, [], {}, {})
    )
    seconds = time.monotonic() - started
    return Examination(
        steps=trained.steps,
        evals=trained.evals,
        best_step=trained.best_step,
        stopped=trained.stopped,
        facts={
            **{name: trained.facts[name] for name in _TOLD if name in trained.facts},
            **({"rate_response": response} if response else {}),
            **({"left_out": left_out} if left_out else {}),
            **({} if material.probe.answers else {"free_answers": True}),
        },
        rivals=rivals,
        data_curve=data_curve(splits, task, seed) if examine.curve and report.labels else [],
        classes=classes_of(report, splits, task),
        confused=confused_of(report),
        slices=report.facts.get("slices", []),
        labels=labels_of(splits, task, seed, context),
        tokens=plan.tokens,
        experts=experts,
        scores={name: interval.value for name, interval in report.model.metrics.items()},
        baselines={
            one.name: {name: interval.value for name, interval in one.metrics.items()} for one in report.baselines
        },
        rows={"train": len(material.rows), "dev": report.rows},
        timing={"seconds": round(seconds, 1), "share": round(seconds / whole, 3) if whole else 0.0},
    )


def labels_of(splits: Splits, task: TaskConfig, seed: int, context: Context) -> dict[str, float]:
    """What the audit measured; where it was switched off, what it finds now: wrong labels are no less a cause where
    nobody looked at them. Nothing is changed.
    """
    found = labels_of_audit(splits)
    if found.get("audited", 1.0):
        return found
    looked = audit(splits, audit=AuditConfig(mode="review"), task=task, seed=seed, context=context)
    return labels_of_audit(looked) | {"audited": 0.0}


def _trained_more(
    trained: Trained,
    plan: Plan,
    material: Material,
    base: BaseModelInfo,
    examine: ExamineConfig,
    train: TrainConfig,
    seed: int,
    context: Context,
    until: float,
) -> tuple[dict[str, Any] | None, list[Rival], dict[str, float], dict[str, str]]:
    """The rate response, the rivals, how far experts drifted, and what was left out."""

    def fresh(section: TrainConfig = train) -> Any:
        return prepared(base_weights(base.path, plan), _as(plan, section), section, seed)

    def resumed() -> Any:
        return as_trained(trained, base.path, plan, train, seed)

    layout = Layout.of(fresh(), material.pad, packing=train.packing == "auto")
    # Where memory was short in training it is short here.
    layout = layout.within(int(trained.timing.get("pass_tokens", plan.pass_tokens)))
    passes = max((entry["epoch"] for entry in trained.evals), default=0.0)
    learnt = passes * len(material.rows)
    ground = Ground(
        material.rows, material.probe, plan, Halving(layout), seed, learnt,
        smoothing=train.label_smoothing, max_norm=train.max_grad_norm,
    )  # fmt: skip
    budget = allowed(examine.share, learnt, plan.batch_size, [len(ids) for ids in material.rows.ids])
    case = Case(ground, trained, train, fresh, resumed, budget, partial(context.progress, "examine"), until)
    with repeatable(context.threads), arithmetic(plan.device, plan.precision):
        response, rivals = further(case)
        drift = drifted(case) if examine.share and case.in_time("experts") else {}
        return response, rivals, drift, dict(sorted(case.left_out.items()))


def allowed(share: float, learnt: float, batch: int, lengths: Sequence[int]) -> float:
    """Rows that may be learnt from: `share` of those that the training `learnt` from, or what it takes to tell a cause
    of a short one: 64 steps of `batch` rows, but not more than six passes (1,024 rows, if that is more). Where these
    are many tokens (`lengths`: of each row), that is bounded by what the training itself took.
    """
    if not share or not lengths:
        return 0.0
    least = min(_LEAST_STEPS * batch, max(_MOST_PASSES * len(lengths), _FEW_ROWS))
    few = _FEW_TOKENS * len(lengths) / max(1, sum(lengths))
    return max(share * learnt, min(least, max(few, learnt)))


def _as(plan: Plan, section: TrainConfig) -> Plan:
    """The plan as a rival has it, which may freeze nothing."""
    frozen = section.freeze.layers or section.freeze.embeddings
    return plan if frozen or not plan.frozen else plan.model_copy(update={"frozen": {}})
