"""Package: put together what will be served: weights, tokenizer, labels, calibration, lineage, licence, manifest."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fittingroom.engine import Context, Note
from fittingroom.models.adapters import merged
from fittingroom.models.configuration import configured
from fittingroom.models.device import device
from fittingroom.models.experts import with_saved
from fittingroom.models.load import BaseModelInfo, ModelConfig, load_model, load_to_score, load_tokenizer, resolve
from fittingroom.models.render import Renderer
from fittingroom.serving.bundle import (
    INFO,
    LICENCE,
    MODEL,
    TOKENIZER,
    BaseRecord,
    BundleInfo,
    Preparation,
    golden_prompt,
    replayed,
    seal,
)
from fittingroom.serving.shelving import Shelved, shelve
from fittingroom.statistics.generation.attributes import vocabulary
from fittingroom.store import write_json
from fittingroom.tasks import copywrite
from fittingroom.tasks.abstaining import Abstention, choose_threshold
from fittingroom.tasks.classify import fit_temperature, probabilities, shifted
from fittingroom.tasks.config import QUESTION, TaskConfig
from fittingroom.tasks.jobs import job_of
from fittingroom.tasks.rows import inputs_of
from fittingroom.training.fit import repeatable
from fittingroom.training.rows import answer_room, encode
from fittingroom.types import Bundle, Folder, Frozen, Splits, Text, Trained
from fittingroom.version import __version__

if TYPE_CHECKING:
    import numpy as np

VERSION = 4
LIBRARIES = ("torch", "transformers", "peft", "safetensors", "tokenizers")

_FEWEST = 20
"""Calibration rows below which no temperature is fitted."""
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")
_LARGE = 500_000_000
"""Parameters from which on weights are kept in the base's own number format; smaller models keep fp32."""


def observes(*, model: ModelConfig, context: Context) -> dict[str, str]:
    """The base model's files; device and number of threads, on which the last bits of the calibration depend."""
    return {
        "base": resolve(model, context.root).digest,
        "device": device().name,
        "threads": str(context.threads),
    }


def package(
    trained: Trained,
    splits: Splits,
    *,
    model: ModelConfig,
    task: TaskConfig,
    prepare: Frozen,
    seed: int,
    context: Context,
) -> Bundle:
    """The bundle. Adapters are merged into the base as its files hold it, never into 4 bits (those of `qlora` learnt
    beside rounded weights, but what they add belongs to the true ones: transformers issue 31293), and calibrated as
    merged: what is measured is what is served.
    """
    started = time.monotonic()
    base = resolve(model, context.root)
    folder = context.scratch / "bundle"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    context.progress("merge", 0, 1)
    _write_weights(trained, base, folder / MODEL)
    _copy_tokenizer(base, folder / TOKENIZER)
    (folder / LICENCE).write_text(base.licence_text, encoding="utf-8")
    labels = trained.facts["labels"]
    renderer = Renderer(load_tokenizer(folder / TOKENIZER), model.think)
    calibration, abstention = _calibrated(trained, splits, task, folder, renderer, context)
    longest = 0 if labels else answer_room(task, labels, renderer, splits.train)
    limit = trained.facts["max_length"] - longest
    ranking = _ranking(limit, splits, task, folder, renderer, seed, context) if task.kind == "recommend" else None
    prepared = prepare.model_dump(mode="json")
    info = BundleInfo(
        task=task,
        labels=labels,
        temperature=calibration["temperature"],
        abstention=abstention,
        prior_shift=splits.facts.get("prior_shift", {}),
        base=BaseRecord(name=model.base, revision=base.revision, digest=base.digest),
        data={name: table.digest for name, table in splits.parts().items()},
        prepare=Preparation.model_validate({name: prepared[name] for name in ("clean", "redact") if name in prepared}),
        max_length=trained.facts["max_length"],
        method="full",  # adapters are merged
        think=renderer.think,
        rank_by=ranking.by if ranking else None,
        attributes=_attributes(splits, task),
        max_tokens=longest,
        golden_prompt=golden_prompt(renderer, task, labels),
    )
    _write_info(folder, info, trained, calibration, seed)
    seal(folder)
    told = dict(calibration)
    if abstention is not None:
        told["abstention"] = abstention.model_dump(mode="json")
        _tell(abstention, context)
    if ranking:
        told["ranking"] = ranking.facts
    asked = [QUESTION] if task.questions else []
    return Bundle(
        folder=Folder(folder),
        facts={
            **told,
            "parameters": trained.facts["parameters"],
            "method": trained.method,
            "labels": labels,
            "base": info.base.model_dump(mode="json"),
            "data": info.data,
            "replay": replayed(splits.dev if splits.dev.rows else splits.train, info.prepare, context.secret, asked),
        },
        timing={"seconds": round(time.monotonic() - started, 1)},
    )


def _write_info(folder: Path, info: BundleInfo, trained: Trained, calibration: dict[str, Any], seed: int) -> None:
    """What the bundle is and where it comes from; what few bundles have is left out where it is empty."""
    lineage = {
        "made_by": f"fittingroom {__version__}",
        "trained": {"method": trained.method, "best_step": trained.best_step, "stopped": trained.stopped, "seed": seed},
        "calibration": calibration,
    }
    rare = ("prior_shift", "abstention", "attributes", "max_tokens", "rank_by")
    left_out = {name for name in rare if not getattr(info, name)}
    write_json(folder / INFO, {**info.model_dump(mode="json", exclude=left_out), **lineage})


def _attributes(splits: Splits, task: TaskConfig) -> list[str]:
    """See `BundleInfo.attributes`."""
    if task.copywrite is None or task.copywrite.drafts == 1:
        return []
    rows = inputs_of(splits.train.arrow())
    return vocabulary(copywrite.attributes_of(given, task) for given in rows)


def _write_weights(trained: Trained, base: BaseModelInfo, target: Path) -> None:
    """Whole weights: as trained, or the base's with adapter or experts put in (in fp32, then stored)."""
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    if trained.method == "full":
        model: Any = load_model(trained.weights.path)
    elif trained.method == "experts":
        model = with_saved(load_model(base.path), trained.weights.path)
    else:
        model = merged(load_model(base.path), trained.weights.path)
    if model.num_parameters() >= _LARGE:
        model = model.to(_base_dtype(base.path))
    model.save_pretrained(str(target))


def _base_dtype(path: Path) -> Any:
    import torch

    said = configured(path, path.name).dtype
    return said if said in (torch.bfloat16, torch.float16, torch.float32) else torch.bfloat16


def _copy_tokenizer(base: BaseModelInfo, target: Path) -> None:
    """The publisher's own files, byte for byte: saving a loaded tokenizer again may change them."""
    target.mkdir()
    for name in _TOKENIZER_FILES:
        if (base.path / name).is_file():
            shutil.copyfile(base.path / name, target / name)


def _ranking(
    limit: int, splits: Splits, task: TaskConfig, folder: Path, renderer: Renderer, seed: int, context: Context
) -> Shelved:
    """The shelf, and the way of scoring that ranks best, through the weights that will be served."""
    with repeatable(context.threads):
        return shelve(
            folder, splits, task, renderer, prompt_limit=limit, seed=seed,
            progress=lambda done, total: context.progress("calibrate", done, total),
        )  # fmt: skip


def _calibrated(
    trained: Trained, splits: Splits, task: TaskConfig, folder: Path, renderer: Renderer, context: Context
) -> tuple[dict[str, Any], Abstention | None]:
    """Fit the temperature on the calibration part, through the weights that will be served; and, where the task wants a
    precision, the confidence that it takes. Where answers are free there are no probabilities of labels to put right.
    """
    import numpy as np

    from fittingroom.models.scoring import score_answers

    labels = trained.facts["labels"]
    length = trained.facts["max_length"]
    if not labels:
        return {"temperature": 1.0, "rows": 0, "fitted": False}, None
    rows = encode(splits.calibration, task=task, labels=labels, renderer=renderer, max_length=length)
    known = np.asarray([at for at, wanted in enumerate(rows.wanted) if wanted >= 0], dtype=np.int64)
    told: dict[str, Any] = {"temperature": 1.0, "rows": len(known), "fitted": False}
    if not len(known) or (len(known) < _FEWEST and task.precision is None):
        return told, None if task.precision is None else choose_threshold([], [], task.precision)
    with repeatable(context.threads):
        raw = score_answers(
            load_to_score(folder / MODEL),
            rows.prompts(range(len(rows))),
            [renderer.answer_ids(said) for said in job_of(task).answers(task, labels)],
            progress=lambda done, total: context.progress("calibrate", done, total),
        )
    scores = rows.label_scores(range(len(rows)), raw)
    scores = shifted(scores, labels, splits.facts.get("prior_shift", {}))
    wanted = np.asarray(rows.wanted)
    if len(known) >= _FEWEST:
        told = _fitted(scores[known], wanted[known])
    if task.precision is None:
        return told, None
    shares = probabilities(scores, told["temperature"])
    sure, best = shares.max(axis=1), shares.argmax(axis=1)
    # A row of "none of these" that nothing was learnt of is wrong whatever is answered.
    return told, choose_threshold(sure, best == wanted, task.precision, out_of_scope=int((wanted < 0).sum()))


def _fitted(scores: np.ndarray, wanted: np.ndarray) -> dict[str, Any]:
    """The temperature, and the loss (nats per row) without and with it."""
    import numpy as np

    temperature = fit_temperature(scores, wanted.tolist())

    def nats(at: float) -> float:
        right = probabilities(scores, at)[np.arange(len(wanted)), wanted]
        return round(float(-np.log(np.maximum(right, 1e-300)).mean()), 6)

    return {
        "temperature": temperature,
        "rows": len(wanted),
        "fitted": True,
        "loss_before": nats(1.0),
        "loss_after": nats(temperature),
    }


def _tell(abstention: Abstention, context: Context) -> None:
    """Say when the wanted precision is out of reach, and how many rows it would take at least."""
    if abstention.threshold is not None:
        return
    best = 0.0 if abstention.lower is None else abstention.lower
    context.note(
        Note(
            "precision_not_reached",
            {"wanted": abstention.wanted, "lower": best, "rows": abstention.rows, "needed": abstention.needed},
            Text(
                en=f"no threshold reaches a precision of {abstention.wanted:.0%} on the {abstention.rows} calibration "
                f"rows (best lower bound {best:.1%}): nothing is withheld. It takes {abstention.needed} sure answers "
                "without a mistake at least: raise split.calibration, bring more rows, or lower task.precision",
                zh=f"校准集 {abstention.rows} 行上没有阈值能达到 {abstention.wanted:.0%} 的精确率"
                f"（最好的下界 {best:.1%}）：不弃答。至少需要 {abstention.needed} 个有把握且无误的答案："
                "请调大 split.calibration、补充数据，或降低 task.precision",
            ),
        )
    )
