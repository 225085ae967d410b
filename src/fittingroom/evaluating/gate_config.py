"""The section `gate` of a recipe."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from fittingroom.evaluating.config import BaselineName
from fittingroom.evaluating.preferred import PairsGate
from fittingroom.types import Frozen

SliceBy = Literal["length", "script", "source", "time", "class", "frequency", "scope", "goods", "customer", "history"]


class SliceFloor(Frozen):
    """What every slice of one kind must reach."""

    at_least: float = Field(ge=0, le=1)
    """The value that the metric of slices (accuracy, for a closed set) must reach in each of them."""
    only: list[str] = Field(default_factory=list)
    """The slices that are judged, by name (`rare`, `zh`, `crm`); empty: all of them."""
    fewest: int = Field(default=30, ge=1)
    """A slice of fewer customers (or conversations, or rows, where rows name none) is small: it decides
    nothing by itself, unless its whole interval lies below the floor."""
    when_small: Literal["skip", "inconclusive"] = "skip"
    """skip: small slices are told, and decide nothing; inconclusive: they leave the gate open."""


class GateConfig(Frozen):
    """The section `gate` of a recipe."""

    metric: str = Field(default="macro_f1", pattern=r"^[a-z][a-z0-9_@]*$")
    """What is judged: a metric of the job, such as macro_f1, accuracy, macro_precision or macro_recall."""
    at_least: float = Field(default=0.8, ge=0, le=1)
    """The value that the metric must reach."""
    better_than: list[BaselineName] = Field(default=["majority", "untuned"])
    """Baselines that must be beaten; each must stand in `evaluate.baselines`."""
    margin: float = Field(default=0.0, ge=0, lt=1)
    """By how much a baseline must be beaten."""
    decide: Literal["bound", "point"] = "bound"
    """bound: the 95 % interval decides, and may leave it open; point: the measured value decides."""
    slices: dict[SliceBy, SliceFloor] = Field(default_factory=dict)
    """Kind of slice -> the floor below which none of them may lie, such as `class: {at_least: 0.5}`."""
    no_worse_than_champion: float | None = Field(default=None, ge=0, lt=1)
    """By how much the metric may lie below that of the former champion, which must stand in `evaluate.baselines`. A
    first release has no champion to be worse than."""
    forgetting: float | None = Field(default=None, ge=0)
    """By how many nats per token the loss on general texts may have risen, at most."""
    latency_ms: float | None = Field(default=None, gt=0)
    """Milliseconds that 95 of 100 answers may take at most, asked one at a time on the machine that judges; at least 20
    must have been asked."""
    pairs: PairsGate | None = None
    """What people must say who compare answers blindly (`review --pairs`). Their word is waited for."""

    @field_validator("better_than")
    @classmethod
    def _once(cls, value: list[str]) -> list[str]:
        if len(set(value)) != len(value):
            raise ValueError("the same baseline stands twice")
        return value

    @model_validator(mode="after")
    def _can_be_met(self) -> GateConfig:
        if self.decide == "bound":
            if self.at_least >= 1:
                raise ValueError(
                    "at_least: 1 can never be met with decide: bound, no lower bound reaches 1; ask for less"
                )
            for by, floor in self.slices.items():
                if floor.at_least >= 1:
                    raise ValueError(
                        f"slices.{by}.at_least: 1 can never be met with decide: bound, no lower bound reaches 1; "
                        "ask for less"
                    )
        if "champion" in self.better_than and self.no_worse_than_champion is not None:
            raise ValueError("champion stands in better_than and in no_worse_than_champion: keep one of them")
        return self
