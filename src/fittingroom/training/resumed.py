"""The weights that a training ended with, ready to learn on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fittingroom.models.experts import with_saved
from fittingroom.models.load import load_model
from fittingroom.training.config import TrainConfig
from fittingroom.training.fit import base_weights, prepared
from fittingroom.types import Plan, Trained


def as_trained(trained: Trained, base: Path, plan: Plan, train: TrainConfig, seed: int) -> Any:
    """The model with the kept weights in place; the same tensors learn as in the training."""
    folder = trained.weights.path
    if plan.method == "full":
        return prepared(load_model(folder, stored="fp32", device=plan.device), plan, train, seed)
    if plan.method == "experts":
        return prepared(with_saved(base_weights(base, plan), folder), plan, train, seed)
    ready = prepared(base_weights(base, plan), plan, train, seed)
    _put_in(ready, folder / "adapter_model.safetensors")
    return ready


def _put_in(model: Any, file: Path) -> None:
    """Adapters from their file into a model that has fresh ones."""
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    set_peft_model_state_dict(model, load_file(str(file), device=str(model.device)))
