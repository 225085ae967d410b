"""Where adapters go: attention (and dense MLP) projections of each family, never the router of a mixture.

Source: peft issue 3711 and own measurement: on DeepSeek-V2/V3 `all-linear` wraps the router and the experts' gate, so a
target list is a regular expression here, and what it hits is checked before training.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fittingroom.errors import ModelError
from fittingroom.models.catalog import FAMILIES

if TYPE_CHECKING:
    from torch.nn import Module
    from transformers import PreTrainedModel

_ROUTER = re.compile(r"(^|\.)mlp\.gate(\.|$)")
_INDEXER = re.compile(r"(^|\.)indexer\.")


def is_router(name: str) -> bool:
    """Whether a parameter or module name belongs to the router of a mixture of experts."""
    return _ROUTER.search(name) is not None


def lora_targets(model: PreTrainedModel) -> list[str]:
    """Full names of the linear layers that get an adapter. Raises ModelError for an unknown family or when none
    match.
    """
    from torch.nn import Linear

    family = FAMILIES.get(str(model.config.model_type))
    if family is None:
        raise ModelError(
            f"no LoRA targets are known for the model type '{model.config.model_type}': set train.method to full",
            f"不知道模型类型“{model.config.model_type}”的 LoRA 目标层：请把 train.method 设为 full",
            place="model.base",
        )
    pattern = re.compile(family.lora_targets)
    found = [
        name
        for name, module in model.named_modules()
        if isinstance(module, Linear) and pattern.fullmatch(name) and not is_router(name)
    ]
    if not found:
        raise ModelError(
            "none of the model's layers matches the LoRA targets of its family: set train.method to full",
            "模型中没有任何层符合该系列的 LoRA 目标：请把 train.method 设为 full",
            place="model.base",
        )
    return found


def is_indexer(name: str) -> bool:
    """Whether a parameter or module name belongs to what picks the tokens that V3.2 and V4 attend to."""
    return _INDEXER.search(name) is not None


def freeze_choosers(model: Module) -> int:
    """Stop from learning what only chooses; returns how many tensors. The router: a few domain rows would unbalance the
    experts. The indexer: no gradient goes through its choice (transformers computes it without one).
    """
    frozen = 0
    for name, parameter in model.named_parameters():
        if is_router(name) or is_indexer(name):
            parameter.requires_grad_(False)
            frozen += 1
    return frozen
