"""Four-bit base weights for QLoRA: NF4 with double quantisation, multiplied in bfloat16 (bitsandbytes).

Source: Dettmers et al., QLoRA, arXiv 2305.14314. Only linear layers are quantised. transformers 5 keeps the experts of
a mixture as fused three-dimensional tensors, which bitsandbytes leaves in bfloat16 (bitsandbytes issue 1849): of such a
model QLoRA saves little, and `quantisable` says how little before anything is loaded.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

from fittingroom.errors import ModelError

if TYPE_CHECKING:
    from fittingroom.models.device import Device

NF4_BYTES = 0.53
"""Bytes of a weight: 4 bits, and the block scales (64 weights each), quantised again."""


def demand(device: Device) -> None:
    """Raises ModelError where QLoRA cannot be trained, before anything is loaded."""
    if device.kind != "cuda":
        raise ModelError(
            f"QLoRA needs an NVIDIA GPU (CUDA), and training would run on {device.name}: set train.method to lora, or "
            "train on a machine with such a GPU",
            f"QLoRA 需要 NVIDIA 显卡（CUDA），而训练将在 {device.name} 上进行：请把 train.method 设为 lora，"
            "或换一台有此类显卡的机器",
            place="train.method = qlora",
        )
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ModelError(
            "QLoRA needs the package bitsandbytes, which is not installed: pip install 'fittingroom[qlora]', or set "
            "train.method to lora",
            "QLoRA 需要安装 bitsandbytes：pip install 'fittingroom[qlora]'，或把 train.method 设为 lora",
            place="train.method = qlora",
        )


def loading(kind: str) -> dict[str, Any]:
    """Arguments with which transformers loads a model in four bits on a kind of device."""
    import torch
    from transformers import BitsAndBytesConfig

    nf4 = BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    return {"quantization_config": nf4, "dtype": torch.bfloat16, "device_map": {"": kind}}


def quantisable(model: Any) -> tuple[int, int]:
    """Weights of a model (not quantised yet) that four bits would hold, and all its weights: linear layers but the
    head.
    """
    from torch.nn import Linear

    head = model.get_output_embeddings()
    inside = sum(
        module.weight.numel() for module in model.modules() if isinstance(module, Linear) and module is not head
    )
    return inside, sum(value.numel() for value in model.parameters())


def parameters(model: Any) -> int:
    """Weights of a model; a byte of a four-bit tensor holds two, and its own `numel` would count bytes."""
    return sum(_weights(value) for value in model.parameters())


def _weights(value: Any) -> int:
    state = getattr(value, "quant_state", None)
    return int(value.numel()) if state is None else int(state.shape.numel())


def stored_bytes(model: Any) -> dict[str, int]:
    """Bytes of a model's weights by number format, as they lie in memory."""
    found: dict[str, int] = {}
    for value in model.parameters():
        name = "nf4" if getattr(value, "quant_state", None) is not None else str(value.dtype).removeprefix("torch.")
        found[name] = found.get(name, 0) + value.numel() * value.element_size()
    return found
