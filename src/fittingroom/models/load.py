"""One loader for every base model: the built-in one, a local folder, a Hugging Face or a ModelScope id.

Only native classes of transformers, only safetensors, only a `tokenizer.json`: code and pickles from a model folder are
never run. Whatever is wrong with a folder is said before training, with the place and what to do.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from fittingroom.errors import ModelError
from fittingroom.models import catalog
from fittingroom.models.nf4 import loading
from fittingroom.types import Frozen

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")
_WANTED = ["*.safetensors", "*.json", "*.jinja", "*.txt", "LICENSE*", "LICENCE*", "COPYING*"]
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
# Runs of blanks, line ends, both scripts, digits: what a wrongly converted tokenizer loses.
_PROBE = "  Two  blanks,\n\n换行 与 中文,1234 end."
_digests: dict[tuple[str, int, int], str] = {}


class ModelConfig(Frozen):
    """The section `model`: which base model is fitted."""

    base: str = Field(default="nano", min_length=1)
    """`nano` (built in), a local folder, a Hugging Face id `org/name`, or `modelscope:org/name`."""
    revision: str | None = None
    """Commit of a hub id; without it, the newest one is looked up and its commit recorded."""


@dataclass(frozen=True)
class BaseModelInfo:
    """A base model that is on this machine and has passed the checks."""

    path: Path
    name: str
    revision: str
    digest: str
    """SHA-256 over weights, configuration and tokenizer."""
    licence_text: str


def resolve(config: ModelConfig, root: Path) -> BaseModelInfo:
    """Find (or download) and check the base model; `root` is where relative folders start. Raises ModelError."""
    name, revision = config.base, ""
    if config.base == "nano":
        from fittingroom.models.nano import nano_path

        path = nano_path()
    elif config.base.startswith("modelscope:"):
        name = config.base.removeprefix("modelscope:")
        path, revision = _from_modelscope(name, config.revision)
    else:
        folder = Path(config.base).expanduser()
        folder = folder if folder.is_absolute() else root / folder
        if folder.is_dir():
            path, name = folder, folder.name
        elif _HUB_ID.fullmatch(config.base) and not config.base.startswith("."):
            path, revision = _from_hub(config.base, config.revision)
        else:
            raise ModelError(
                "is neither 'nano', nor an existing folder, nor a hub id such as org/name: correct model.base",
                "既不是 nano，也不是已有的文件夹，也不是 org/name 形式的模型编号：请修改 model.base",
                place=f"model.base = {config.base}",
            )
    check_folder(path, config.base)
    return BaseModelInfo(path, name, revision, folder_digest(path), _licence(path, name))


def check_folder(path: Path, place: str) -> None:
    """Refuse a folder that needs remote code, holds pickles, or lacks configuration, weights or tokenizer."""
    place = f"model.base = {place}"
    _check_config(path, place)
    pickles = sorted(file.name for file in path.iterdir() if file.suffix in _PICKLES)
    if pickles:
        raise ModelError(
            f"holds pickle files, which can run code when opened ({', '.join(pickles[:3])}): convert the weights to "
            "safetensors and remove these files",
            f"含有 pickle 文件，打开时可能执行代码（{'、'.join(pickles[:3])}）："
            "请把权重转换为 safetensors 并删除这些文件",
            place=place,
        )
    if not any(path.glob("*.safetensors")):
        raise ModelError(
            "holds no *.safetensors weights: download the model again, or convert its weights",
            "没有 *.safetensors 权重文件：请重新下载模型或转换权重",
            place=place,
        )
    if not (path / "tokenizer.json").is_file():
        raise ModelError(
            "has no tokenizer.json: put the tokenizer files of the same model into the folder",
            "缺少 tokenizer.json：请把同一模型的分词器文件放入该文件夹",
            place=place,
        )


def _check_config(path: Path, place: str) -> None:
    if not (path / "config.json").is_file():
        raise ModelError(
            "has no config.json: it is not the folder of a model in the transformers format",
            "缺少 config.json：这不是 transformers 格式的模型文件夹",
            place=place,
        )
    try:
        config = json.loads((path / "config.json").read_text(encoding="utf-8"))
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


def _from_hub(name: str, revision: str | None) -> tuple[Path, str]:
    """Snapshot of a Hugging Face repository at one commit; `HF_ENDPOINT` and the local cache are honoured."""
    import huggingface_hub as hub

    try:
        commit = revision or str(hub.HfApi().model_info(name).sha)
        folder = hub.snapshot_download(name, revision=commit, allow_patterns=_WANTED)
    except Exception as error:  # errors of the hub, of HTTP, of the disk: all mean that the model is not here
        raise ModelError(
            f"could not be fetched from the hub ({type(error).__name__}): check the name, the revision and the network "
            "(HF_ENDPOINT names a mirror), or give a local folder",
            f"无法从模型库获取（{type(error).__name__}）：请检查名称、版本与网络（HF_ENDPOINT 可指定镜像），"
            "或改用本地文件夹",
            place=f"model.base = {name}",
        ) from error
    # The snapshot folder is named after the commit, also when a branch or tag was asked for.
    return Path(folder), Path(folder).name


def _from_modelscope(name: str, revision: str | None) -> tuple[Path, str]:
    try:
        from modelscope import snapshot_download  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise ModelError(
            "needs the package 'modelscope', which is not installed: pip install modelscope, or give a local folder",
            "需要安装 modelscope:pip install modelscope，或改用本地文件夹",
            place=f"model.base = modelscope:{name}",
        ) from error
    try:
        folder = snapshot_download(name, revision=revision, allow_patterns=_WANTED)
    except Exception as error:  # modelscope raises plain exceptions of many kinds; all mean: not fetched
        raise ModelError(
            f"could not be fetched from ModelScope ({type(error).__name__}): check name, revision and network",
            f"无法从 ModelScope 获取（{type(error).__name__}）：请检查名称、版本与网络",
            place=f"model.base = modelscope:{name}",
        ) from error
    return Path(folder), revision or ""


def folder_digest(path: Path) -> str:
    """SHA-256 over names and contents of weights, configuration and tokenizer; remembered while size and time stay."""
    seal = hashlib.sha256()
    for file in sorted(path.iterdir()):
        if file.suffix not in (".safetensors", ".json", ".jinja", ".txt") or not file.is_file():
            continue
        state = file.stat()
        key = (str(file.resolve()), state.st_size, state.st_mtime_ns)
        if key not in _digests:
            with file.open("rb") as stream:
                _digests[key] = hashlib.file_digest(stream, "sha256").hexdigest()
        seal.update(f"{file.name} {_digests[key]}\n".encode())
    return seal.hexdigest()


def _licence(path: Path, name: str) -> str:
    for pattern in ("LICENSE*", "LICENCE*", "COPYING*"):
        for file in sorted(path.glob(pattern)):
            return file.read_text(encoding="utf-8", errors="replace")
    return catalog.licence_statement(name)


def load_tokenizer(path: Path) -> PreTrainedTokenizerFast:
    """The tokenizer of a folder, read straight from `tokenizer.json`, with a pad token; raises ModelError.

    It is compared with the plain reader of the same file: some converters drop blanks (transformers issue 45488), which
    ruins every answer without an error.
    """
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    place = str(path.name)
    try:
        tokenizer: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(str(path), local_files_only=True)
        plain = Tokenizer.from_file(str(path / "tokenizer.json"))
    except Exception as error:  # the Rust reader raises bare Exception for a broken file
        raise ModelError(
            f"the tokenizer cannot be read ({type(error).__name__}): download the model again",
            f"分词器无法读取（{type(error).__name__}）：请重新下载模型",
            place=place,
        ) from error
    ids = plain.encode(_PROBE, add_special_tokens=False).ids
    wanted = plain.normalizer.normalize_str(_PROBE) if plain.normalizer is not None else _PROBE
    if tokenizer.encode(_PROBE, add_special_tokens=False) != ids or tokenizer.decode(ids) != wanted:
        raise ModelError(
            "the tokenizer does not give text back as it was (blanks or characters are lost): use the publisher's "
            "own tokenizer files",
            "分词器不能还原文本（丢失空格或字符）：请使用发布者原始的分词器文件",
            place=place,
        )
    if tokenizer.eos_token_id is None:
        raise ModelError(
            "the tokenizer names no end-of-sentence token, without which an answer never ends: add eos_token to "
            "tokenizer_config.json",
            "分词器没有结束符，回答将无法结束：请在 tokenizer_config.json 中加入 eos_token",
            place=place,
        )
    if tokenizer.pad_token_id is None:
        own = "<｜▁pad▁｜>"
        tokenizer.pad_token = own if own in tokenizer.get_added_vocab() else tokenizer.eos_token
    return tokenizer


Stored = Literal["fp32", "bf16", "nf4"]


def stored_half(path: Path) -> bool:
    """Whether a folder's weights are in 16 bits, by its configuration: then bfloat16 in memory loses nothing more."""
    from transformers import AutoConfig

    said = str(AutoConfig.from_pretrained(str(path), local_files_only=True).dtype)
    return said in ("torch.bfloat16", "torch.float16")


def load_model(path: Path, *, stored: Stored = "fp32", device: str = "cpu") -> PreTrainedModel:
    """The causal language model of a folder: native class, safetensors, evaluation mode, greedy generation.

    In fp32 on the processor; `stored` says otherwise for weights that do not learn: `bf16`, or `nf4` (4 bits, at once
    on `device`).
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # progress is the stages' to show
    options: dict[str, Any] = {"trust_remote_code": False, "use_safetensors": True, "local_files_only": True}
    options |= loading(device) if stored == "nf4" else {"dtype": torch.bfloat16 if stored == "bf16" else torch.float32}
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(str(path), output_loading_info=True, **options)
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise ModelError(
            f"the weights cannot be loaded ({type(error).__name__}): download the model again",
            f"权重无法加载（{type(error).__name__}）：请重新下载模型",
            place=path.name,
        ) from error
    model, report = loaded
    if hasattr(model.config, "auto_map"):
        # It points at the folder's own code, which is never run: what we write shall not ask for it either.
        del model.config.auto_map
    missing = sorted(report["missing_keys"]) + sorted(str(item) for item in report.get("mismatched_keys", []))
    if missing:
        # transformers would fill these with random numbers and go on.
        raise ModelError(
            f"weights are missing or of the wrong shape ({len(missing)}, first: {missing[0]}): the files do not belong "
            "together, download the model again",
            f"权重缺失或形状不符（{len(missing)} 个，首个：{missing[0]}）：文件不属于同一模型，请重新下载",
            place=path.name,
        )
    return _settled(model, path)


def _settled(model: PreTrainedModel, path: Path) -> PreTrainedModel:
    """Greedy generation (a stored temperature without sampling makes saving fail), and ids that agree everywhere."""
    model.train(False)
    generation = model.generation_config
    if generation is not None:
        generation.do_sample = False
        generation.temperature = generation.top_p = generation.top_k = None
    if (path / "tokenizer.json").is_file():
        tokenizer = load_tokenizer(path)
        for config in (model.config, generation):
            if config is not None:
                config.bos_token_id = tokenizer.bos_token_id
                config.eos_token_id = tokenizer.eos_token_id
                config.pad_token_id = tokenizer.pad_token_id
    return model
