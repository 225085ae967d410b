"""Layers that do not learn at first, and begin to one after the other, the topmost first.

Source: Howard and Ruder, ULMFiT, arXiv 1801.06146, section 3.3 (gradual unfreezing). What is frozen takes no gradient,
so that the way back ends above it; what never learns is in no optimizer and no checkpoint. Which layer learns in which
step follows from the plan and the step alone, so a training that is taken up again goes on the same.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from fittingroom.errors import RecipeError
from fittingroom.training.config import FreezeConfig

if TYPE_CHECKING:
    from torch.nn import Parameter

NEVER = -1
EMBEDDINGS = "embeddings"
_LAYER = re.compile(r"(?:^|\.)layers\.(\d+)\.")
_WAITS = "_waits_to_learn"
"""Attribute of a weight that will learn, but not yet."""


def plan_of(freeze: FreezeConfig, *, layers: int, steps: int, full: bool) -> dict[str, int]:
    """`{"layer 2": step, ..., "embeddings": step}`: what is frozen, the topmost first, and from which step (from 0) on
    it learns; NEVER: not at all. Raises RecipeError when the model has too few layers.
    """
    if freeze.layers > layers or (not full and freeze.layers == layers):
        most = layers if full else layers - 1
        raise RecipeError(
            f"the base model has {layers} layers, of which at most {most} can be frozen: choose a smaller value",
            f"基础模型有 {layers} 层，最多可冻结 {most} 层：请改用更小的值",
            place=f"train.freeze.layers = {freeze.layers}",
        )
    groups = [f"layer {number}" for number in reversed(range(freeze.layers))]
    if full and (freeze.embeddings or freeze.layers):
        groups.append(EMBEDDINGS)
    if freeze.unfreeze_after is None:
        return dict.fromkeys(groups, NEVER)
    first, over = freeze.unfreeze_after * steps, freeze.unfreeze_over * steps
    gaps = max(1, len(groups) - 1)
    return {name: min(steps - 1, math.ceil(first + over * at / gaps)) for at, name in enumerate(groups)}


class Freezing:
    """The frozen weights of one model, which are let go as the steps go by."""

    def __init__(self, model: Any, frozen: dict[str, int]) -> None:
        self.released = {name: step for name, step in frozen.items() if step >= 0}
        self.groups: dict[str, list[Parameter]] = {name: [] for name in frozen}
        table = model.get_input_embeddings().weight
        for name, value in model.named_parameters():
            group = _group(name, value is table)
            if group in self.groups and waits_or_learns(value):
                self.groups[group].append(value)
        for name, step in frozen.items():
            for value in self.groups[name]:
                value.requires_grad_(False)
                setattr(value, _WAITS, step != NEVER)

    def at(self, step: int) -> None:
        """Let learn what learns in this step (from 0), and nothing else of the frozen."""
        for name, from_step in self.released.items():
            _set(self.groups[name], step >= from_step)

    def thaw(self) -> None:
        """All that will ever learn, for whoever needs to know them all (the optimizer)."""
        for name in self.released:
            _set(self.groups[name], True)


def waits_or_learns(value: Any) -> bool:
    """Whether a weight learns now or will later."""
    return bool(value.requires_grad or getattr(value, _WAITS, False))


def _set(values: Iterable[Any], learns: bool) -> None:
    for value in values:
        value.requires_grad_(learns)


def _group(name: str, table: bool) -> str:
    if table:
        return EMBEDDINGS
    found = _LAYER.search(name)
    return f"layer {found.group(1)}" if found else ""
