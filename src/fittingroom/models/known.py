"""The public models of `deepseek-ai`: shape, marks, chat format, thinking, licence.

Sources: the model cards and `config.json` files of the organisation, its inference configurations and tokenizers, and
the config classes of transformers 5. An id or a size that none of them states is left out, never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from fittingroom.models.licences import DEEPSEEK, LLAMA31, LLAMA33, MIT, MIT_QWEN2, MIT_QWEN3, Licence
from fittingroom.types import Text

Template = Literal["A", "B", "C", "D", "E", "F"]
Thinking = Literal["never", "always", "by itself", "switch"]
Weights = Literal["bf16", "fp8", "fp8+fp4"]


@dataclass(frozen=True)
class Marks:
    """Ids of the marks in a tokenizer; None where the mark is not one token or its id is not published."""

    bos: int
    eos: int
    user: int | None = None
    assistant: int | None = None
    think: int | None = None


@dataclass(frozen=True)
class KnownModel:
    """A public DeepSeek model."""

    name: str
    model_type: str
    template: Template
    thinking: Thinking
    licence: Licence
    context: int
    """Tokens, as its card states."""
    shape: Mapping[str, Any] = field(default_factory=dict)
    """The keys of `config.json` that decide the sizes; empty where they are not published."""
    marks: Marks | None = None
    weights: Weights = "bf16"
    stated: tuple[float, float] | None = None
    """Total and active parameters in billions as the card says; only where no formula counts them."""
    chat: bool = True
    """False for one that only continues texts."""
    refused: Text | None = None
    """Why it cannot be loaded here."""


_LLM_MARKS = Marks(100000, 100001)
_V3_MARKS = Marks(0, 1, 128803, 128804)
_R1_MARKS = Marks(0, 1, 128803, 128804, 128798)
_QWEN_MARKS = Marks(151646, 151643, 151644, 151645, 151648)
_LLAMA_MARKS = Marks(128000, 128001)


def _dense(layers: int, hidden: int, heads: int, keys: int, wide: int, words: int, **more: Any) -> dict[str, Any]:
    return {
        "num_hidden_layers": layers, "hidden_size": hidden, "num_attention_heads": heads, "num_key_value_heads": keys,
        "intermediate_size": wide, "vocab_size": words, "tie_word_embeddings": False, **more,
    }  # fmt: skip


def _latent(
    layers: int, hidden: int, heads: int, wide: int, words: int, queries: int | None,
    experts: tuple[int, int, int, int], dense: int, **more: Any,
) -> dict[str, Any]:  # fmt: skip
    """`experts`: routed, chosen, shared, width of one. `dense`: layers before the first mixture."""
    routed, chosen, shared, width = experts
    return {
        "num_hidden_layers": layers, "hidden_size": hidden, "num_attention_heads": heads, "intermediate_size": wide,
        "vocab_size": words, "q_lora_rank": queries, "kv_lora_rank": 512, "qk_nope_head_dim": 128,
        "qk_rope_head_dim": 64, "v_head_dim": 128, "n_routed_experts": routed, "num_experts_per_tok": chosen,
        "n_shared_experts": shared, "moe_intermediate_size": width, "first_k_dense_replace": dense,
        "tie_word_embeddings": False, **more,
    }  # fmt: skip


_LLM_7B = _dense(30, 4096, 32, 32, 11008, 102400)
_LITE = _latent(27, 2048, 16, 10944, 102400, None, (64, 6, 2, 1408), 1)
_V2 = _latent(60, 5120, 128, 12288, 102400, 1536, (160, 6, 2, 1536), 1)
_V3 = _latent(61, 7168, 128, 18432, 129280, 1536, (256, 8, 1, 2048), 3)
_V32 = {**_V3, "index_n_heads": 64, "index_head_dim": 128}
_V4_FLASH = {
    "num_hidden_layers": 43, "hidden_size": 4096, "num_attention_heads": 64, "vocab_size": 129280, "head_dim": 512,
    "n_routed_experts": 256, "moe_intermediate_size": 2048,
}  # fmt: skip
_V4_PRO = {"num_hidden_layers": 61, "hidden_size": 7168, "vocab_size": 129280}
_QWEN_1_5B = _dense(28, 1536, 12, 2, 8960, 151936)
_QWEN_7B = _dense(28, 3584, 28, 4, 18944, 152064)
_QWEN_14B = _dense(48, 5120, 40, 8, 13824, 152064)
_QWEN_32B = _dense(64, 5120, 40, 8, 27648, 152064)
_LLAMA_8B = _dense(32, 4096, 32, 8, 14336, 128256)
_LLAMA_70B = _dense(80, 8192, 64, 8, 28672, 128256)
_QWEN3_8B = _dense(36, 4096, 32, 8, 12288, 151936, head_dim=128)

_REMOTE_CODE = Text(
    en="loads only with Python code from its own folder, which is never run, and that code does not train",
    zh="只能用其文件夹中的 Python 代码加载，本工具从不执行，且该代码无法训练",
)
_NO_CLASS = Text(
    en="transformers has no class for it (deepseek_v41), and it does not fit a shop's machine",
    zh="transformers 没有对应的类（deepseek_v41），且普通商家的机器装不下",
)
_FP4 = Text(
    en="its experts are stored in FP4, through which no gradient can pass: train on a bf16 copy of it",
    zh="其专家权重以 FP4 存储，无法反向传播：请使用它的 bf16 副本训练",
)


def _own(name: str) -> str:
    return f"deepseek-ai/{name}"


def _v3(name: str, template: Template, thinking: Thinking, licence: Licence, **more: Any) -> KnownModel:
    known = {"context": 131072, "shape": _V3, "marks": _V3_MARKS, "weights": "fp8", **more}
    return KnownModel(_own(name), "deepseek_v3", template, thinking, licence, **known)


def _distilled(name: str, kind: str, shape: Mapping[str, Any], licence: Licence, marks: Marks) -> KnownModel:
    return KnownModel(_own(name), kind, "C", "always", licence, 131072, shape, marks)


def _v4(name: str, shape: Mapping[str, Any], stated: tuple[float, float], **more: Any) -> KnownModel:
    known: dict[str, Any] = {"weights": "fp8+fp4", "refused": _FP4, **more}
    return KnownModel(
        _own(name), "deepseek_v4", "F", "switch", MIT, 1048576, shape, Marks(0, 1), stated=stated, **known
    )


MODELS: tuple[KnownModel, ...] = (
    KnownModel(
        _own("deepseek-llm-7b-base"), "llama", "A", "never", DEEPSEEK, 4096, _LLM_7B, _LLM_MARKS, chat=False
    ),
    KnownModel(_own("deepseek-llm-7b-chat"), "llama", "A", "never", DEEPSEEK, 4096, _LLM_7B, _LLM_MARKS),
    *(
        KnownModel(
            _own(name), "deepseek", "A", "never", DEEPSEEK, 4096, {}, _LLM_MARKS, stated=(16.4, 2.8),
            chat=name.endswith("chat"), refused=_REMOTE_CODE,
        )
        for name in ("deepseek-moe-16b-base", "deepseek-moe-16b-chat")
    ),
    KnownModel(_own("DeepSeek-V2-Lite"), "deepseek_v2", "A", "never", DEEPSEEK, 32768, _LITE, _LLM_MARKS, chat=False),
    KnownModel(_own("DeepSeek-V2-Lite-Chat"), "deepseek_v2", "A", "never", DEEPSEEK, 32768, _LITE, _LLM_MARKS),
    KnownModel(_own("DeepSeek-V2"), "deepseek_v2", "A", "never", DEEPSEEK, 131072, _V2, _LLM_MARKS, chat=False),
    KnownModel(_own("DeepSeek-V2-Chat"), "deepseek_v2", "A", "never", DEEPSEEK, 131072, _V2, _LLM_MARKS),
    KnownModel(_own("DeepSeek-V2.5"), "deepseek_v2", "B", "never", DEEPSEEK, 131072, _V2, _LLM_MARKS),
    KnownModel(_own("DeepSeek-V2.5-1210"), "deepseek_v2", "B", "never", DEEPSEEK, 131072, _V2, _LLM_MARKS),
    _v3("DeepSeek-V3-Base", "B", "never", DEEPSEEK, chat=False),
    _v3("DeepSeek-V3", "B", "never", DEEPSEEK),
    _v3("DeepSeek-V3-0324", "B", "never", MIT),
    _v3("DeepSeek-R1-Zero", "C", "always", MIT, marks=_R1_MARKS),
    _v3("DeepSeek-R1", "C", "always", MIT, marks=_R1_MARKS),
    _v3("DeepSeek-R1-0528", "D", "by itself", MIT, marks=_R1_MARKS),
    _v3("DeepSeek-V3.1-Base", "E", "switch", MIT, marks=_R1_MARKS, chat=False),
    _v3("DeepSeek-V3.1", "E", "switch", MIT, marks=_R1_MARKS),
    _v3("DeepSeek-V3.1-Terminus", "E", "switch", MIT, marks=_R1_MARKS),
    *(
        KnownModel(
            _own(name), "deepseek_v32", "F", "switch", MIT, 131072, _V32, _R1_MARKS, weights="fp8"
        )
        for name in ("DeepSeek-V3.2-Exp", "DeepSeek-V3.2")
    ),
    _v4("DeepSeek-V4-Flash-Base", _V4_FLASH, (284, 13), chat=False),
    _v4("DeepSeek-V4-Flash", _V4_FLASH, (284, 13)),
    _v4("DeepSeek-V4-Flash-0731", _V4_FLASH, (284, 13)),
    _v4("DeepSeek-V4-Pro", _V4_PRO, (1600, 49)),
    KnownModel(
        _own("DeepSeek-V4.1-Flash"), "deepseek_v41", "F", "switch", MIT, 1048576, {}, None, "fp8+fp4", (552, 16),
        refused=_NO_CLASS,
    ),
    _distilled("DeepSeek-R1-Distill-Qwen-1.5B", "qwen2", _QWEN_1_5B, MIT_QWEN2, _QWEN_MARKS),
    _distilled("DeepSeek-R1-Distill-Qwen-7B", "qwen2", _QWEN_7B, MIT_QWEN2, _QWEN_MARKS),
    _distilled("DeepSeek-R1-Distill-Qwen-14B", "qwen2", _QWEN_14B, MIT_QWEN2, _QWEN_MARKS),
    _distilled("DeepSeek-R1-Distill-Qwen-32B", "qwen2", _QWEN_32B, MIT_QWEN2, _QWEN_MARKS),
    _distilled("DeepSeek-R1-Distill-Llama-8B", "llama", _LLAMA_8B, LLAMA31, _LLAMA_MARKS),
    _distilled("DeepSeek-R1-Distill-Llama-70B", "llama", _LLAMA_70B, LLAMA33, _LLAMA_MARKS),
    KnownModel(
        _own("DeepSeek-R1-0528-Qwen3-8B"), "qwen3", "D", "by itself", MIT_QWEN3, 131072, _QWEN3_8B, None
    ),
)  # fmt: skip
