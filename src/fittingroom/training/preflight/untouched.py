"""A model that is looked at and handed back as it was: weights, modules, flags, mode, random state.

Adapters that are put on for a measurement replace modules in place. Instead of trusting that whoever put them on can
take them off again (it may have failed half-way), what every module held is noted and put back.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def undisturbed(model: Any) -> Iterator[None]:
    """Whatever happens inside, the model leaves as it came: evaluation mode inside, everything put back after.

    No weight is copied: inside, weights of the base may not be written to.
    """
    import torch

    from fittingroom.training.fit import repeatable

    held = [(module, type(module), _copied(vars(module))) for module in model.modules()]
    flags = [(parameter, parameter.requires_grad, parameter.grad) for parameter in model.parameters()]
    settings = [(one, _copied(vars(one))) for one in (model.config, model.generation_config) if one is not None]
    try:
        devices = [model.device] if model.device.type == "cuda" else []
        with torch.random.fork_rng(devices), repeatable(torch.get_num_threads()):
            torch.manual_seed(0)
            model.eval()
            yield
    finally:
        for module, kind, values in held:
            module.__class__ = kind
            _put_back(module, values)
        for one, values in settings:
            _put_back(one, values)
        for parameter, learns, gradient in flags:
            parameter.requires_grad_(learns)
            parameter.grad = gradient


def _copied(values: dict[str, Any]) -> dict[str, Any]:
    """Containers one level deep: a module's tables of parts, hooks and parameters."""
    return {name: value.copy() if isinstance(value, dict | set | list) else value for name, value in values.items()}


def _put_back(thing: Any, values: dict[str, Any]) -> None:
    vars(thing).clear()
    vars(thing).update(values)
