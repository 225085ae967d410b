"""A run in figures: what `report --json` prints and what the Markdown for a pull request is written from.

It holds no text of any row: ids and numbers only, so that it can be pasted anywhere.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from fittingroom.report.beside import Told, beside
from fittingroom.report.data import AttemptView, Change, ReportData
from fittingroom.report.scores import primary
from fittingroom.types import Came, Check, EvalReport, Frozen, Interval, RunStatus, Score, Text, Verdict


class AttemptLine(Frozen):
    """One attempt: what was changed, why, what was expected, what came."""

    number: int
    cause: str = ""
    """Id of the pitfall whose remedy made it."""
    changed: list[Change] = Field(default_factory=list)
    expected: Text | None = None
    came: Came | None = None
    """What the change did to the score it was made for; None where it was not judged."""
    metrics: dict[str, float] = Field(default_factory=dict)
    verdict: Verdict | None = None
    """None where it was stopped before it could be judged."""
    minutes: float = 0.0
    cost: dict[str, float] = Field(default_factory=dict)
    """What endpoints asked for it, by currency."""
    findings: list[str] = Field(default_factory=list)
    """Ids of the pitfalls that were met."""


class Standing(Frozen):
    """A contestant on the part that counts."""

    name: str
    metrics: dict[str, Interval] = Field(default_factory=dict)
    difference: dict[str, Interval] = Field(default_factory=dict)
    """Our model minus this one, on the same rows."""
    rows: int = 0
    """Rows that it answered; a slow baseline may have seen a sample."""
    error: str = ""
    """Why it could not be scored."""
    error_zh: str = ""
    """The same in Chinese."""


class ReportSummary(Frozen):
    """A run in figures."""

    report: str = ""
    """Path of the page."""
    id: str
    name: str
    status: RunStatus
    message: Text | None = None
    task: str
    base: str
    stand_in: bool
    """Whether the base model is the built-in one, with which results say nothing about real DeepSeek models."""
    metric: str
    """The metric that the gate judges."""
    part: str = ""
    """The part that counts: test where it was opened, else dev; empty where nothing was judged."""
    attempt: int = 0
    """Number of the attempt whose scores these are; 0 where nothing was judged."""
    whose: Text | None = None
    """Said where a later attempt was judged and is not better."""
    rows: int = 0
    unscored: int = 0
    contestants: list[Standing] = Field(default_factory=list)
    """Our model first."""
    beside: list[Told] = Field(default_factory=list)
    """What a judge model said and how far people agree, what an API labelled, at which cost; what could be ranked."""
    verdict: Verdict | None = None
    checks: list[Check] = Field(default_factory=list)
    calibration: dict[str, float] = Field(default_factory=dict)
    attempts: list[AttemptLine] = Field(default_factory=list)
    minutes: float = 0.0
    release: int | None = None


def summary_of(data: ReportData, page: str = "") -> ReportSummary:
    """The figures of a gathered run."""
    judged, decision = data.last_judged(), data.last_decision()
    found: dict[str, Any] = judged.facts.get("calibration", {}) if judged is not None else {}
    return ReportSummary(
        report=page,
        id=data.run.id,
        name=data.run.name,
        status=data.run.status,
        message=data.run.message,
        task=data.task,
        base=data.base,
        stand_in=data.stand_in,
        metric=primary(data),
        part=judged.part if judged is not None else "",
        attempt=_number(data),
        whose=whose(data),
        rows=judged.rows if judged is not None else 0,
        unscored=judged.unscored if judged is not None else 0,
        contestants=_contestants(judged) if judged is not None else [],
        beside=beside(data),
        verdict=decision.verdict if decision is not None else None,
        checks=decision.checks if decision is not None else [],
        calibration={name: float(value) for name, value in found.items() if isinstance(value, int | float)},
        attempts=[_line(view) for view in data.attempts],
        minutes=data.minutes,
        release=data.run.release,
    )


def _number(data: ReportData) -> int:
    leading = data.leading()
    return leading.attempt.number if leading is not None else 0


def whose(data: ReportData) -> Text | None:
    """Which attempt the scores are of, where a later one was judged and is not better."""
    number = _number(data)
    later = [view.attempt.number for view in data.attempts if view.report is not None and view.attempt.number > number]
    if data.test is not None or not later:
        return None
    return Text(
        en=f"These are the scores of attempt {number}, the best; attempt {later[-1]} came after it and is no better.",
        zh=f"以下是第 {number} 次尝试（最好的一次）的分数；其后的第 {later[-1]} 次没有更好。",
    )


def _contestants(report: EvalReport) -> list[Standing]:
    seen: dict[str, int] = report.facts.get("baseline_rows", {})

    def standing(score: Score) -> Standing:
        rows = seen.get(score.name, report.rows if score.metrics else 0)
        return Standing(
            name=score.name,
            metrics=score.metrics,
            difference=score.difference,
            rows=rows,
            error=score.error,
            error_zh=score.why("zh"),
        )

    return [standing(score) for score in (report.model, *report.baselines)]


def _line(view: AttemptView) -> AttemptLine:
    attempt = view.attempt
    return AttemptLine(
        number=attempt.number,
        cause=attempt.cause,
        changed=view.changed,
        expected=attempt.expectation,
        came=attempt.came,
        metrics=attempt.metrics,
        verdict=attempt.verdict,
        minutes=attempt.minutes,
        cost=attempt.cost,
        findings=list(dict.fromkeys(one.finding.pitfall for one in view.findings)),
    )
