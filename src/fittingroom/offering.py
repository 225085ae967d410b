"""What base models there are, and which of them this machine can train by a recipe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from fittingroom.errors import ModelError
from fittingroom.models.anatomy import Anatomy, anatomy
from fittingroom.models.catalog import FAMILIES, MODELS, TEMPLATES, THINKING, KnownModel, billions, sizes
from fittingroom.models.memory import Method, Precision, estimate
from fittingroom.models.needs import METHODS, refuse_too_large, state_bytes
from fittingroom.types import Frozen, Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fittingroom.config import RunConfig
    from fittingroom.models.device import Device
    from fittingroom.models.load import BaseModelInfo
    from fittingroom.models.shape import Shape

_RANK = 16
"""Of the adapters in the table; a recipe brings its own."""
_USABLE = 0.8
"""Share of a device's memory that training may plan with."""
_LENGTH = 1024
"""Tokens of a row where the recipe leaves `train.max_length` to be measured."""
_ANSWER = 16
_ARITHMETIC: dict[str, Precision] = {"fp32": "float32", "mixed": "mixed", "bf16": "bfloat16"}


class ModelRow(Frozen):
    """One base model that the catalogue knows."""

    name: str
    architecture: str
    parameters: str
    context: int
    """Tokens."""
    template: str
    """Letter of the chat format."""
    format: Text
    thinking: Text
    marks: dict[str, int] = Field(default_factory=dict)
    """Published ids of the special tokens."""
    lora_targets: str = ""
    """Regular expression over module names."""
    weights: str
    """Number format of the published files."""
    lora: int | None = None
    """Bytes of weights and optimiser: base in bf16, adapters of rank 16."""
    qlora: int | None = None
    full: int | None = None
    licence: str
    use_limits: Text
    refused: Text | None = None
    """Why it is not loaded."""
    note: Text | None = None
    fits: dict[str, bool] = Field(default_factory=dict)
    """Method -> whether one row fits on this machine; empty without a recipe."""


class Need(Frozen):
    """What the recipe's base takes by one method."""

    method: Method
    bytes: int
    """For one row at a time."""
    fits: bool
    why: Text | None = None


class Machine(Frozen):
    """What fits on this machine by a recipe."""

    recipe: str
    base: str
    recognised: Text
    device: str
    memory_bytes: int
    usable_bytes: int
    method: str
    """As the recipe says."""
    length: int
    """Tokens of a row that the figures are for."""
    needs: list[Need]


class ModelTable(Frozen):
    """The catalogue, and with a recipe what fits."""

    models: list[ModelRow]
    machine: Machine | None = None


def catalogue() -> list[ModelRow]:
    """All models, the built-in one first."""
    return [_nano(), *(_row(model) for model in MODELS)]


def _row(model: KnownModel) -> ModelRow:
    total, active = billions(model)
    size = _billions(total)
    family = FAMILIES.get(model.model_type)
    marks = model.marks
    named = {} if marks is None else {name: value for name, value in vars(marks).items() if value is not None}
    return ModelRow(
        name=model.name,
        architecture=model.model_type,
        parameters=size if active == total else f"{size} ({_billions(active)} active)",
        context=model.context,
        template=model.template,
        format=TEMPLATES[model.template],
        thinking=THINKING[model.thinking],
        marks=named,
        lora_targets=family.lora_targets if family is not None else "",
        weights=model.weights,
        licence=model.licence.name,
        use_limits=model.licence.limits,
        refused=model.refused,
        note=None if model.chat else Text(en="continues texts; not tuned for chat", zh="续写文本，未做对话微调"),
        **_columns(sizes(model), total),
    )


def _billions(count: float) -> str:
    return f"{count:,.0f} B" if count >= 100 else f"{count:.3g} B"


def _columns(counted: Anatomy | None, billion: float) -> dict[Method, int]:
    if counted is None:  # only the total is published: adapters and what stays whole cannot be counted
        return {"lora": round(2e9 * billion), "full": round(16e9 * billion)}
    return {method: state_bytes(counted, method, rank=_RANK) for method in METHODS}


def _nano_config() -> dict[str, Any]:
    from fittingroom.models.nano import nano_path

    config: dict[str, Any] = json.loads((nano_path() / "config.json").read_text(encoding="utf-8"))
    return config


def _nano() -> ModelRow:
    config = _nano_config()
    counted = anatomy(config)
    assert counted is not None
    return ModelRow(
        name="nano",
        architecture=str(config["model_type"]),
        parameters=f"{counted.parameters / 1e6:.3g} M",
        context=int(config["max_position_embeddings"]),
        template="B",
        format=TEMPLATES["B"],
        thinking=THINKING["never"],
        marks={"bos": int(config["bos_token_id"]), "eos": int(config["eos_token_id"])},
        lora_targets=FAMILIES[str(config["model_type"])].lora_targets,
        weights="bf16",
        licence="Apache-2.0",
        use_limits=Text(en="that of fittingroom itself", zh="同 fittingroom 本身"),
        note=Text(
            en="built in; a stand-in for trying the road, its scores say nothing about real DeepSeek models",
            zh="内置替身，用于走通流程；其分数不能说明真实 DeepSeek 模型的水平",
        ),
        **_columns(counted, 0.0),
    )


def offered(config: RunConfig, recipe: str, root: Path) -> ModelTable:
    """The catalogue with a verdict for each method, and what the recipe's own base takes. Nothing is downloaded."""
    from fittingroom.models.device import device

    where = device(config.train.device)
    usable = int(where.memory * _USABLE)
    length = config.train.max_length if isinstance(config.train.max_length, int) else _LENGTH

    def needs(said: Mapping[str, Any]) -> list[Need]:
        shape = _shape(said)
        if shape is None:
            return []
        return [_loadable(_need(shape, config, method, length, where, _half(said)), said) for method in METHODS]

    found: dict[str, list[Need]] = {}  # many public models share one shape
    rows = []
    for row, said in zip(catalogue(), [_nano_config(), *map(_said, MODELS)], strict=True):
        key = json.dumps(said, sort_keys=True)
        if not row.refused and key not in found:
            found[key] = needs(said)
        fits = {} if row.refused else {need.method: need.fits for need in found[key]}
        rows.append(row.model_copy(update={"fits": fits}))
    told, own = _base(config, root)
    machine = Machine(
        recipe=recipe,
        base=config.model.base,
        recognised=told,
        device=where.name,
        memory_bytes=where.memory,
        usable_bytes=usable,
        method=config.train.method,
        length=length,
        needs=[] if own is None else needs(own),
    )
    return ModelTable(models=rows, machine=machine)


def _said(model: KnownModel) -> dict[str, Any]:
    return {"model_type": model.model_type, **model.shape}


def _base(config: RunConfig, root: Path) -> tuple[Text, Mapping[str, Any] | None]:
    """What the recipe's base is, and its configuration: a folder by its files, a hub id by the catalogue alone."""
    from fittingroom.models.configuration import read_config
    from fittingroom.models.load import local_folder
    from fittingroom.models.recognise import recognise, recognise_id

    if (folder := local_folder(config.model, root)) is not None:
        said = read_config(folder, f"model.base = {config.model.base}")
        nano = Text(en="nano, the built-in stand-in", zh="内置替身 nano")
        return (nano if config.model.base == "nano" else recognise(folder, said).told()), said
    known = recognise_id(config.model.base)
    if known is None:
        return Text(en="not known before it is downloaded", zh="下载之前无法识别"), None
    return Text(en=known.name, zh=known.name), _said(known)


def refuse_unfit(config: RunConfig, base: BaseModelInfo) -> None:
    """Before anything is read or loaded: refuse a base whose weights and optimiser alone do not fit by the recipe's
    method. Raises ModelError.
    """
    from fittingroom.models.configuration import read_config
    from fittingroom.models.device import device
    from fittingroom.models.nf4 import demand

    said, method = read_config(base.path, base.name), config.train.method
    shape, where = _shape(said), device(config.train.device)
    if shape is None:
        return
    if method == "qlora":
        demand(where)
    spread = config.engine.sharding != "none" and method != "qlora"
    # Over several processes at least an equal part each; `configure` reckons what they hold together for a moment.
    least = _need(shape, config, method, 0, where, _half(said)).bytes // (config.engine.processes if spread else 1)
    if least > where.memory * _USABLE:
        raise ModelError(
            f"train.method {method} takes at least {least / 2**30:,.1f} GiB, and of the "
            f"{where.memory / 2**30:,.1f} GiB "
            f"of {where.name} it may use {_USABLE:.0%}: choose a smaller base model or another method; "
            "`fittingroom models` says what fits",
            f"train.method 为 {method} 时至少需要 {least / 2**30:,.1f} GiB，"
            f"而 {where.name} 的 {where.memory / 2**30:,.1f} GiB 中可用 {_USABLE:.0%}："
            "请选择更小的基座模型或其他方法；`fittingroom models` 会列出可用的",
            place=f"model.base = {config.model.base}",
        )


def _shape(said: Mapping[str, Any]) -> Shape | None:
    """What memory depends on, without weights; None where the configuration does not tell all of it."""
    from fittingroom.models.shape import Shape

    return Shape.from_config(said)


def _half(said: Mapping[str, Any]) -> bool:
    """Whether the files hold 16 bits, as all published models do that a catalogue's shape stands for."""
    return str(said.get("dtype") or said.get("torch_dtype") or "bfloat16") in ("bfloat16", "float16")


def _loadable(need: Need, said: Mapping[str, Any]) -> Need:
    """The same need, not fitting where `resolve` would refuse the model: weights pass through this machine's memory on
    their way to any device.
    """
    counted = anatomy(dict(said))
    try:
        if counted is not None:
            refuse_too_large(counted.parameters, "")
    except ModelError as error:
        return need.model_copy(update={"fits": False, "why": Text(en=error.en, zh=error.zh)})
    return need


def _need(shape: Shape, config: RunConfig, method: Method, tokens: int, where: Device, half: bool) -> Need:
    """What the recipe takes by a method, with passes of one row of `tokens` tokens; 0: weights and optimiser alone."""
    from fittingroom.models.device import precision
    from fittingroom.models.nf4 import demand

    train, usable = config.train, int(where.memory * _USABLE)
    chosen, _ = precision(train.precision, where.kind)
    computed = _ARITHMETIC["bf16" if half and method == "lora" and chosen == "mixed" else chosen]
    takes = estimate(
        shape, method=method, tokens=tokens, answers=min(tokens, _ANSWER), longest=tokens, rank=train.lora_rank,
        dropout=train.dropout, checkpointing=train.activation_checkpointing != "off", precision=computed,
        device=where.kind, master=chosen != "bf16", experts=train.experts.share,
    )  # fmt: skip
    held, total = takes.parts["weights"], takes.total
    why: Text | None = None
    if total > usable:
        why = Text(
            en=f"the weights alone take {held / 2**30:,.1f} GiB" if held > usable else "too little is left to train",
            zh=f"仅权重就占 {held / 2**30:,.1f} GiB" if held > usable else "剩余内存不足以训练",
        )
    if method == "qlora":
        try:
            demand(where)
        except ModelError as error:
            why = Text(en=error.en, zh=error.zh)
    return Need(method=method, bytes=total, fits=why is None, why=why)
