"""What judging puts out: scores with intervals, and what the gate decides."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar, Literal

from pydantic import Field

from fittingroom.tables import Table
from fittingroom.types.outputs import Output
from fittingroom.types.plain import Frozen, Text


class Interval(Frozen):
    """A value with its bootstrap interval."""

    value: float
    low: float
    high: float


class Score(Frozen):
    """How one contestant (our model or a baseline) did on one part."""

    name: str
    metrics: dict[str, Interval]
    """accuracy, macro_f1, macro_precision, macro_recall."""
    per_class: dict[str, dict[str, float]] = Field(default_factory=dict)
    """label -> precision, recall, f1, support."""
    difference: dict[str, Interval] = Field(default_factory=dict)
    """For a baseline: our model minus this baseline, paired bootstrap over groups, per metric."""
    p_values: dict[str, float] = Field(default_factory=dict)
    """For a baseline: how often a difference as large would come of two that are alike (paired randomisation test)."""
    error: str = ""
    """Why it could not be scored; then `metrics` is empty and the rest of the report still stands."""
    error_zh: str = ""
    """The same in Chinese."""

    def why(self, language: str) -> str:
        """The reason in that language."""
        return self.error_zh or self.error if language.startswith("zh") else self.error


class EvalReport(Output):
    """One part, judged: our model beside the baselines."""

    VOLATILE: ClassVar[tuple[str, ...]] = ("timing",)
    part: Literal["dev", "test"]
    labels: list[str]
    model: Score
    baselines: list[Score]
    confusion: list[list[int]]
    """confusion[i][j]: rows of true label i predicted as label j."""
    predictions: Table
    """id, group, target, predicted, confidence, probabilities (in the order of `labels`), one column per baseline."""
    rows: int
    unscored: int = 0
    facts: dict[str, Any] = Field(default_factory=dict)
    """calibration (ECE, bins), slices, distribution of predictions, digest of the part, baseline_rows; truncated
    inputs, unscored by reason, order, alone, abstention, none_of_these; forgetting and champion. What could not be
    measured has `error`."""
    timing: dict[str, float] = Field(default_factory=dict)


class Opened(Output):
    """The test part was opened for a release."""

    number: int
    """The how-manieth bundle this is that is judged on these rows."""


class Verdict(StrEnum):
    """What the gate says."""

    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"


class Check(Frozen):
    """One condition of the gate."""

    name: str
    verdict: Verdict
    measured: dict[str, float]
    limit: float
    reason: Text


class GateDecision(Output):
    """The verdict over all conditions; INCONCLUSIVE never deploys."""

    part: Literal["dev", "test"]
    verdict: Verdict
    checks: list[Check]
