"""The numbers of a model that memory depends on, read from a configuration alone: no weights are loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fittingroom.models.catalog import FAMILIES
from fittingroom.models.targets import is_router, lora_targets

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Shape:
    """Widths and counts of a causal language model."""

    parameters: int
    router: int
    """Weights of the routers, which never learn."""
    tables: int
    """Weights of the embedding and the head (once where they are the same)."""
    experts: int
    """Weights of the routed experts; they stand in fused tensors, which no 4-bit quantisation of linear layers sees."""
    layers: int
    hidden: int
    vocabulary: int
    heads: int
    key_heads: int
    """Heads of keys and values, each shared by as many heads of queries; with latent attention all have their own."""
    query_width: int
    """Of all heads together."""
    shared_width: int
    """Of keys and values, all their heads together."""
    value_width: int
    """Of the heads that values have, together."""
    normed: int
    """What a layer keeps of the norms inside attention: of latent vectors, of queries and keys; 0 without such."""
    unequal: bool
    """Whether queries and values of a head differ in width: then a CPU computes attention with all weights kept."""
    dense: int
    """Sum over the layers of the inner width of the dense MLP (of mixtures: the shared experts)."""
    chosen: int
    """Sum over the layers of the inner widths of the experts that a token is sent to."""
    sent: int
    """Sum over the layers of the number of experts that a token is sent to."""
    routed: int
    """Sum over the layers of the number of experts that the router weighs."""
    adapters: int
    """Inputs and outputs of all linear layers that LoRA wraps, added up: times the rank, the weights of adapters."""
    adapter_inputs: int
    """Inputs alone."""
    wrapped: int
    """How many layers these are."""
    wraps_mlp: bool
    """Whether those of the MLP are among them."""
    bytes_per_weight: int = 4
    """As loaded."""

    @classmethod
    def of(cls, model: PreTrainedModel) -> Shape:
        """Read from a model, with or without weights."""
        config: Any = model.config
        named = list(model.named_parameters())
        tables = {id(table.weight): table.weight for table in _tables(model)}
        heads = int(config.num_attention_heads)
        key_heads = _key_heads(config)
        query, shared, value, normed = _attention(config, heads, key_heads)
        dense, chosen, sent, routed = _mlp(model)
        wrapped = _wrapped(model)
        return cls(
            parameters=sum(weight.numel() for _, weight in named),
            router=sum(weight.numel() for name, weight in named if is_router(name)),
            tables=sum(weight.numel() for weight in tables.values()),
            experts=sum(weight.numel() for name, weight in named if _is_expert(name)),
            layers=int(config.num_hidden_layers),
            hidden=int(config.hidden_size),
            vocabulary=int(config.vocab_size),
            heads=heads,
            key_heads=key_heads,
            query_width=query,
            shared_width=shared,
            value_width=value,
            normed=normed,
            unequal=query // heads != value // key_heads,
            dense=dense,
            chosen=chosen,
            sent=sent,
            routed=routed,
            adapters=sum(layer.in_features + layer.out_features for layer in wrapped.values()),
            adapter_inputs=sum(layer.in_features for layer in wrapped.values()),
            wrapped=len(wrapped),
            wraps_mlp=any(".mlp." in name for name in wrapped),
            bytes_per_weight=named[0][1].element_size(),
        )

    @classmethod
    def from_config(cls, config: Any) -> Shape:
        """Read from a transformers configuration: the model is built without memory for its weights (4 bytes each)."""
        import torch
        from transformers import AutoModelForCausalLM

        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config, trust_remote_code=False, dtype=torch.float32)
        return cls.of(model)


def _tables(model: Any) -> list[Any]:
    return [table for table in (model.get_input_embeddings(), model.get_output_embeddings()) if table is not None]


def _is_expert(name: str) -> bool:
    return ".experts." in name and "shared" not in name


def _is_latent(config: Any) -> bool:
    return bool(getattr(config, "kv_lora_rank", None))


def _key_heads(config: Any) -> int:
    heads = int(config.num_attention_heads)
    return heads if _is_latent(config) else int(getattr(config, "num_key_value_heads", None) or heads)


def _attention(config: Any, heads: int, key_heads: int) -> tuple[int, int, int, int]:
    """Widths over all their heads of queries, of keys and values, of values; and what norms inside attention keep."""
    if _is_latent(config):
        nope, rope, value = int(config.qk_nope_head_dim), int(config.qk_rope_head_dim), int(config.v_head_dim)
        asked, told = int(getattr(config, "q_lora_rank", None) or 0), int(config.kv_lora_rank)
        # Both latents pass a norm, which keeps its input, what it normed and its output.
        return heads * (nope + rope), heads * (nope + rope + value), heads * value, 3 * (asked + told) + rope
    width = int(getattr(config, "head_dim", None) or int(config.hidden_size) // heads)
    normed = 3 * (heads + key_heads) * width if str(config.model_type) == "qwen3" else 0
    return heads * width, 2 * key_heads * width, key_heads * width, normed


def _mlp(model: Any) -> tuple[int, int, int, int]:
    """Inner widths summed over the layers: dense, of chosen experts; how many are chosen and weighed."""
    config = model.config
    dense = chosen = sent = routed = 0
    each = int(getattr(config, "num_experts_per_tok", None) or 0)
    for name, module in model.named_modules():
        if _is_expert(f"{name}."):
            if hasattr(module, "gate_up_proj"):
                many, twice, _ = module.gate_up_proj.shape
                chosen, sent, routed = chosen + each * (twice // 2), sent + each, routed + many
        elif name.endswith(("mlp", "shared_experts")) and hasattr(module, "up_proj"):
            dense += int(module.up_proj.out_features)
    return dense, chosen, sent, routed


def _wrapped(model: Any) -> dict[str, Any]:
    """The linear layers that LoRA would wrap, by name; none for a family that is not known."""
    if str(model.config.model_type) not in FAMILIES:
        return {}
    modules = dict(model.named_modules())
    return {name: modules[name] for name in lora_targets(model)}
