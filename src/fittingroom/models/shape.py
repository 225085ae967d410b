"""The numbers of a model that memory depends on, read from a model or from its `config.json` alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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

    @classmethod
    def of(cls, model: PreTrainedModel) -> Shape:
        """Read from a model, with or without weights; of one that is in no catalogue, too."""
        from fittingroom.models.families import FAMILIES
        from fittingroom.models.targets import is_router, lora_targets

        config: dict[str, Any] = model.config.to_dict()
        named = list(model.named_parameters())
        whole: Any = model
        ends: list[Any] = [whole.get_input_embeddings(), whole.get_output_embeddings()]
        tables = {id(end.weight): end.weight for end in ends if end is not None}
        modules: dict[str, Any] = dict(model.named_modules())
        known = str(config["model_type"]) in FAMILIES
        wrapped = {name: modules[name] for name in (lora_targets(model) if known else [])}
        return cls(
            parameters=sum(weight.numel() for _, weight in named),
            router=sum(weight.numel() for name, weight in named if is_router(name)),
            tables=sum(weight.numel() for weight in tables.values()),
            experts=sum(weight.numel() for name, weight in named if ".experts." in name and "shared" not in name),
            adapters=sum(layer.in_features + layer.out_features for layer in wrapped.values()),
            adapter_inputs=sum(layer.in_features for layer in wrapped.values()),
            wrapped=len(wrapped),
            wraps_mlp=any(".mlp." in name for name in wrapped),
            **widths(config),
        )

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Shape | None:
        """Read from what stands in a `config.json`; None for an architecture whose weights cannot be counted."""
        from fittingroom.models.anatomy import anatomy

        counted = anatomy(config)
        return None if counted is None else counted.shape


def widths(config: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a `Shape` that stand in a configuration. Raises KeyError where one is missing."""
    heads, layers = int(config["num_attention_heads"]), int(config["num_hidden_layers"])
    latent = bool(config.get("kv_lora_rank"))
    key_heads = heads if latent else int(config.get("num_key_value_heads") or heads)
    query, shared, value, normed = _latent(config, heads) if latent else _grouped(config, heads, key_heads)
    return {
        "layers": layers,
        "hidden": int(config["hidden_size"]),
        "vocabulary": int(config["vocab_size"]),
        "heads": heads,
        "key_heads": key_heads,
        "query_width": query,
        "shared_width": shared,
        "value_width": value,
        "normed": normed,
        "unequal": query // heads != value // key_heads,
        **_mlp(config, layers),
    }


def _latent(config: Mapping[str, Any], heads: int) -> tuple[int, int, int, int]:
    """Widths over all their heads of queries, of keys and values, of values; and what norms inside attention keep."""
    nope, rope, value = (int(config[name]) for name in ("qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim"))
    asked, told = int(config.get("q_lora_rank") or 0), int(config["kv_lora_rank"])
    # Both latents pass a norm, which keeps its input, what it normed and its output.
    return heads * (nope + rope), heads * (nope + rope + value), heads * value, 3 * (asked + told) + rope


def _grouped(config: Mapping[str, Any], heads: int, key_heads: int) -> tuple[int, int, int, int]:
    kind = config.get("model_type")
    width = int(config.get("head_dim") or (128 if kind == "qwen3" else int(config["hidden_size"]) // heads))
    normed = 3 * (heads + key_heads) * width if kind == "qwen3" else 0
    return heads * width, 2 * key_heads * width, key_heads * width, normed


def _mlp(config: Mapping[str, Any], layers: int) -> dict[str, int]:
    """Inner widths over all layers: dense and of the experts that a token is sent to; how many it is sent to, and how
    many the routers weigh."""
    inner = int(config.get("intermediate_size") or 0)
    experts, each = int(config.get("n_routed_experts") or 0), int(config.get("num_experts_per_tok") or 0)
    if not experts:
        return {"dense": layers * inner, "chosen": 0, "sent": 0, "routed": 0}
    first = min(layers, int(config.get("first_k_dense_replace") or 0))
    mixed, wide = layers - first, int(config["moe_intermediate_size"])
    return {
        "dense": first * inner + mixed * wide * int(config.get("n_shared_experts") or 0),
        "chosen": mixed * each * wide,
        "sent": mixed * each,
        "routed": mixed * experts,
    }
