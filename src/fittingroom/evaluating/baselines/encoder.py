"""A small encoder from a local folder (BERT and its like), frozen with a linear head, or fine-tuned.

For many choices among labels such a model of a hundred million weights is as good as a large generator, and serves a
hundred times cheaper: whoever deploys a large one should know.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fittingroom.engine import Context
from fittingroom.errors import ModelError, UserError
from fittingroom.evaluating.config import EncoderConfig
from fittingroom.evaluating.features import Body, frozen
from fittingroom.evaluating.finetuning import fine_tuned
from fittingroom.evaluating.setting import Setting
from fittingroom.models.device import device
from fittingroom.models.folder import refuse_pickles
from fittingroom.models.load import folder_digest
from fittingroom.statistics.judging import Answers, Exam, Judge, indices

_LONGEST = 512


def answers(judge: Judge, setting: Setting, train: Exam) -> Answers:
    """Raises ModelError for a folder that cannot be read, or that would run code."""
    import numpy as np

    config, context = setting.config.encoder, setting.context
    if config is None:
        raise UserError(
            "set `evaluate.encoder: {path: FOLDER}` to the encoder's folder",
            "请把 `evaluate.encoder: {path: 文件夹}` 设为编码器所在的文件夹",
            place="evaluate.encoder",
        )
    tokenizer, body = _loaded(context.path(config.path), config.path)
    learnt, asked = (_ids(tokenizer, exam.texts(), body) for exam in (train, judge.exam))
    places = np.arange(len(asked))

    def progress(done: int, total: int) -> None:
        context.progress("encoder", done, total)

    if config.tune:
        wanted = indices(train.targets, judge.labels).tolist()
        said = fine_tuned(
            body, learnt, wanted, asked, config, seed=setting.seed, threads=context.threads, progress=progress
        )
        return Answers(places, said)
    from fittingroom.statistics.probe import fit_probe

    probe = fit_probe(frozen(body, learnt, context.threads, progress), train.targets, train.units, seed=setting.seed)
    return Answers(places, indices(probe.predict(frozen(body, asked, context.threads, progress)), judge.labels))


def digest(config: EncoderConfig, context: Context) -> str:
    """What the folder holds; "missing" when there is none."""
    folder = context.path(config.path)
    return folder_digest(folder) if folder.is_dir() else "missing"


def _loaded(folder: Path, name: str) -> tuple[Any, Body]:
    """Tokenizer and body; native classes, safetensors and this folder only."""
    import torch
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    place = f"evaluate.encoder.path = {name}"
    if not (folder / "config.json").is_file():
        raise ModelError(
            "there is no model folder here: correct the path", "此处没有模型文件夹：请改正路径", place=place
        )
    refuse_pickles(folder, place)
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    where = device().kind
    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), **options)
        model: Any = AutoModel.from_pretrained(str(folder), use_safetensors=True, dtype=torch.float32, **options)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise ModelError(
            f"cannot be read ({type(error).__name__}): it must hold config.json, model.safetensors and a tokenizer of "
            "a kind that transformers knows by itself",
            f"无法读取（{type(error).__name__}）：其中应有 config.json、model.safetensors 和分词器，"
            "且为 transformers 自带支持的类型",
            place=place,
        ) from error
    model.train(False)
    pad = tokenizer.pad_token_id or 0
    return tokenizer, Body(model.to(where), int(model.config.hidden_size), "mean", int(pad), where)


def _ids(tokenizer: Any, texts: list[str], body: Body) -> list[list[int]]:
    """Ids of each text, cut where the encoder stops reading."""
    reads = int(getattr(body.module.config, "max_position_embeddings", _LONGEST))
    if body.module.config.model_type in {"roberta", "xlm-roberta", "camembert"}:
        reads -= 2  # these count positions from behind the padding's id
    limit = min(_LONGEST, reads, int(tokenizer.model_max_length))
    found: list[list[int]] = tokenizer(texts, truncation=True, max_length=limit)["input_ids"]
    return [ids or [body.pad] for ids in found]
