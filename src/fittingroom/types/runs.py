"""A run and its attempts, as faces and the registry show them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from fittingroom.types.judged import Verdict
from fittingroom.types.pits import Came, Expected, Finding
from fittingroom.types.plain import Frozen, Text

RunStatus = Literal["running", "waiting", "passed", "failed", "inconclusive", "interrupted", "error"]


class Attempt(Frozen):
    """One pass over the road: what was changed, why, what was expected, what came."""

    number: int
    config_digest: str
    patch: dict[str, Any] = Field(default_factory=dict)
    base: int = 0
    """Number of the attempt whose configuration was changed: the best one before; 0 for the first."""
    cause: str = ""
    """Id of the pitfall whose remedy made this attempt, or `search`; empty for the first."""
    expectation: Text | None = None
    """What was expected, in words; the number is in `expected`."""
    expected: Expected | None = None
    came: Came | None = None
    """What came of it; None where one of the two was not judged."""
    metrics: dict[str, float] = Field(default_factory=dict)
    verdict: Verdict | None = None
    findings: list[Finding] = Field(default_factory=list)
    bundle: str = ""
    minutes: float = 0.0
    cost: dict[str, float] = Field(default_factory=dict)
    """What endpoints asked for it, by currency."""


class RunSummary(Frozen):
    """A run as faces show it; `--json` prints this, its schema is frozen by a test."""

    id: str
    name: str
    status: RunStatus
    metrics: dict[str, float] = Field(default_factory=dict)
    """Scores of the attempt that counts: `dev.macro_f1`, `test.macro_f1`, … Of an attempt that passed, else of the best
    by the gate's metric."""
    decision: Verdict | None = None
    """The last verdict on that attempt."""
    release: int | None = None
    attempts: list[Attempt] = Field(default_factory=list)
    report: str = ""
    message: Text | None = None
    digests: dict[str, str] = Field(default_factory=dict)
    """Digest of every part of the data that the last attempt used."""
    judged_by: str = ""
    """The metric that the gate decides on."""


class Release(Frozen):
    """An immutable version in the registry."""

    version: int
    bundle: str
    run: str
    name: str
    base: str
    metrics: dict[str, float]
    created: str
