"""The section `evaluate` of a recipe, and which baselines a job can be set beside."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from fittingroom.types import Frozen

BaselineName = Literal["majority", "tfidf", "untuned"]

OFFERED: dict[str, tuple[str, ...]] = {"classify": ("majority", "tfidf", "untuned")}
"""Kind of job -> the baselines that it can be set beside, in the order in which they are shown."""

STANDARD: dict[str, tuple[str, ...]] = {"classify": ("majority", "tfidf", "untuned")}
"""Kind of job -> the baselines that it is set beside where the recipe names none: those that cost little."""


class EvaluateConfig(Frozen):
    """The section `evaluate` of a recipe."""

    baselines: list[BaselineName] = Field(default=["majority", "tfidf", "untuned"])
    """majority: the most frequent answer of train; tfidf: a linear model on the same train rows; untuned: the base
    model with the same prompts and labels, before tuning."""
    replicates: int = Field(default=1000, ge=200, le=20_000)
    """Bootstrap replicates behind every interval."""
    bins: int = Field(default=10, ge=2, le=50)
    """Bins of the reliability table (equal width)."""
    untuned_rows: int = Field(default=400, ge=20)
    """At most this many rows go through the untuned model, which is as slow as ours: a sample fixed by the seed. Its
    comparison is paired on those rows only; `facts` says how many there were."""

    @field_validator("baselines")
    @classmethod
    def _once(cls, value: list[BaselineName]) -> list[BaselineName]:
        if len(set(value)) != len(value):
            raise ValueError("the same baseline stands twice")
        return value
