"""The weights of a model, counted from its `config.json` alone: before a byte of them is downloaded or loaded.

Counted are the tensors that the native classes of transformers 5 hold (`models/*/modeling_*.py`), so the prediction
layers (MTP) and the scales of FP8 files are not among them. Tests compare the counts with the classes themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from fittingroom.models.families import FAMILIES
from fittingroom.models.shape import Shape, widths

Config = Mapping[str, Any]
"""What stands in a `config.json`."""


class Part(NamedTuple):
    """`times` equal tensors of `inputs` x `outputs` numbers."""

    name: str
    """As transformers calls the module, without `model.layers.N.`."""
    inputs: int
    outputs: int
    times: int = 1
    used: float = 1.0
    """Share of them that one token meets: of experts, those it is sent to."""


@dataclass(frozen=True)
class Anatomy:
    """Sizes of a model; all counts are numbers of weights."""

    parameters: int
    active: int
    """Met by one token."""
    tables: int
    """Embedding and head."""
    experts: int
    """Routed experts, which 4-bit quantisation of transformers 5 leaves as they are."""
    lora_per_rank: int
    """Weights that adapters on the family's targets have for each unit of rank."""
    shape: Shape
    """The same and the widths, as the memory of a training depends on them."""


def anatomy(config: Config) -> Anatomy | None:
    """Count the weights of a configuration; None for an architecture without a formula, or with keys missing."""
    count = _COUNTED.get(str(config.get("model_type")))
    if count is None:
        return None
    try:
        parts = [*_ends(config), *count(config)]
        wide = widths(config)
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    wanted = re.compile(FAMILIES[str(config["model_type"])].lora_targets)

    def total(chosen: Iterator[Part] | list[Part]) -> int:
        return sum(part.inputs * part.outputs * part.times for part in chosen)

    wrapped = [part for part in parts if wanted.fullmatch(f"model.layers.0.{part.name}")]
    tables = total([part for part in parts if part.name in ("embed_tokens", "lm_head")])
    experts = total([part for part in parts if part.name == "mlp.experts"])
    adapters = sum((part.inputs + part.outputs) * part.times for part in wrapped)
    shape = Shape(
        parameters=total(parts),
        router=total([part for part in parts if part.name == "mlp.gate"]),
        tables=tables,
        experts=experts,
        adapters=adapters,
        adapter_inputs=sum(part.inputs * part.times for part in wrapped),
        wrapped=sum(part.times for part in wrapped),
        wraps_mlp=any(part.name.startswith("mlp.") for part in wrapped),
        **wide,
    )
    return Anatomy(
        parameters=total(parts),
        active=round(sum(part.inputs * part.outputs * part.times * part.used for part in parts)),
        tables=tables,
        experts=experts,
        lora_per_rank=adapters,
        shape=shape,
    )


def _ends(config: Config) -> Iterator[Part]:
    hidden, words = int(config["hidden_size"]), int(config["vocab_size"])
    yield Part("embed_tokens", words, hidden)
    yield Part("norm", 1, hidden)
    if not config.get("tie_word_embeddings", False):
        yield Part("lm_head", hidden, words)


def head_width(config: Config) -> int:
    """Width of an attention head, where the configuration leaves it to be worked out."""
    default = 128 if config.get("model_type") == "qwen3" else int(config["hidden_size"]) // _heads(config)
    return int(config.get("head_dim") or default)


def _heads(config: Config) -> int:
    return int(config["num_attention_heads"])


def _dense(config: Config) -> Iterator[Part]:
    """Llama, Qwen2, Qwen3: grouped attention and one gated MLP a layer."""
    kind = config["model_type"]
    layers, hidden = int(config["num_hidden_layers"]), int(config["hidden_size"])
    width, wide = head_width(config), int(config["intermediate_size"])
    queries = _heads(config) * width
    keys = int(config.get("num_key_value_heads") or _heads(config)) * width
    biased = bool(config.get("attention_bias", False))
    yield Part("self_attn.q_proj", hidden, queries, layers)
    yield Part("self_attn.k_proj", hidden, keys, layers)
    yield Part("self_attn.v_proj", hidden, keys, layers)
    yield Part("self_attn.o_proj", queries, hidden, layers)
    if kind == "qwen2" or biased:
        yield Part("self_attn.bias", 1, queries + 2 * keys, layers)
    if kind != "qwen2" and biased:
        yield Part("self_attn.o_bias", 1, hidden, layers)
    if kind == "qwen3":
        yield Part("self_attn.norms", 1, 2 * width, layers)
    yield from _mlp("mlp", hidden, wide, layers)
    if config.get("mlp_bias", False):
        yield Part("mlp.bias", 1, 2 * wide + hidden, layers)
    yield Part("norms", 1, 2 * hidden, layers)


def _mlp(name: str, hidden: int, wide: int, times: int) -> Iterator[Part]:
    yield Part(f"{name}.gate_proj", hidden, wide, times)
    yield Part(f"{name}.up_proj", hidden, wide, times)
    yield Part(f"{name}.down_proj", wide, hidden, times)


def _latent(config: Config) -> Iterator[Part]:
    """DeepSeek-V2, V3, V3.2: latent attention, some dense layers, then routed and shared experts."""
    layers, hidden, heads = int(config["num_hidden_layers"]), int(config["hidden_size"]), _heads(config)
    rope, nope = int(config["qk_rope_head_dim"]), int(config["qk_nope_head_dim"])
    value, compressed = int(config["v_head_dim"]), int(config["kv_lora_rank"])
    squeezed = config.get("q_lora_rank")
    if squeezed:
        yield Part("self_attn.q_a_proj", hidden, int(squeezed), layers)
        yield Part("self_attn.q_a_layernorm", 1, int(squeezed), layers)
        yield Part("self_attn.q_b_proj", int(squeezed), heads * (nope + rope), layers)
    else:
        yield Part("self_attn.q_proj", hidden, heads * (nope + rope), layers)
    yield Part("self_attn.kv_a_proj_with_mqa", hidden, compressed + rope, layers)
    yield Part("self_attn.kv_a_layernorm", 1, compressed, layers)
    yield Part("self_attn.kv_b_proj", compressed, heads * (nope + value), layers)
    yield Part("self_attn.o_proj", heads * value, hidden, layers)
    if config.get("attention_bias", False):
        yield Part("self_attn.bias", 1, int(squeezed or 0) + compressed + rope + hidden, layers)
    if config["model_type"] == "deepseek_v32":
        yield from _indexer(config, layers, hidden, int(config["q_lora_rank"]))
    yield Part("norms", 1, 2 * hidden, layers)
    dense = min(layers, int(config.get("first_k_dense_replace", 0)))
    yield from _mlp("mlp", hidden, int(config["intermediate_size"]), dense)
    yield from _mixture(config, layers - dense, hidden)


def _indexer(config: Config, layers: int, hidden: int, squeezed: int) -> Iterator[Part]:
    """What picks the tokens that V3.2 attends to."""
    heads, width = int(config["index_n_heads"]), int(config["index_head_dim"])
    yield Part("self_attn.indexer.wq_b", squeezed, heads * width, layers)
    yield Part("self_attn.indexer.wk", hidden, width, layers)
    yield Part("self_attn.indexer.k_norm", 1, 2 * width, layers)
    yield Part("self_attn.indexer.weights_proj", hidden, heads, layers)


def _mixture(config: Config, layers: int, hidden: int) -> Iterator[Part]:
    experts, chosen = int(config["n_routed_experts"]), int(config["num_experts_per_tok"])
    wide = int(config["moe_intermediate_size"])
    yield Part("mlp.gate", hidden, experts, layers)
    yield Part("mlp.experts", 3 * hidden, wide, layers * experts, chosen / experts)
    shared = int(config.get("n_shared_experts") or 0)
    if shared:
        yield from _mlp("mlp.shared_experts", hidden, wide * shared, layers)


_COUNTED = {
    "llama": _dense,
    "qwen2": _dense,
    "qwen3": _dense,
    "deepseek_v2": _latent,
    "deepseek_v3": _latent,
    "deepseek_v32": _latent,
}
