"""`config.json`: read, and refused where no native class would load it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fittingroom.errors import ModelError
from fittingroom.models.anatomy import anatomy
from fittingroom.models.folder import Inventory


def read_config(path: Path, place: str) -> dict[str, Any]:
    """`config.json` of a model with a native class. Raises ModelError."""
    if not (path / "config.json").is_file():
        raise ModelError(
            "has no config.json: it is not the folder of a model in the transformers format",
            "缺少 config.json：这不是 transformers 格式的模型文件夹",
            place=place,
        )
    try:
        config: dict[str, Any] = json.loads((path / "config.json").read_text(encoding="utf-8"))
        model_type = str(config["model_type"])
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"config.json cannot be read ({type(error).__name__}): download the model again",
            f"config.json 无法读取（{type(error).__name__}）：请重新下载模型",
            place=place,
        ) from error
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    if model_type not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        why = "only with code from its own folder" if config.get("auto_map") else "not as a text-generating model"
        why_zh = "只能用其自带的代码" if config.get("auto_map") else "不是文本生成模型"
        raise ModelError(
            f"a model of type '{model_type}' can be loaded {why}; code from model folders is never run: "
            "choose a model with a native class (llama, qwen2, qwen3, deepseek_v2, deepseek_v3 …)",
            f"类型“{model_type}”的模型{why_zh}加载，本工具从不执行模型文件夹中的代码："
            "请选择有内置类的模型（llama、qwen2、qwen3、deepseek_v2、deepseek_v3 等）",
            place=place,
        )
    return config


def weights_of(config: dict[str, Any], held: Inventory) -> int:
    """Number of weights that loading makes: counted from the configuration, or else those that are stored."""
    counted = anatomy(config)
    return counted.parameters if counted is not None else held.numbers
