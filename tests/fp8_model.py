"""A tiny model whose weights are stored as DeepSeek-V3 stores them: FP8 in blocks of 128 x 128, a scale for each."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def store_as_fp8(source: Path, target: Path) -> dict[str, Tensor]:
    """Copy a folder, its linear layers in FP8; returns the weights as they are then worth, by name."""
    import torch
    from safetensors.torch import load_file, save_file

    shutil.copytree(source, target)
    plain = load_file(target / "model.safetensors")
    stored, worth = {}, {}
    for name, weight in plain.items():
        worth[name] = weight
        if weight.dim() != 2 or "embed" in name or "lm_head" in name or name.endswith("mlp.gate.weight"):
            stored[name] = weight
            continue
        assert max(weight.shape) <= 128  # one block
        scale = weight.abs().max().reshape(1, 1) / 448.0
        stored[name] = (weight / scale).to(torch.float8_e4m3fn)
        stored[name + "_scale_inv"] = scale.float()
        worth[name] = stored[name].float() * scale
    save_file(stored, target / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((target / "config.json").read_text())
    config["quantization_config"] = {
        "activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8", "weight_block_size": [128, 128],
    }  # fmt: skip
    (target / "config.json").write_text(json.dumps(config))
    return worth
