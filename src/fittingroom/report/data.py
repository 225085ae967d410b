"""What the report shows, gathered by the caller; rendering reads nothing else, so the same data give the same page."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from fittingroom.types import Attempt, EvalReport, Finding, Frozen, GateDecision, Plan, RunSummary, Text, Verdict


class StageLine(Frozen):
    """One stage of the road in one attempt."""

    stage: str
    """Name of the stage, `evaluate.dev` where it judges a part."""
    rows: dict[str, int] = Field(default_factory=dict)
    """The ledger: `in`, `kept`, `dropped`, `rejected`, or rows by part."""
    reasons: dict[str, int] = Field(default_factory=dict)
    """Why rows were dropped or rejected: reason -> rows."""
    rejected: list[tuple[str, str]] = Field(default_factory=list)
    """Some rows that could not be read: `file:line` and why."""
    facts: dict[str, Any] = Field(default_factory=dict)
    """The `facts` of the stage's output."""
    seconds: float = 0.0
    recalled: bool = False
    """Whether the result came from the store."""


class Example(Frozen):
    """A row as an example of a finding; the text is redacted and may be cut."""

    id: str
    text: str = ""
    note: str = ""
    """Whatever says why it is an example: given and suggested label, the twin's id."""


class FindingView(Frozen):
    """A finding with what the catalogue says about it."""

    finding: Finding
    title: Text
    """Title of the pitfall's page."""
    remedy: Text | None = None
    """What the remedy does; None when there is none."""
    examples: list[Example] = Field(default_factory=list)


class Change(Frozen):
    """One value of the configuration that differs from the attempt before."""

    path: str
    before: Any
    after: Any


class AttemptView(Frozen):
    """One attempt with everything measured on its way. What did not happen (it was blocked) stays empty."""

    attempt: Attempt
    cause: Text | None = None
    """Title of the pitfall whose remedy made this attempt."""
    changed: list[Change] = Field(default_factory=list)
    stages: list[StageLine] = Field(default_factory=list)
    findings: list[FindingView] = Field(default_factory=list)
    steps: list[dict[str, float]] = Field(default_factory=list)
    """`Trained.steps`."""
    evals: list[dict[str, float]] = Field(default_factory=list)
    """`Trained.evals`."""
    best_step: int = 0
    stopped: str = ""
    plan: Plan | None = None
    timing: dict[str, float] = Field(default_factory=dict)
    """`Trained.timing`."""
    """Why training ended; empty while it runs."""
    speed: dict[str, float] = Field(default_factory=dict)
    """`Trained.timing`, or the speed of the moment while training runs."""
    said: list[Text] = Field(default_factory=list)
    """What training told besides its curves: checkpoints that were passed over or could not be written."""
    report: EvalReport | None = None
    """The dev part, judged."""
    decision: GateDecision | None = None


class Judgement(Frozen):
    """The test part, judged."""

    report: EvalReport
    decision: GateDecision
    opening: int = 1
    """How many releases have seen this test part, this one included."""


class RowView(Frozen):
    """A judged row that a person should look at; the text is redacted and may be cut."""

    kind: str
    """worst, surprising or lowest (see `rows.telling_rows`)."""
    id: str
    text: str = ""
    target: str
    predicted: str
    confidence: float | None = None
    true_probability: float | None = None
    """What the model gave the true label."""
    metric: str = ""
    """Of free answers and rankings, which have neither: by which metric the row is one of the worst."""
    score: float | None = None
    """Its value on this row."""


class ReportData(Frozen):
    """A whole run."""

    run: RunSummary
    base: str
    """`model.base` of the recipe."""
    task: str
    """Kind of the task, such as classify."""
    fields: list[str]
    """Input fields of the task."""
    target: str
    created: str
    """When the page was made, for people."""
    minutes: float = 0.0
    attempts: list[AttemptView]
    test: Judgement | None = None
    rows: list[RowView] = Field(default_factory=list)
    """Rows of the part that counts which a person should look at."""
    command: str
    """What to type to get the same run again."""
    recipe: str = ""
    """The recipe as text, without secrets."""
    metric: str = ""
    """What the gate judges, by the recipe: by it the best attempt is told."""
    machine_hour: float | None = None
    """What an hour of the machine costs, by the recipe's `prices`."""
    currency: str = ""
    versions: dict[str, str] = Field(default_factory=dict)
    """Library -> version."""

    @property
    def stand_in(self) -> bool:
        """Whether the base model is the built-in one, with which results say nothing about real DeepSeek models."""
        return self.base == "nano"

    def leading(self) -> AttemptView | None:
        """The attempt whose scores on dev count: one that passed, else the best by the gate's metric (of equal ones the
        last, as the loop takes them), among those that got as far as dev.
        """
        judged = [view for view in self.attempts if view.report is not None]
        passed = [view for view in judged if view.attempt.verdict is Verdict.PASS]

        def rank(view: AttemptView) -> tuple[float, int]:
            return view.attempt.metrics.get(f"dev.{self.metric}", -1.0), view.attempt.number

        return passed[-1] if passed else max(judged, key=rank, default=None)

    def last_judged(self) -> EvalReport | None:
        """The report that counts: on test when it was opened, else of the leading attempt on dev."""
        if self.test is not None:
            return self.test.report
        leading = self.leading()
        return leading.report if leading is not None else None

    def last_decision(self) -> GateDecision | None:
        """The decision that counts, of the same part as `last_judged`."""
        if self.test is not None:
            return self.test.decision
        leading = self.leading()
        return leading.decision if leading is not None else None
