"""What weights and optimiser take by method, from a model's sizes alone; and whether this machine can hold it at all.

Full 16 bytes a weight (fp32 weight, gradient, two moments); LoRA the frozen weights in bf16, and 16 bytes for each
weight of an adapter; QLoRA 0.53 bytes a weight (4-bit NF4 with its scales), but 2 for embedding, head and, in
transformers 5, for experts, and the adapters. What a training takes besides is reckoned by `memory.estimate`.
"""

from __future__ import annotations

from fittingroom.errors import ModelError
from fittingroom.models.anatomy import Anatomy
from fittingroom.models.device import main_memory
from fittingroom.models.memory import Method

METHODS: tuple[Method, ...] = ("lora", "qlora", "full")
LOADED = 4
"""Bytes a weight takes while it is looked at before training and merged after it (fp32)."""
_HALF = 2
_NF4 = 0.53
_LEARNING = 16


def state_bytes(sizes: Anatomy, method: Method, *, rank: int) -> int:
    """Bytes of weights, gradients and optimiser, with adapters of this rank."""
    if method == "full":
        return _LEARNING * sizes.parameters
    adapters = _LEARNING * rank * sizes.lora_per_rank
    if method == "lora":
        return _HALF * sizes.parameters + adapters
    whole = sizes.tables + sizes.experts
    return round(_NF4 * (sizes.parameters - whole) + _HALF * whole) + adapters


def refuse_too_large(parameters: int, place: str, each: int = LOADED) -> None:
    """Before a weight is read: refuse a model that this machine cannot even hold, at `each` bytes a weight. Raises
    ModelError.
    """
    need, have = each * parameters, main_memory()
    if need > have:
        raise ModelError(
            f"its {parameters / 1e9:.3g} billion weights take {need / 2**30:,.1f} GiB once loaded, and this machine "
            f"has {have / 2**30:,.1f} GiB: choose a smaller model (see `fittingroom models`) or a larger machine",
            f"其 {parameters / 1e8:,.3g} 亿个权重加载后占 {need / 2**30:,.1f} GiB，"
            f"而本机只有 {have / 2**30:,.1f} GiB："
            "请选择更小的模型（见 `fittingroom models`）或更大的机器",
            place=place,
        )
