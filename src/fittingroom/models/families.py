"""Model families by architecture: the native class, where adapters go, what attention can do.

Source: the model classes of transformers 5 (`models/<model_type>/modeling_<model_type>.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

_DENSE = r".*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"
_MLA = r".*\.self_attn\.(q_proj|q_a_proj|q_b_proj|kv_a_proj_with_mqa|kv_b_proj|o_proj)"
_V4 = r".*\.self_attn\.(q_a_proj|q_b_proj|kv_proj|o_b_proj)"


@dataclass(frozen=True)
class Family:
    """Models that share one architecture."""

    model_type: str
    lora_targets: str
    """Regular expression over module names. For mixture-of-experts models it names attention only: a plain
    `all-linear` would put adapters on the router and on a part of the experts."""
    tree_scoring: bool
    """Whether attention honours a 4-D mask as given, so that many answers can be scored in one forward pass. For
    a model at hand ask `models.masks.takes_mask`: its configuration may bound what its layers see."""
    mixture: bool
    native: str
    """The class of transformers that loads it."""


FAMILIES: dict[str, Family] = {
    family.model_type: family
    for family in (
        Family("llama", _DENSE, True, False, "LlamaForCausalLM"),
        Family("qwen2", _DENSE, True, False, "Qwen2ForCausalLM"),
        Family("qwen3", _DENSE, True, False, "Qwen3ForCausalLM"),
        Family("deepseek_v2", _MLA, True, True, "DeepseekV2ForCausalLM"),
        Family("deepseek_v3", _MLA, True, True, "DeepseekV3ForCausalLM"),
        Family("deepseek_v32", _MLA, False, True, "DeepseekV32ForCausalLM"),
        Family("deepseek_v4", _V4, False, True, "DeepseekV4ForCausalLM"),
    )
}
