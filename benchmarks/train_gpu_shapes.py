"""The models of `train_gpu.py`, the operations that training them asks for, and what a device can do."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any, NamedTuple

import train_material as material

PEAKS = {
    "B200": 2250e12, "H200": 989e12, "H100 PCIe": 756e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12, "L4": 121e12,
    "A10": 125e12, "RTX 4090": 165e12, "RTX 3090": 71e12,
}  # fmt: skip
"""bf16 operations a second without sparsity, by a part of the device's name; the first that fits counts."""
_QWEN = {"num_key_value_heads": 2, "max_position_embeddings": 8192, "rope_theta": 10000.0, "tie_word_embeddings": False}
SHAPES: dict[str, tuple[str, dict[str, Any]]] = {
    "1.5B": ("Qwen2", {
        **_QWEN, "vocab_size": 151936, "hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28,
        "num_attention_heads": 12,
    }),
    "7B": ("Qwen2", {
        **_QWEN, "vocab_size": 152064, "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28,
        "num_attention_heads": 28, "num_key_value_heads": 4,
    }),
    # With the vocabulary of V3, whose tokenizer is at hand, in the place of its own 102,400 words.
    "V2-Lite": ("DeepseekV2", {
        "vocab_size": 129280, "hidden_size": 2048, "intermediate_size": 10944, "moe_intermediate_size": 1408,
        "num_hidden_layers": 27, "num_attention_heads": 16, "num_key_value_heads": 16, "n_routed_experts": 64,
        "num_experts_per_tok": 6, "n_shared_experts": 2, "n_group": 1, "topk_group": 1, "first_k_dense_replace": 1,
        "kv_lora_rank": 512, "q_lora_rank": None, "qk_rope_head_dim": 64, "qk_nope_head_dim": 128, "v_head_dim": 128,
        "max_position_embeddings": 8192, "rope_theta": 10000.0,
    }),
}  # fmt: skip
TOKENIZER = {"Qwen2": "DeepSeek-R1-Distill-Qwen-1.5B", "DeepseekV2": "DeepSeek-V3"}
_TOY = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 2}
TOYS = {
    "Qwen2": {**_TOY, "num_key_value_heads": 2},
    "DeepseekV2": {
        **_TOY, "num_key_value_heads": 2, "moe_intermediate_size": 32, "n_routed_experts": 4, "num_experts_per_tok": 2,
        "n_shared_experts": 1, "kv_lora_rank": 16, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 8,
    },
}  # fmt: skip


class Model(NamedTuple):
    """A shape with its tokenizer, and what its operations are counted from."""

    name: str
    folder: Path
    family: str
    shape: dict[str, Any]
    parameters: int
    active: float
    head: float
    per_pair: float
    targets: list[str]


def model_of(name: str, work: Path, dry: bool) -> Model:
    """A model's folder (tokenizer and configuration; the weights are made where they are trained) and figures."""
    import gzip

    import torch
    import transformers

    from fittingroom.models.costs import Costs, active_parameters
    from fittingroom.models.nano import nano_path
    from fittingroom.models.targets import lora_targets

    family, shape = SHAPES[name]
    folder = work / f"model-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    source = nano_path() if dry else material.TOKENIZERS / TOKENIZER[family]
    shutil.copy(source / "tokenizer_config.json", folder)
    packed = source / "tokenizer.json.gz"
    text = gzip.decompress(packed.read_bytes()) if packed.exists() else (source / "tokenizer.json").read_bytes()
    (folder / "tokenizer.json").write_bytes(text)
    if dry:
        words = json.loads((source / "config.json").read_text(encoding="utf-8"))["vocab_size"]
        shape = {**shape, **TOYS[family], "vocab_size": words}
    config = getattr(transformers, f"{family}Config")(**shape)
    config.save_pretrained(folder)
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config)
    return Model(
        name, folder, family, shape, model.num_parameters(), active_parameters(model),
        float(model.get_output_embeddings().weight.numel()), Costs.of(model).per_pair, lora_targets(model),
    )  # fmt: skip


def operations(model: Model, method: str, tokens: float, pairs: float, answers: float) -> float:
    """Floating-point operations of training on so many tokens (see the head of this file)."""
    times = 3 if method == "full" else 2
    return times * 2 * (model.active * tokens + model.head * answers) + 3 * model.per_pair * pairs


def peak(device: str) -> tuple[float, str]:
    """bf16 operations a second of a device, and where the figure is from."""
    for part, rate in PEAKS.items():
        if part in device:
            return rate, f"data sheet of {part}"
    return measured_peak(), "a matrix product measured here"


def measured_peak() -> float:
    """Operations a second of a large matrix product: bf16 on a GPU, float32 on a CPU."""
    import torch

    gpu = torch.cuda.is_available()
    size, kind = (8192, torch.bfloat16) if gpu else (512, torch.float32)
    left = torch.randn(size, size, dtype=kind, device="cuda" if gpu else "cpu")
    best = 0.0
    for _ in range(10):
        began = time.perf_counter()
        left @ left
        if gpu:
            torch.cuda.synchronize()
        best = max(best, 2 * size**3 / (time.perf_counter() - began))
    return best


def fits(model: Model, method: str, memory: float) -> bool:
    """Whether weights, gradients and AdamW's two moments leave room for anything else."""
    return model.parameters * (16 if method == "full" else 2.2) / 2**30 < 0.9 * memory
