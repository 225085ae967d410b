"""A random model of each architecture, with the tokenizer of `tiny_model`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from tiny_model import tiny_folder

_DENSE = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 512, "initializer_range": 0.2, "tie_word_embeddings": False,
}  # fmt: skip
_MIXTURE = {
    **_DENSE, "num_key_value_heads": 4, "moe_intermediate_size": 16, "n_routed_experts": 4, "num_experts_per_tok": 2,
    "n_shared_experts": 1, "first_k_dense_replace": 1, "kv_lora_rank": 16, "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 8, "v_head_dim": 8, "n_group": 1, "topk_group": 1,
}  # fmt: skip
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": _DENSE,
    "qwen2": _DENSE,
    "qwen3": {**_DENSE, "head_dim": 8},
    "deepseek_v2": {**_MIXTURE, "q_lora_rank": None},
    "deepseek_v3": {**_MIXTURE, "q_lora_rank": 16, "head_dim": 8},
}


def family_folder(kind: str, folder: Path, **changes: int) -> Path:
    """Write a model of this architecture into a folder; `changes` replace keys of its configuration."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    folder.mkdir()
    base = tiny_folder()
    for file in base.iterdir():
        if file.name not in ("config.json", "generation_config.json") and file.suffix != ".safetensors":
            shutil.copy(file, folder)
    words = len(AutoTokenizer.from_pretrained(base))
    torch.manual_seed(11)
    said = {"vocab_size": words, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2, **FAMILIES[kind], **changes}
    config = AutoConfig.for_model(kind, **said)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return folder
