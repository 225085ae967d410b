"""What the loop knows of its attempts: which one is the best so far, what a change was expected to do and did."""

from __future__ import annotations

from typing import NamedTuple

from fittingroom.config import RunConfig
from fittingroom.diagnose import Diagnosis
from fittingroom.run import Run
from fittingroom.types import Attempt, Came, GateDecision, Plan, RunStatus, Splits, Text, Trained, Verdict


class Stand(NamedTuple):
    """An attempt that ended, and what the next one needs of it."""

    attempt: Attempt
    config: RunConfig
    plan: Plan | None
    splits: Splits | None
    digest: str = ""
    """Store digest of the splits: a run forgets the outputs of an attempt when the next one begins."""
    reached: float | None = None
    """The best score on dev while it was trained (`Trained.evals`); None where nothing was trained."""
    decision: GateDecision | None = None
    """What the gate said; None where it was stopped before."""

    @property
    def score(self) -> float:
        """What the gate judges, on dev; below all others where the attempt was stopped before it was judged."""
        return self.attempt.metrics.get(f"dev.{self.config.gate.metric}", -1.0)

    @property
    def beside(self) -> int | None:
        """How many conditions are not met where the score is high enough; None where it is not."""
        checks = self.decision.checks if self.decision is not None else []
        if not checks or checks[0].verdict is not Verdict.PASS:  # the first one is the threshold
            return None
        return sum(check.verdict is not Verdict.PASS for check in checks)


def stood(
    ended: Attempt, config: RunConfig, run: Run, splits: Splits | None, decision: GateDecision | None = None
) -> Stand:
    """What the loop keeps of the attempt that `run` has just ended."""
    plan, trained = run.outputs.get("configure"), run.outputs.get("train")
    evals = trained.evals if isinstance(trained, Trained) else []
    return Stand(
        ended,
        config,
        plan if isinstance(plan, Plan) else None,
        splits,
        run.digest(splits) if splits is not None else "",
        max((entry["dev_metric"] for entry in evals), default=None),
        decision,
    )


def worse(now: Stand, best: Stand) -> bool:
    """Whether an attempt fell behind the best so far. An equal one is taken: its change did no harm, and leads on.

    Where both score high enough, the one that fewer of the other conditions stop is the better one.
    """
    if now.beside is not None and best.beside is not None and now.beside != best.beside:
        return now.beside > best.beside
    return now.score < best.score


def came_of(this: Attempt, metrics: dict[str, float], best: Stand | None) -> Came | None:
    """What a change did, against the attempt that was changed."""
    if this.expected is None or best is None:
        return None
    name = f"dev.{this.expected.metric}"
    before, after = best.attempt.metrics.get(name), metrics.get(name)
    if before is None or after is None:
        return None
    return Came(metric=name, before=before, after=after, met=after - before >= this.expected.change)


def noted(run: Run, best: Stand, proposal: Diagnosis) -> None:
    """The diagnosis in the journal: on which attempt it goes on, all causes in their order, what is tried next."""
    run.journal.append(
        "diagnosed",
        attempt=run.attempts[-1].number,
        best=best.attempt.number,
        cause=proposal.cause,
        causes=[cause.model_dump(mode="json") for cause in proposal.causes],
        patch=proposal.patch,
        expected=proposal.expected.model_dump(mode="json") if proposal.expected else None,
    )


def gave_up(best: Stand | None, proposal: Diagnosis, bound: str = "") -> tuple[RunStatus, Text]:
    """Nothing deployable came out: inconclusive when that is what the best attempt was, failed otherwise. Where a bound
    ended the loop, what it would try next is told.
    """
    advice = proposal.advice
    if best is None:
        return "failed", advice
    status: RunStatus = "inconclusive" if best.attempt.verdict is Verdict.INCONCLUSIVE else "failed"
    if not bound:
        return status, advice
    number = best.attempt.number
    if proposal.config is not None and proposal.title is not None:
        title = proposal.title
        advice = Text(
            en=f"it would try next: {title.en} ({proposal.cause})", zh=f"接下来会尝试：{title.zh}（{proposal.cause}）"
        )
    return status, Text(
        en=f"no attempt passed within `adapt.{bound}`; attempt {number} is the best so far. Raise the bound to go on; "
        f"{advice.en}",
        zh=f"在 `adapt.{bound}` 的限度内没有一次尝试通过；目前最好的是第 {number} 次。可放宽限度继续；{advice.zh}",
    )
