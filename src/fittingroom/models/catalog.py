"""The catalogue of base models: families, public models, and what is said of them.

The facts stand in `families` (architectures), `known` (public models) and `licences`; `anatomy` counts weights, `needs`
says how much memory they take.
"""

from __future__ import annotations

from fittingroom.models.anatomy import Anatomy, anatomy
from fittingroom.models.families import FAMILIES, Family
from fittingroom.models.known import MODELS, KnownModel
from fittingroom.types import Text

__all__ = ["FAMILIES", "MODELS", "TEMPLATES", "THINKING", "Family", "KnownModel", "find", "licence_statement", "sizes"]

TEMPLATES: dict[str, Text] = {
    "A": Text(
        en="`User: q` and `Assistant: a` as plain words, EOS after the answer",
        zh="以普通文字 `User: q`、`Assistant: a` 书写，答案后为 EOS",
    ),
    "B": Text(
        en="`<｜User｜>q<｜Assistant｜>a`, EOS after the answer",
        zh="`<｜User｜>q<｜Assistant｜>a`，答案后为 EOS",
    ),
    "C": Text(
        en="as B, and `<think>\\n` opens every answer; earlier thoughts are left out; no system turn",
        zh="同 B，但每个回答以 `<think>\\n` 开头；历史中的思考会去掉；不用 system",
    ),
    "D": Text(
        en="as C, with a system turn, and the model opens `<think>` itself",
        zh="同 C，可用 system，`<think>` 由模型自己写出",
    ),
    "E": Text(
        en="as B, with `<think>` or `</think>` behind `<｜Assistant｜>`",
        zh="同 B，`<｜Assistant｜>` 之后为 `<think>` 或 `</think>`",
    ),
    "F": Text(
        en="as E; the publisher ships Python code instead of a Jinja template",
        zh="同 E；官方提供的是 Python 代码而非 Jinja 模板",
    ),
}

THINKING: dict[str, Text] = {
    "never": Text(en="never thinks", zh="不思考"),
    "always": Text(
        en="always thinks first; a shop's answers are trained behind an empty thought",
        zh="总是先思考；商家的答案接在空思考之后训练",
    ),
    "by itself": Text(
        en="thinks by itself; a shop's answers are trained as answers at once",
        zh="自行思考；商家的答案按直接作答训练",
    ),
    "switch": Text(
        en="thinks when asked to; a shop's answers are trained with thinking off",
        zh="可开关思考；商家的答案在关闭思考时训练",
    ),
}
"""What `model.think: auto` makes of each; the recipe can say otherwise."""


def find(name: str) -> KnownModel | None:
    """The public model of this full hub id (`org/name`), upper and lower case alike."""
    return next((model for model in MODELS if model.name.lower() == name.lower()), None)


def sizes(model: KnownModel) -> Anatomy | None:
    """Counted from its shape; None where no formula does."""
    return anatomy({"model_type": model.model_type, **model.shape})


def billions(model: KnownModel) -> tuple[float, float]:
    """Total and active parameters in billions: counted, or else as the card states them."""
    counted = sizes(model)
    if counted is not None:
        return counted.parameters / 1e9, counted.active / 1e9
    assert model.stated is not None, model.name
    return model.stated


def licence_statement(name: str, recognised: KnownModel | None) -> str:
    """What stands in `LICENSE.base` when the model's folder holds no licence file."""
    if name == "nano":
        return "The built-in model 'nano' is part of fittingroom and stands under its licence, Apache-2.0.\n"
    if recognised is None:
        return (
            f"The folder of the base model '{name}' holds no licence file. Ask its publisher before you pass it on.\n"
        )
    return (
        f"Base model: {recognised.name}\nLicence as the publisher states it: {recognised.licence.name}\n"
        f"{recognised.licence.limits.en}\n"
        "The downloaded folder held no licence file; the full text is on the model's page.\n"
    )
