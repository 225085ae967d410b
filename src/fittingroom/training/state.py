"""Everything a training consists of beside its data, as tensors and JSON values, and back."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from fittingroom.training.freezing import waits_or_learns
from fittingroom.training.ranks import ALONE, Ranks, local, whole

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


def trainable(model: Module) -> dict[str, Tensor]:
    """The tensors that learn, now or once they are unfrozen, by name (no copies)."""
    return {name: value for name, value in model.named_parameters() if waits_or_learns(value)}


def copied(model: Module, ranks: Ranks = ALONE, into: dict[str, Tensor] | None = None) -> dict[str, Tensor]:
    """Copies of the tensors that learn, whole and on the CPU; of several processes the main one keeps them.

    `into`: earlier copies, which are overwritten and returned: two sets of them never take memory at once.
    """
    return _kept(((name, value.detach()) for name, value in trainable(model).items()), ranks, into)


def _kept(
    values: Iterable[tuple[str, Tensor]], ranks: Ranks, into: dict[str, Tensor] | None = None
) -> dict[str, Tensor]:
    found = {} if into is None else into
    for name, value in values:
        full = whole(value) if ranks.sharded else value
        if ranks.main and name in found:
            found[name].copy_(full)
        elif ranks.main:
            found[name] = full.to("cpu", copy=True)
    return found


def restore(model: Module, weights: Mapping[str, Tensor]) -> None:
    """Put copies back."""
    import torch

    with torch.no_grad():
        for name, value in trainable(model).items():
            local(value).copy_(local(_like(weights[name], value)))


def _like(given: Tensor, value: Any) -> Any:
    """A whole tensor as `value` lies: of one that is sharded this process takes its part."""
    if not hasattr(value, "device_mesh"):
        return given
    from torch.distributed.tensor import distribute_tensor

    at = given.to(device=value.device, dtype=value.dtype)
    return distribute_tensor(at, value.device_mesh, value.placements, src_data_rank=None)


def optimizer_tensors(model: Module, optimizer: Any, ranks: Ranks = ALONE) -> dict[str, Tensor]:
    """Moments and step counts of Adam, as `parameter|field`; whole, and kept by the main process."""
    lying = (
        (f"{name}|{key}", item.detach())
        for name, value in trainable(model).items()
        for key, item in optimizer.state.get(value, {}).items()
    )
    return _kept(lying, ranks)


def restore_optimizer(model: Module, optimizer: Any, tensors: Mapping[str, Tensor]) -> None:
    """Put Adam's moments back on the device of their weights; step counts stay where Adam wants them, on the CPU."""
    own = trainable(model)
    fused = any(group.get("fused") for group in optimizer.param_groups)
    for key, item in tensors.items():
        name, _, part = key.rpartition("|")
        value = own[name]
        device = value.device if part != "step" or fused else "cpu"
        lies = item if part == "step" else _like(item, value)
        optimizer.state[value][part] = lies.to(device, copy=True)


def untouched(model: Module, optimizer: Any) -> list[str]:
    """Tensors that should learn and never had a gradient: Adam's mean of squares is zero or was never made. What is
    still frozen was not to have one. Of sharded tensors the part of this process is looked at.
    """
    found = []
    for name, value in trainable(model).items():
        if not value.requires_grad:
            continue
        squares = optimizer.state.get(value, {}).get("exp_avg_sq")
        if squares is None or not bool(local(squares).any()):
            found.append(name)
    return found


def random_state() -> tuple[dict[str, Tensor], dict[str, Any]]:
    """State of every generator that may be drawn from: torch's (and the GPU's, CUDA or MPS), numpy's, Python's."""
    import numpy as np
    import torch

    tensors = {"torch": torch.get_rng_state()}
    if torch.cuda.is_available():
        tensors["cuda"] = torch.cuda.get_rng_state()
    if torch.backends.mps.is_available():
        tensors["mps"] = torch.mps.get_rng_state()
    name, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    version, numbers, gauss = random.getstate()
    values = {
        "numpy": [str(name), [int(key) for key in keys], int(position), int(has_gauss), float(cached)],
        "python": [version, list(numbers), gauss],
    }
    return tensors, values


def restore_random(tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
    """Put the generators back."""
    import numpy as np
    import torch

    torch.set_rng_state(tensors["torch"])
    if "cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["cuda"])
    if "mps" in tensors and torch.backends.mps.is_available():
        torch.mps.set_rng_state(tensors["mps"])
    name, keys, position, has_gauss, cached = values["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), position, has_gauss, cached))
    version, numbers, gauss = values["python"]
    random.setstate((version, tuple(numbers), gauss))


def random_text() -> str:
    """The same as one text, to be sent to another process."""
    tensors, values = random_state()
    return json.dumps({"tensors": {name: bytes(value.tolist()).hex() for name, value in tensors.items()}, **values})


def restore_random_text(text: str) -> None:
    """Put the generators back from such a text."""
    import torch

    values = json.loads(text)
    tensors = values.pop("tensors")
    restore_random(
        {name: torch.frombuffer(bytearray.fromhex(hexed), dtype=torch.uint8) for name, hexed in tensors.items()}, values
    )
