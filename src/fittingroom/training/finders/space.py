"""The section `search` of a recipe: what is searched, and how long."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from fittingroom.errors import RecipeError
from fittingroom.training.config import TrainConfig
from fittingroom.types import Frozen
from fittingroom.values import wrong

Range = tuple[float, float] | tuple[float, float, Literal["log"]]
"""Lowest and highest value; with `log` searched evenly in the logarithm."""


class SearchConfig(Frozen):
    """What `fittingroom search` tries, each value within the bounds of the same key of `train`; empty: not searched."""

    learning_rate: Range | None = None
    """Lowest and highest, such as [1.0e-4, 1.0e-2, log]."""
    batch_size: list[Annotated[int, Field(ge=1, le=4096)]] = Field(default_factory=list)
    """Values to choose from."""
    lora_rank: list[Annotated[int, Field(ge=1, le=1024)]] = Field(default_factory=list)
    """Values to choose from."""
    lora_alpha: list[Annotated[float, Field(gt=0, le=4096)]] = Field(default_factory=list)
    """Values to choose from."""
    schedule: list[Literal["cosine", "linear", "constant", "step", "wsd"]] = Field(default_factory=list)
    """Names to choose from."""
    weight_decay: Range | None = None
    """Lowest and highest."""
    dropout: Range | None = None
    """Lowest and highest."""
    label_smoothing: Range | None = None
    """Lowest and highest."""
    warmup: Range | None = None
    """Lowest and highest share of the steps."""
    trials: int = Field(default=20, ge=1, le=10_000)
    """Short trainings at most."""
    minutes: float = Field(default=30.0, gt=0)
    """No new training begins when the search has used this many."""
    share: float = Field(default=0.5, gt=0, le=1)
    """Share of the recipe's epochs that a short training takes."""

    @model_validator(mode="after")
    def _ranges_are_ranges(self) -> SearchConfig:
        for name, limits in self.ranges().items():
            low, high = float(limits[0]), float(limits[1])
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                raise ValueError(f"search.{name} needs a lowest and a higher highest value, not {list(limits)}")
            if len(limits) == 3 and low <= 0:
                raise ValueError(f"search.{name} is searched in the logarithm: its lowest value must be above 0")
        return self

    def ranges(self) -> dict[str, tuple[Any, ...]]:
        """Name -> limits, of what is searched between two values."""
        named = {name: getattr(self, name) for name in _RANGES}
        return {name: limits for name, limits in named.items() if limits is not None}

    def choices(self) -> dict[str, list[Any]]:
        """Name -> values, of what is chosen from a list."""
        return {name: list(getattr(self, name)) for name in _CHOICES if getattr(self, name)}


_RANGES = ("learning_rate", "weight_decay", "dropout", "label_smoothing", "warmup")
_CHOICES = ("batch_size", "lora_rank", "lora_alpha", "schedule")
_OF_ADAPTERS = ("lora_rank", "lora_alpha")


def with_values(train: TrainConfig, values: Mapping[str, Any]) -> TrainConfig:
    """The section `train` with a trial's values in place. Raises RecipeError for one that `train` would refuse."""
    try:
        return TrainConfig.model_validate({**train.model_dump(), **values})
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        said = wrong(dict(problem))
        keys = [str(problem["loc"][0])] if problem["loc"] else [name for name in values if name in _TOGETHER]
        place = ", ".join(f"search.{key} = {values.get(key)}" for key in keys) or "search"
        raise RecipeError(f"train does not take it: {said.en}", f"train 不接受该值：{said.zh}", place=place) from None


_TOGETHER = ("schedule", "warmup")
"""Values that `train` looks at together."""


def refuse_unsearchable(search: SearchConfig, train: TrainConfig) -> None:
    """Refuse, before anything is trained, a value out of the bounds of `train`, and one that would change nothing.
    Raises RecipeError.
    """
    for name in _OF_ADAPTERS:
        if train.method not in ("lora", "qlora") and name in search.choices():
            raise RecipeError(
                f"there are no adapters with train.method {train.method}, so that every training would be the same: "
                "leave it out",
                f"train.method 为 {train.method} 时没有适配器，各次训练会完全相同：请删去",
                place=f"search.{name}",
            )
    tried = {name: list(limits[:2]) for name, limits in search.ranges().items()} | search.choices()
    for name, values in tried.items():
        for value in values:
            with_values(train, {name: value})
    for schedule in tried.get("schedule", []):
        for warmup in tried.get("warmup", []):
            with_values(train, {"schedule": schedule, "warmup": warmup})
