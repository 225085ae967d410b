"""Preflight of mechanics: weights, adapters, gradients, attention, saving.

A few short rows, cut from real ones, go through the very model; it is handed back as it came (see `untouched`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fittingroom.training.preflight import attention, files, gradients, storage, wrapped
from fittingroom.training.preflight.few import few, size_for
from fittingroom.training.preflight.untouched import undisturbed

if TYPE_CHECKING:
    from fittingroom.training.config import TrainConfig
    from fittingroom.training.preflight import Measured, Subject
    from fittingroom.training.preflight.wrapped import Adapt
    from fittingroom.training.rows import Encoded


def measured(subject: Subject) -> Measured:
    """Checks that put a few short rows through the model itself."""
    model = subject.model
    rows = few(subject.rows, size_for(model.num_parameters()))
    checks = {
        "weights": storage.weights(model),
        "stored": storage.stored(model, subject.folder),
        "padding": {**storage.padding(model, subject.layout.pad), **files.padding(subject.folder)},
        "device": storage.device(subject.train.device, subject.sharing),
        **as_trained(subject, rows, wrapped.as_planned(subject.train, dict(subject.experts))),
    }
    if str(subject.train.method) == "qlora":
        checks["four_bit"] = storage.in_four_bit(model)
    with undisturbed(model):
        checks["saving"] = {**storage.saving(model), **files.generation(subject.folder)}
        if len(rows) > 1:
            checks["batch"] = attention.batch(model, rows, subject.layout.pad)
    return checks


def as_trained(subject: Subject, rows: Encoded, adapt: Adapt) -> Measured:
    """What is measured on the model as it would be trained; `adapt` makes it so."""
    model, train, layout = subject.model, subject.train, subject.layout
    tied = wrapped.shared_table(model)
    with undisturbed(model):
        try:
            adapted = adapt(model)
        except (ValueError, NotImplementedError) as error:  # what peft raises for what it cannot put on
            return {"adapters": {"refused": 1.0, "dropout": float("dropout" in str(error))}}
        adapted.eval()
        checks: dict[str, dict[str, float]] = {
            "adapters": {"refused": 0.0, **wrapped.places(adapted)},
            "tying": {"lost": float(_declared(model) and not (tied and wrapped.shared_table(adapted)))},
            "precision": wrapped.precision(adapted, train),
        }
        if not len(rows):
            return checks
        checks["learning"] = wrapped.learning(adapted, layout, rows)
        gradients.stirred(adapted)
        if len(rows) > 1:
            checks["accumulation"] = gradients.accumulation(adapted, layout, rows, train.label_smoothing)
            checks["packing"] = gradients.packing(adapted, layout, rows, train.label_smoothing)
    return {name: values for name, values in checks.items() if values}


def as_stored(adapted: Any, train: TrainConfig) -> Measured:
    """What depends on the type that weights are held in and on the rate, on the very model that training starts from
    (see `fit.prepared`); `train` names the rate of the plan.
    """
    return {"weights": storage.weights(adapted), "precision": wrapped.precision(adapted, train)}


def _declared(model: Any) -> bool:
    """Whether the model's own settings say that embeddings and head are one."""
    return bool(getattr(model.config, "tie_word_embeddings", False))
