"""What a recipe says and nothing reads: a setting of a method, a schedule or an engine that is not the one chosen.

Only what somebody wrote is looked at, and only where it differs from the default: remedies patch a whole configuration,
in which every key has a value. For the same reason what stands on the command line is tried on a recipe as it is: what
the recipe says for the method that it had is left standing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from fittingroom.engine import EngineConfig
from fittingroom.errors import RecipeError
from fittingroom.training.config import TrainConfig
from fittingroom.training.finders.space import SearchConfig

_OF_ADAPTERS = ("lora_rank", "lora_alpha")


class Idle(NamedTuple):
    """A key without effect."""

    key: str
    wants: str
    """What it would take for it to have one."""


def idle_in(values: Mapping[str, Any], train: TrainConfig, search: SearchConfig, engine: EngineConfig) -> list[Idle]:
    """Keys of `values`, a recipe or a part of one as it was written, that change nothing under these sections."""
    return [
        one for one in _idle(train, search, engine) if _written(values, one.key) and _differs(one.key, train, engine)
    ]


def refuse_idle(found: Sequence[Idle], *, place: str) -> None:
    """Raises RecipeError for the first of them."""
    for key, wants in found:
        raise RecipeError(
            f"changes nothing here, it is for {wants}: take it out, or set that",
            f"在这里不起作用，它只用于 {wants}：请删去，或改用该设置",
            place=f"{place}: {key}",
        )


def _idle(train: TrainConfig, search: SearchConfig, engine: EngineConfig) -> Iterator[Idle]:
    if train.method not in ("lora", "qlora"):
        for name in _OF_ADAPTERS:
            yield Idle(f"train.{name}", "train.method: lora / qlora")
    if train.method != "experts":
        yield Idle("train.experts", "train.method: experts")
    if "wsd" not in (train.schedule, *search.choices().get("schedule", [])):
        yield Idle("train.decay", "train.schedule: wsd")
    if not (train.freeze.layers or train.freeze.embeddings):
        for name in ("unfreeze_after", "unfreeze_over"):
            yield Idle(f"train.freeze.{name}", "train.freeze.layers / train.freeze.embeddings")
    if engine.kind != "ray":
        yield Idle("engine.address", "engine.kind: ray")


def _written(values: Mapping[str, Any], key: str) -> bool:
    here: Any = values
    for step in key.split("."):
        if not isinstance(here, Mapping) or step not in here:
            return False
        here = here[step]
    return True


def _differs(key: str, train: TrainConfig, engine: EngineConfig) -> bool:
    """Whether its value is another than the default."""
    found: Any = {"train": train, "engine": engine}
    usual: Any = {"train": TrainConfig(), "engine": EngineConfig()}
    first, *rest = key.split(".")
    found, usual = found[first], usual[first]
    for step in rest:
        found, usual = getattr(found, step), getattr(usual, step)
    return bool(found != usual)
