"""In which number format weights are stored, and whether training can use it.

FP8 in blocks (DeepSeek-V3 and later) is turned into plain numbers while loading. FP4 has no gradient in transformers
(`NotImplementedError`), and what another tool has quantised (GPTQ, AWQ, bitsandbytes) cannot be merged into again.
Codes are numbers only together with their scales: transformers applies these where `config.json` says so, and otherwise
takes the codes for weights, hundreds of times too large, with no more than a warning.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fittingroom.errors import ModelError

_FP4 = frozenset({"mxfp4", "nvfp4", "fp4"})
_SCALES = ("_scale_inv", ".weight_scale")
"""How names of stored scales end: in DeepSeek's own files, and in those of compressed-tensors."""


def refuse_untrainable(
    config: Mapping[str, Any], dtypes: Mapping[str, int], place: str, names: Iterable[str] = ()
) -> None:
    """Refuse FP4, foreign quantisation, and codes whose scales nobody would apply, by `config.json` and the types
    (`dtypes`: bytes by type) and names of the stored tensors.
    """
    said = config.get("quantization_config") or {}
    said = said if isinstance(said, Mapping) else {}
    method = str(said.get("quant_method", "")).lower()
    expert = str(said.get("expert_dtype") or config.get("expert_dtype") or "").lower()
    algorithm = str(said.get("quant_algo", "")).lower()
    if expert in _FP4 or method in _FP4 or algorithm in _FP4 or "F4" in dtypes:
        raise ModelError(
            "its weights are stored in FP4, through which no gradient can pass: use a bf16 copy of the model",
            "权重以 FP4 存储，无法反向传播：请使用该模型的 bf16 副本",
            place=place,
        )
    if method not in ("", "fp8"):
        raise ModelError(
            f"its weights have been quantised already ({method}), and training cannot be merged into them: use the "
            "publisher's own weights (train.method decides how they are held in memory)",
            f"权重已被量化（{method}），训练结果无法合并进去：请使用官方原始权重（内存中的格式由 train.method 决定）",
            place=place,
        )
    scales = sorted(name for name in names if name.endswith(_SCALES))
    narrow = sorted(kind for kind in dtypes if kind.startswith(("F8", "F6", "F4")))
    if not method and (scales or narrow):
        raise ModelError(
            f"its weights are stored as codes ({', '.join(narrow) or scales[0]}) and config.json has no "
            "quantization_config, so that they would be loaded without their scales: take config.json from the model's "
            "publisher, or use a bf16 copy of the model",
            f"权重以编码形式存储（{'、'.join(narrow) or scales[0]}），而 config.json 缺少 quantization_config，"
            "加载时不会乘以缩放系数：请使用发布者原始的 config.json，或使用该模型的 bf16 副本",
            place=place,
        )


def is_fp8(config: Mapping[str, Any]) -> bool:
    """Whether the weights are stored in FP8 blocks."""
    said = config.get("quantization_config")
    return isinstance(said, Mapping) and str(said.get("quant_method", "")).lower() == "fp8"


def stored_format(config: Mapping[str, Any], dtypes: Mapping[str, int]) -> str:
    """The format that most bytes are stored in: `fp8`, or the type of the tensors in small letters."""
    return "fp8" if is_fp8(config) else max(dtypes, key=lambda name: (dtypes[name], name)).lower() if dtypes else "?"
