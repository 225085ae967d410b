"""The section `search` of a recipe: what is searched, and how long."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from fittingroom.types import Frozen

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
    schedule: list[Literal["cosine", "linear", "constant", "step"]] = Field(default_factory=list)
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
