"""The section `evaluate` of a recipe, and which baselines a job can be set beside."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from fittingroom.types import Frozen

BaselineName = Literal["majority", "tfidf", "untuned", "api"]

OFFERED: dict[str, tuple[str, ...]] = {"classify": ("majority", "tfidf", "untuned", "api")}
"""Kind of job -> the baselines that it can be set beside, in the order in which they are shown."""

STANDARD: dict[str, tuple[str, ...]] = {"classify": ("majority", "tfidf", "untuned")}
"""Kind of job -> the baselines that it is set beside where the recipe names none: those that cost little."""


class ApiBaselineConfig(Frozen):
    """A hosted model as a contestant. It costs money, and redacted texts leave the machine."""

    endpoint: str = Field(min_length=1)
    """Who is asked: a name of the section `endpoints`."""
    max_rows: int = Field(default=400, ge=20, le=1_000_000)
    """At most this many rows are asked, a sample fixed by the seed. Its comparison is paired on those that it answered
    with a label of the set; the others are unscored."""


class EvaluateConfig(Frozen):
    """The section `evaluate` of a recipe."""

    baselines: list[BaselineName] = Field(default=["majority", "tfidf", "untuned"])
    """majority: the most frequent answer of train; tfidf: a linear model on the same train rows; untuned: the base
    model with the same prompts and labels, before tuning; api: the hosted model that `evaluate.api` names."""
    replicates: int = Field(default=1000, ge=200, le=20_000)
    """Bootstrap replicates behind every interval."""
    bins: int = Field(default=10, ge=2, le=50)
    """Bins of the reliability table (equal width)."""
    untuned_rows: int = Field(default=400, ge=20)
    """At most this many rows go through the untuned model, which is as slow as ours: a sample fixed by the seed. Its
    comparison is paired on those rows only; `facts` says how many there were."""

    api: ApiBaselineConfig | None = None
    """Who is asked for the baseline `api`."""

    @model_validator(mode="after")
    def _api_is_named(self) -> EvaluateConfig:
        if ("api" in self.baselines) != (self.api is not None):
            raise ValueError(
                "the baseline api and the section evaluate.api belong together: add the one that is missing"
            )
        return self

    @field_validator("baselines")
    @classmethod
    def _once(cls, value: list[BaselineName]) -> list[BaselineName]:
        if len(set(value)) != len(value):
            raise ValueError("the same baseline stands twice")
        return value
