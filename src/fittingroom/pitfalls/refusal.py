"""What the gate said no to, beside what was measured: seen by the pitfalls that look `after` a refusal.

A cause that only the gate's own limits can tell (an answer that takes too long, a slice below its floor) is found here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import Field

from fittingroom.types import Check, EvalReport, Examination, GateDecision, Output, Verdict

AFTER = "refusal"
SCORE, FORGETTING, LATENCY = "score", "forgetting", "latency"
"""What a condition stands on, and so what a remedy must move to turn it."""
_BY_NAME = {"forgetting": FORGETTING, "latency_ms": LATENCY, "unscored": ""}
_MANY = 1_000_000
"""Rows beyond which nobody will collect what it takes."""


class Refused(Output):
    """A no of the gate, and what was measured of the attempt."""

    checks: list[Check]
    """Those that did not pass."""
    timing: dict[str, float] = Field(default_factory=dict)
    """As in `EvalReport`: p50_ms, p95_ms, latency_rows."""
    tokens: dict[str, float] = Field(default_factory=dict)
    """`Plan.tokens`."""
    classes: dict[str, dict[str, float]] = Field(default_factory=dict)
    """As in `Examination`."""
    rows: dict[str, int] = Field(default_factory=dict)
    """Of train and dev."""

    @classmethod
    def of(cls, decision: GateDecision, report: EvalReport, examined: Examination) -> Refused:
        """The refusal of one attempt."""
        return cls(
            checks=unmet(decision), timing=report.timing, tokens=examined.tokens, classes=examined.classes,
            rows=examined.rows,
        )  # fmt: skip

    def failed(self, name: str) -> Iterator[Check]:
        """The failed conditions whose name is, or ends with, `name`."""
        return (one for one in self.checks if one.verdict is Verdict.FAIL and one.name.endswith(name))


def unmet(decision: GateDecision) -> list[Check]:
    """The conditions that did not pass."""
    return [check for check in decision.checks if check.verdict is not Verdict.PASS]


def moved_by(check: Check) -> str:
    """What must move to turn this condition; empty where no training can: nothing was measured there, or rows could not
    be judged.
    """
    if check.verdict is Verdict.INCONCLUSIVE and not _spread(check):
        return ""
    return _BY_NAME.get(check.name, SCORE)


def lacks_rows(check: Check) -> bool:
    """Whether a condition is open because there are too few rows to tell, and more would tell.

    Where the value sits on its limit no number of rows would, but a better model.
    """
    if check.verdict is not Verdict.INCONCLUSIVE:
        return False
    if check.measured.get("rows") == 0:
        return True
    spread = _spread(check)
    if not spread:
        return False
    value, rows = _value(check.measured), _first(check.measured, ("rows", "texts", "judged"), 1.0)
    gap = abs(value - check.limit)
    return gap > 0 and rows * (spread / (2 * gap)) ** 2 <= _MANY


def only_rows(checks: Sequence[Check]) -> bool:
    """Whether more rows, not another training, are what all these conditions ask for."""
    return bool(checks) and all(lacks_rows(check) for check in checks)


def _spread(check: Check) -> float:
    """Width of the interval; 0 where none was measured."""
    return check.measured["high"] - check.measured["low"] if {"low", "high"} <= check.measured.keys() else 0.0


def _value(measured: dict[str, Any]) -> float:
    return _first(measured, ("value", "difference", "rise"), (measured["low"] + measured["high"]) / 2)


def _first(measured: dict[str, Any], names: Sequence[str], otherwise: float) -> float:
    return next((float(measured[name]) for name in names if name in measured), otherwise)
