"""One loader for every base model: the built-in one, a local folder, a Hugging Face or a ModelScope id.

Only native classes of transformers, only safetensors, only a `tokenizer.json`: code and pickles from a model folder are
never run. Whatever is wrong with a folder is said before training, with the place and what to do.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import Field

from fittingroom.errors import ModelError
from fittingroom.models import catalog, hubs
from fittingroom.models.anatomy import anatomy
from fittingroom.models.belonging import refuse_foreign_tokenizer
from fittingroom.models.complete import refuse_unlike
from fittingroom.models.configuration import configured, read_config, weights_of
from fittingroom.models.folder import Inventory, file_digest, inventory, refuse_pickles
from fittingroom.models.formats import ThinkPolicy
from fittingroom.models.needs import refuse_too_large
from fittingroom.models.nf4 import loading
from fittingroom.models.quantised import is_fp8, refuse_untrainable
from fittingroom.models.recognise import Recognised, recognise, recognise_id
from fittingroom.types import Frozen

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_MODELSCOPE = "modelscope:"
# Runs of blanks, line ends, both scripts, digits: what a wrongly converted tokenizer loses.
_PROBE = "  Two  blanks,\n\n换行 与 中文,1234 end."
_LONGEST = 120


class ModelConfig(Frozen):
    """The section `model`: which base model is fitted."""

    base: str = Field(default="nano", min_length=1)
    """`nano` (built in), a local folder, a Hugging Face id `org/name`, or `modelscope:org/name`."""
    revision: str | None = None
    """Commit, branch or tag of a hub id; a branch becomes the commit at its head, which is recorded and loaded."""
    think: ThinkPolicy = "auto"
    """What stands before an answer. `none`: nothing. `empty`: a finished, empty thought that carries no loss, so that a
    model that thinks answers at once. `keep`: the opening of the publisher's template; reasoning between `<think>` and
    `</think>` in answers is learnt, in earlier turns of the assistant it stays (the other two leave it out). `auto`:
    `empty` where the publisher's template opens every answer with a mark of thought, else `none`. Serving repeats
    it."""


@dataclass(frozen=True)
class BaseModelInfo:
    """A base model that is on this machine and has passed the checks."""

    path: Path
    name: str
    revision: str
    """Commit of a hub id; empty for a folder."""
    digest: str
    """SHA-256 over weights, configuration and tokenizer."""
    licence_text: str
    recognised: Recognised


def resolve(config: ModelConfig, root: Path) -> BaseModelInfo:
    """Find (or download) and check the base model; `root` is where relative folders start. Raises ModelError."""
    name, revision, claimed = config.base, "", ""
    local = local_folder(config, root)
    if local is not None:
        path, name = local, config.base if config.base == "nano" else local.name
    elif config.base.startswith(_MODELSCOPE):
        name = claimed = config.base.removeprefix(_MODELSCOPE)
        _refuse_known(config.base)
        path, revision = hubs.from_modelscope(name, config.revision, _judge)
    elif _HUB_ID.fullmatch(config.base) and not config.base.startswith("."):
        claimed = config.base
        _refuse_known(config.base)
        path, revision = hubs.from_hub(config.base, config.revision, _judge)
    else:
        raise ModelError(
            "is neither 'nano', nor an existing folder, nor a hub id such as org/name: correct model.base",
            "既不是 nano，也不是已有的文件夹，也不是 org/name 形式的模型编号：请修改 model.base",
            place=f"model.base = {config.base}",
        )
    check_folder(path, config.base)
    found = recognise(path, read_config(path, f"model.base = {config.base}"), hub_id=claimed)
    return BaseModelInfo(path, name, revision, folder_digest(path), _licence(path, name, found), found)


def local_folder(config: ModelConfig, root: Path) -> Path | None:
    """The folder that `model.base` names on this machine; None when it names none."""
    if config.base == "nano":
        from fittingroom.models.nano import nano_path

        return nano_path()
    folder = root / Path(config.base).expanduser()
    return folder if not config.base.startswith(_MODELSCOPE) and folder.is_dir() else None


def check_folder(path: Path, place: str) -> Inventory:
    """Refuse a folder that needs remote code, holds pickles, lacks or mixes files, or that this machine cannot hold.

    Nothing is loaded: names, headers and the small files tell.
    """
    place = f"model.base = {place}"
    config = read_config(path, place)
    refuse_pickles(path, place)
    held = inventory(path, place)
    if not (path / "tokenizer.json").is_file():
        raise ModelError(
            "has no tokenizer.json: put the tokenizer files of the same model into the folder",
            "缺少 tokenizer.json：请把同一模型的分词器文件放入该文件夹",
            place=place,
        )
    refuse_untrainable(config, held.bytes_by_dtype, place, held.shapes)
    configured(path, place)  # what reads single fields behind this line may take their types for granted
    refuse_foreign_tokenizer(path, config, held.embedded, place)
    refuse_too_large(weights_of(config, held), place)
    return held


def _refuse_known(name: str) -> None:
    """A public model that is known not to work is not asked for at all."""
    known = recognise_id(name)
    if known is not None and known.refused is not None:
        raise ModelError(
            f"{known.refused.en}; `fittingroom models` lists others",
            f"{known.refused.zh}；`fittingroom models` 列出其他可用的模型",
            place=f"model.base = {name}",
        )


def _judge(path: Path, place: str) -> None:
    """A hub's small files, before its weights are fetched."""
    config = read_config(path, place)
    refuse_untrainable(config, {}, place)
    configured(path, place)
    refuse_foreign_tokenizer(path, config, None, place)
    counted = anatomy(config)
    if counted is not None:
        refuse_too_large(counted.parameters, place)


def folder_digest(path: Path) -> str:
    """SHA-256 over names and contents of weights, configuration and tokenizer; remembered while size and time stay."""
    seal = hashlib.sha256()
    for file in sorted(path.iterdir()):
        if file.suffix in (".safetensors", ".json", ".jinja", ".txt") and file.is_file():
            seal.update(f"{file.name} {file_digest(file)}\n".encode())
    return seal.hexdigest()


def _licence(path: Path, name: str, found: Recognised) -> str:
    for pattern in ("LICENSE*", "LICENCE*", "COPYING*"):
        for file in sorted(path.glob(pattern)):
            return file.read_text(encoding="utf-8", errors="replace")
    return catalog.licence_statement(name, found.one)


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
        faithful = _gives_back(tokenizer, plain)
    except Exception as error:  # the Rust reader raises bare Exception for a broken file
        raise ModelError(
            f"the tokenizer cannot be read (tokenizer.json, tokenizer_config.json; {_told(error)}): take both files "
            "from the model's own repository again",
            f"分词器无法读取（tokenizer.json、tokenizer_config.json；{_told(error)}）：请从该模型的仓库重新获取这两个文件",
            place=place,
        ) from error
    if not faithful:
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


def _gives_back(tokenizer: PreTrainedTokenizerFast, plain: Tokenizer) -> bool:
    """Whether both readers make the same ids of a text, and the text again of these."""
    ids = plain.encode(_PROBE, add_special_tokens=False).ids
    wanted = plain.normalizer.normalize_str(_PROBE) if plain.normalizer is not None else _PROBE
    return tokenizer.encode(_PROBE, add_special_tokens=False) == ids and tokenizer.decode(ids) == wanted


def _told(error: Exception) -> str:
    """What the reader said, in one short line: it names the field."""
    line = " ".join(f"{type(error).__name__}: {error}".split())
    return line if len(line) <= _LONGEST else line[:_LONGEST] + "…"


Stored = Literal["fp32", "bf16", "nf4"]
_EACH: dict[Stored, int] = {"fp32": 4, "bf16": 2, "nf4": 1}
"""Bytes of a weight on its way into memory."""


def stored_half(path: Path) -> bool:
    """Whether a folder's weights are in 16 bits, by its configuration: then bfloat16 in memory loses nothing more.
    Raises ModelError for a configuration that cannot be read.
    """
    said = str(configured(path, path.name).dtype)
    return said in ("torch.bfloat16", "torch.float16")


def load_to_score(path: Path) -> PreTrainedModel:
    """The model of a folder on the device that serves: on an accelerator in bfloat16 where the files hold no more than
    16 bits (7 billion weights in 32 bits fill a card of 24 GB and leave it no room to work), else in fp32.
    """
    from fittingroom.models.device import device

    where = device()
    halved = where.kind != "cpu" and stored_half(path)
    return load_model(path, stored="bf16" if halved else "fp32", device=where.kind)


def load_model(path: Path, *, stored: Stored = "fp32", device: str = "cpu") -> PreTrainedModel:
    """The causal language model of a folder: native class, safetensors, evaluation mode, greedy generation.

    In fp32; `stored` says otherwise, for weights that do not learn: `bf16`, or `nf4` (4 bits). On `device`.
    """
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # progress is the stages' to show
    config = read_config(path, path.name)
    if stored == "nf4" and is_fp8(config):
        raise ModelError(
            "its weights are stored in FP8, which is not turned into 4 bits: set train.method to lora, or use a bf16 "
            "copy of the model",
            "权重以 FP8 存储，不能再转为 4 位：请把 train.method 设为 lora，或使用该模型的 bf16 副本",
            place=path.name,
        )
    held = inventory(path, path.name)
    refuse_untrainable(config, held.bytes_by_dtype, path.name, held.shapes)
    configured(path, path.name)
    refuse_too_large(weights_of(config, held), path.name, _EACH[stored])
    options: dict[str, Any] = {"trust_remote_code": False, "use_safetensors": True, "local_files_only": True}
    options |= loading(device) if stored == "nf4" else {"dtype": torch.bfloat16 if stored == "bf16" else torch.float32}
    if is_fp8(config):
        options["quantization_config"] = _plain_from_fp8(config)
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(str(path), output_loading_info=True, **options)
    except MemoryError:  # another copy of the model would be no smaller
        raise
    except Exception as error:  # of files: OSError, SafetensorError; of classes of models: anything
        raise ModelError(
            f"the weights cannot be loaded ({type(error).__name__}): download the model again",
            f"权重无法加载（{type(error).__name__}）：请重新下载模型",
            place=path.name,
        ) from error
    model, report = loaded
    if hasattr(model.config, "auto_map"):
        # It points at the folder's own code, which is never run: what we write shall not ask for it either.
        del model.config.auto_map
    if is_fp8(config):
        # The conversions remember the scales, and saving (transformers 5.23) cannot turn these back: with none kept it
        # takes those of the class, and writes plain weights.
        model._weight_conversions = None
    refuse_unlike(report, path.name)
    settled: Any = _settled(model, path)
    return cast("PreTrainedModel", settled if stored == "nf4" else settled.to(device))


def _plain_from_fp8(config: dict[str, Any]) -> Any:
    """Blocks of FP8 become plain numbers while loading: what is trained and merged must hold small changes."""
    from transformers import FineGrainedFP8Config

    said = {name: value for name, value in config["quantization_config"].items() if name != "quant_method"}
    return FineGrainedFP8Config(**{**said, "dequantize": True})


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
