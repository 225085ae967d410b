"""What is known of DeepSeek's model families: native classes, chat format, where LoRA goes, licence, sizes.

Sources: the model cards and config files of the `deepseek-ai` organisation; the native classes of transformers 5. Sizes
of public models serve the estimate of memory before anything is downloaded.
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
    """Whether attention honours a 4-D mask as given, so that many answers can be scored in one forward pass."""
    mixture: bool


FAMILIES: dict[str, Family] = {
    family.model_type: family
    for family in (
        Family("llama", _DENSE, True, False),
        Family("qwen2", _DENSE, True, False),
        Family("qwen3", _DENSE, True, False),
        Family("deepseek_v2", _MLA, True, True),
        Family("deepseek_v3", _MLA, True, True),
        Family("deepseek_v32", _MLA, False, True),
        Family("deepseek_v4", _V4, False, True),
    )
}


@dataclass(frozen=True)
class KnownModel:
    """A public DeepSeek model: parameters in billions, shape, licence of the weights."""

    name: str
    model_type: str
    parameters: float
    active: float
    layers: int
    hidden: int
    vocabulary: int
    context: int
    licence: str


_OWN = "DeepSeek Model License (commercial use allowed, with use restrictions in its attachment A)"
_QWEN = "MIT, distilled from Qwen2.5 (Apache-2.0)"

MODELS: tuple[KnownModel, ...] = (
    KnownModel("deepseek-ai/deepseek-llm-7b-base", "llama", 6.9, 6.9, 30, 4096, 102400, 4096, _OWN),
    KnownModel("deepseek-ai/deepseek-llm-7b-chat", "llama", 6.9, 6.9, 30, 4096, 102400, 4096, _OWN),
    KnownModel("deepseek-ai/DeepSeek-V2-Lite", "deepseek_v2", 15.7, 2.4, 27, 2048, 102400, 32768, _OWN),
    KnownModel("deepseek-ai/DeepSeek-V2-Lite-Chat", "deepseek_v2", 15.7, 2.4, 27, 2048, 102400, 32768, _OWN),
    KnownModel("deepseek-ai/DeepSeek-V3", "deepseek_v3", 671, 37, 61, 7168, 129280, 131072, _OWN),
    KnownModel("deepseek-ai/DeepSeek-V3-0324", "deepseek_v3", 671, 37, 61, 7168, 129280, 131072, "MIT"),
    KnownModel("deepseek-ai/DeepSeek-V3.1", "deepseek_v3", 671, 37, 61, 7168, 129280, 131072, "MIT"),
    KnownModel("deepseek-ai/DeepSeek-R1", "deepseek_v3", 671, 37, 61, 7168, 129280, 131072, "MIT"),
    KnownModel("deepseek-ai/DeepSeek-R1-0528", "deepseek_v3", 671, 37, 61, 7168, 129280, 131072, "MIT"),
    KnownModel("deepseek-ai/DeepSeek-V4-Flash", "deepseek_v4", 284, 13, 43, 4096, 129280, 1048576, "MIT"),
    KnownModel("deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B", "qwen2", 1.78, 1.78, 28, 1536, 151936, 131072, _QWEN),
    KnownModel("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", "qwen2", 7.6, 7.6, 28, 3584, 152064, 131072, _QWEN),
    KnownModel("deepseek-ai/DeepSeek-R1-Distill-Qwen-14B", "qwen2", 14.8, 14.8, 48, 5120, 152064, 131072, _QWEN),
    KnownModel("deepseek-ai/DeepSeek-R1-Distill-Qwen-32B", "qwen2", 32.8, 32.8, 64, 5120, 152064, 131072, _QWEN),
    KnownModel(
        "deepseek-ai/DeepSeek-R1-Distill-Llama-8B", "llama", 8.0, 8.0, 32, 4096, 128256, 131072, "MIT and Llama 3.1"
    ),
    KnownModel(
        "deepseek-ai/DeepSeek-R1-Distill-Llama-70B", "llama", 70.6, 70.6, 80, 8192, 128256, 131072, "MIT and Llama 3.3"
    ),
    KnownModel("deepseek-ai/DeepSeek-R1-0528-Qwen3-8B", "qwen3", 8.2, 8.2, 36, 4096, 151936, 131072, "MIT"),
)


def find(name: str) -> KnownModel | None:
    """The public model of this hub id (or of its last part), upper and lower case alike."""
    wanted = name.rsplit("/", 1)[-1].lower()
    return next((model for model in MODELS if model.name.rsplit("/", 1)[-1].lower() == wanted), None)


def licence_statement(name: str) -> str:
    """What stands in `LICENSE.base` when the model's folder holds no licence file."""
    if name == "nano":
        return "The built-in model 'nano' is part of fittingroom and stands under its licence, Apache-2.0.\n"
    known = find(name)
    if known is None:
        return (
            f"The folder of the base model '{name}' holds no licence file. Ask its publisher before you pass it on.\n"
        )
    return (
        f"Base model: {known.name}\nLicence as the publisher states it: {known.licence}\n"
        "The downloaded folder held no licence file; the full text is on the model's page.\n"
    )


_FORMATS = {"llama": "User: … Assistant: …", "deepseek_v2": "User: … Assistant: …"}


def families() -> list[dict[str, str]]:
    """The catalogue for people: the built-in model first; all values are texts."""
    nano = {
        "name": "nano",
        "architecture": "deepseek_v3",
        "parameters": "4 M",
        "template": "<｜User｜>…<｜Assistant｜>…",
        "licence": "Apache-2.0",
        "note": "built in; a stand-in for trying the road, its scores say nothing about real DeepSeek models",
    }
    return [nano, *(_row(model) for model in MODELS)]


def _row(model: KnownModel) -> dict[str, str]:
    marked = "<｜User｜>…<｜Assistant｜>…"
    distilled = "Distill" in model.name or "R1" in model.name
    size = f"{model.parameters:g} B"
    return {
        "name": model.name,
        "architecture": model.model_type,
        "parameters": size if model.active == model.parameters else f"{size} ({model.active:g} B active)",
        "template": marked + (", thinks first" if distilled else "")
        if distilled
        else _FORMATS.get(model.model_type, marked),
        "licence": model.licence,
        "note": "does not fit one GPU" if model.parameters > 40 else "",
    }
