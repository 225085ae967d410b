"""`config.json`: read, and refused where no native class would load it, or a field has a value of the wrong kind."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fittingroom.errors import ModelError
from fittingroom.models.anatomy import anatomy
from fittingroom.models.folder import Inventory

_FIELD = re.compile(r"for field '(?P<name>\w+)'")
"""How transformers 5 names a field whose value has the wrong type (StrictDataclassFieldValidationError)."""
_LONGEST = 160


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


def configured(path: Path, place: str) -> Any:
    """The configuration as transformers reads it: a `PreTrainedConfig` of the native class.

    Raises ModelError for values that this class does not take; it names the field where that can be told.
    """
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(str(path), local_files_only=True, trust_remote_code=False)
    except Exception as error:  # its own checks raise bare Exceptions, a class meeting a value that it did not expect
        raise _unusable(path, error, place) from error


def _unusable(path: Path, error: Exception, place: str) -> ModelError:
    named = _FIELD.search(str(error))
    if named is not None:
        field = named["name"]
        said = json.loads((path / "config.json").read_text(encoding="utf-8"))
        value = f" = {_short(json.dumps(said[field], ensure_ascii=False))}" if _has(said, field) else ""
        return ModelError(
            f"config.json: {field}{value} is a value of the wrong kind: correct it, or take config.json from the "
            "model's own repository again",
            f"config.json：{field}{value} 的值类型不对：请改正，或从该模型的仓库重新获取 config.json",
            place=place,
        )
    why = _short(f"{type(error).__name__}: {error}")
    return ModelError(
        f"config.json describes no model that can be built ({why}): take it from the model's own repository again",
        f"config.json 描述的模型无法建立（{why}）：请从该模型的仓库重新获取该文件",
        place=place,
    )


def _has(said: Any, field: str) -> bool:
    return isinstance(said, Mapping) and field in said


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[:_LONGEST] + "…"


def weights_of(config: dict[str, Any], held: Inventory) -> int:
    """Number of weights that loading makes: counted from the configuration, or else those that are stored."""
    counted = anatomy(config)
    return counted.parameters if counted is not None else held.numbers
