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
# Sixteen heads of the indexer: with a few, the scores of several tokens are zero, and which of them is chosen is a
# matter of the padding. Six tokens of a row are chosen, so that the choice has a say.
_INDEXED = {"index_n_heads": 16, "index_head_dim": 8, "index_topk": 6}
_V4 = {  # every kind of attention, and both kinds of router
    "hidden_size": 32, "moe_intermediate_size": 16, "num_hidden_layers": 4, "num_attention_heads": 4, "head_dim": 16,
    "n_routed_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 1, "max_position_embeddings": 512,
    "initializer_range": 0.2, "tie_word_embeddings": False, "q_lora_rank": 16, "o_groups": 2, "o_lora_rank": 8,
    "sliding_window": 8, "hc_mult": 2, "hc_sinkhorn_iters": 3, "partial_rotary_factor": 0.5, **_INDEXED,
    "index_topk": 3, "compress_rates": {"compressed_sparse_attention": 4, "heavily_compressed_attention": 8},
    "layer_types": [
        "sliding_attention", "compressed_sparse_attention", "heavily_compressed_attention",
        "compressed_sparse_attention",
    ],
    "mlp_layer_types": ["hash_moe", "moe", "moe", "moe"],
}  # fmt: skip
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": _DENSE,
    "qwen2": _DENSE,
    "qwen3": {**_DENSE, "head_dim": 8},
    "deepseek_v2": {**_MIXTURE, "q_lora_rank": None},
    "deepseek_v3": {**_MIXTURE, "q_lora_rank": 16, "head_dim": 8},
    "deepseek_v32": {**_MIXTURE, "q_lora_rank": 16, "head_dim": 8, **_INDEXED},
    "deepseek_v4": _V4,
}


def family_model(kind: str, words: int, **changes: Any) -> Any:
    """A random model of this architecture with `words` words; `changes` replace keys of its configuration."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(11)
    model = AutoModelForCausalLM.from_config(
        AutoConfig.for_model(kind, vocab_size=words, **{**FAMILIES[kind], **changes})
    )
    for name, table in model.named_buffers():
        if name.endswith("tid2eid"):  # the experts of every word, which V4's own checkpoints hold
            chosen = torch.rand(table.shape[0], int(model.config.n_routed_experts)).argsort(-1)
            table.copy_(chosen[:, : table.shape[1]])
    return model


def family_folder(kind: str, folder: Path, **changes: Any) -> Path:
    """Write a model of this architecture into a folder; `changes` replace keys of its configuration."""
    from transformers import AutoTokenizer

    folder.mkdir()
    base = tiny_folder()
    for file in base.iterdir():
        if file.name not in ("config.json", "generation_config.json") and file.suffix != ".safetensors":
            shutil.copy(file, folder)
    words = int(changes.pop("vocab_size", len(AutoTokenizer.from_pretrained(base))))
    marks = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
    family_model(kind, words, **{**marks, **changes}).save_pretrained(folder)
    return folder
