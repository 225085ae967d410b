"""The shape of `nano` and how its weights begin."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import DeepseekV3Config, DeepseekV3ForCausalLM


def nano_config(vocab_size: int) -> DeepseekV3Config:
    """The shape of `nano`: one dense layer, then layers of routed and shared experts, all with latent attention."""
    from transformers import DeepseekV3Config

    return DeepseekV3Config(
        vocab_size=vocab_size,
        hidden_size=192,
        num_hidden_layers=4,
        first_k_dense_replace=1,
        intermediate_size=512,
        moe_intermediate_size=112,
        n_routed_experts=8,
        num_experts_per_tok=2,
        n_shared_experts=1,
        n_group=1,
        topk_group=1,
        routed_scaling_factor=1.0,
        norm_topk_prob=True,
        num_attention_heads=4,
        num_key_value_heads=4,
        q_lora_rank=None,
        kv_lora_rank=128,
        qk_nope_head_dim=32,
        qk_rope_head_dim=16,
        v_head_dim=48,
        max_position_embeddings=1024,
        initializer_range=0.05,
        tie_word_embeddings=True,
        num_mtp_layers=0,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
    )


def new_model(vocab_size: int, seed: int) -> DeepseekV3ForCausalLM:
    """A randomly initialised `nano`; what the pretrained one is measured against."""
    import torch
    from transformers import DeepseekV3ForCausalLM

    torch.manual_seed(seed)
    return DeepseekV3ForCausalLM(nano_config(vocab_size))


def lean_towards_copying(model: DeepseekV3ForCausalLM) -> None:
    """Start each attention so that a token looks for its like and passes on what it finds.

    Queries begin as the transposed counterpart of keys, and the output map as that of values, so both products are
    symmetric and positive (in the spirit of Trockman and Kolter, arXiv 2305.09828). From a plain random start, nothing
    was copied yet after a million tokens.
    """
    import torch

    config = model.config
    nope, value, rope = config.qk_nope_head_dim, int(config.v_head_dim or 0), config.qk_rope_head_dim
    with torch.no_grad():
        for layer in model.model.layers:
            attention = layer.self_attn
            latent = attention.kv_a_proj_with_mqa.weight[: config.kv_lora_rank]
            heads = (attention.kv_b_proj.weight @ latent).view(-1, nope + value, config.hidden_size)
            scale = config.initializer_range / heads.std()
            queries = attention.q_proj.weight.view(-1, nope + rope, config.hidden_size)
            queries[:, :nope] = scale * heads[:, :nope]
            attention.o_proj.weight.copy_(scale * heads[:, nope:].reshape(-1, config.hidden_size).T)
