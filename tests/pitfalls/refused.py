"""Refusals of the gate, judged by its own conditions on a made-up report."""

from __future__ import annotations

from typing import Any

from fittingroom.evaluating.gate_config import GateConfig
from fittingroom.pitfalls.refusal import Refused
from fittingroom.stages.gate import gate
from fittingroom.tables import Table
from fittingroom.types import EvalReport, Examination, GateDecision, Interval, Score

HIGH = Interval(value=0.95, low=0.92, high=0.97)


def report(**told: Any) -> EvalReport:
    """A good model on 200 rows; `told` replaces fields."""
    import pyarrow as pa

    values: dict[str, Any] = {
        "part": "dev",
        "labels": ["a", "b"],
        "model": Score(name="model", metrics={"macro_f1": HIGH, "accuracy": HIGH}),
        "baselines": [],
        "confusion": [[95, 5], [5, 95]],
        "predictions": Table.of(pa.table({"id": ["row-1"]})),
        "rows": 200,
    }
    return EvalReport(**{**values, **told})


def decided(found: EvalReport, **conditions: Any) -> GateDecision:
    """What the gate says of it."""
    return gate(found, gate=GateConfig(better_than=[], **conditions))


def refused(found: EvalReport, *, classes: dict[str, dict[str, float]] | None = None, **conditions: Any) -> Refused:
    """The refusal of it."""
    examined = Examination(steps=[], evals=[], best_step=0, stopped="completed", classes=classes or {})
    return Refused.of(decided(found, **conditions), found, examined)


def poor(value: float = 0.5) -> EvalReport:
    """A model that is surely below the threshold, and nothing else."""
    low = Interval(value=value, low=value - 0.05, high=value + 0.05)
    return report(model=Score(name="model", metrics={"macro_f1": low, "accuracy": low}))
