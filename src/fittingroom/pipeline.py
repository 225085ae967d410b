"""The road and the loop, each readable in one function.

Stages change data, remedies change configuration: a retry patches the configuration and walks the same road again; the
store recalls every stage whose inputs and configuration did not change.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from fittingroom.config import RunConfig
from fittingroom.diagnose import Diagnosis, diagnose
from fittingroom.errors import Blocked
from fittingroom.evaluating.preferred import waits_for_people
from fittingroom.loop import Stand, came_of, gave_up, noted, stood, worse
from fittingroom.openings import Openings
from fittingroom.pitfalls import refusal
from fittingroom.resorting import by_search
from fittingroom.run import Run, scores
from fittingroom.stages.audit import audit
from fittingroom.stages.balance import balance
from fittingroom.stages.configure import configure
from fittingroom.stages.dedup import dedup
from fittingroom.stages.deploy import deploy
from fittingroom.stages.evaluate import evaluate
from fittingroom.stages.examine import examine
from fittingroom.stages.gate import gate
from fittingroom.stages.label import label
from fittingroom.stages.package import package
from fittingroom.stages.prepare import prepare
from fittingroom.stages.split import split
from fittingroom.stages.train import train
from fittingroom.types import (
    Attempt,
    Bundle,
    EvalReport,
    Examination,
    GateDecision,
    Opened,
    Plan,
    RunStatus,
    Splits,
    Text,
    Trained,
    Verdict,
)


class Judged(NamedTuple):
    """Where the road ended: what would be served, the data it was judged on, the verdict on dev, and what led there."""

    bundle: Bundle
    splits: Splits
    report: EvalReport
    decision: GateDecision
    plan: Plan
    trained: Trained


class Outcome(NamedTuple):
    """How the loop ended."""

    status: RunStatus
    message: Text
    release: int | None = None


def data_road(config: RunConfig, run: Run) -> Splits:
    """From the sources to the parts that training and judging use."""
    rows = run.step(prepare, config)  # sources -> clean -> redact, streamed as one step
    rows = run.step(label, config, rows)  # annotations merged, conflicts resolved
    rows = run.step(dedup, config, rows)  # exact and near copies; cluster ids stay as leakage groups
    splits = run.step(split, config, rows)  # train, dev, calibration, test
    splits = run.step(audit, config, splits)  # train rows mended within limits; other rows go to people
    return run.step(balance, config, splits)  # the training part only


def attempt(config: RunConfig, run: Run) -> Judged:
    """One attempt: the whole road under one configuration, judged on dev."""
    splits = data_road(config, run)
    plan = run.step(configure, config, splits)  # batch, learning rate, steps, memory, minutes
    model = run.step(train, config, plan, splits)
    bundle = run.step(package, config, model, splits)  # merged, calibrated: what will be served
    report = run.step(evaluate, config, bundle, splits, part="dev")
    return Judged(bundle, splits, report, run.step(gate, config, report, part="dev"), plan, model)


def look_closer(config: RunConfig, run: Run, judged: Judged) -> Examination:
    """After a no: what it takes to tell the cause. What needs more training is only trained here."""
    examined = run.step(examine, config, judged.trained, judged.plan, judged.splits, judged.report)
    run.look(refusal.Refused.of(judged.decision, judged.report, examined), refusal.AFTER, config)
    return examined


def adapt(config: RunConfig, run: Run) -> Outcome:
    """The one loop: no -> named cause -> bounded change of the best attempt so far -> train again, within bounds."""
    proposal, best, last = Diagnosis(), None, None
    while run.is_new(config):
        started, asked = time.monotonic(), None
        this = _begun(config, run, proposal, best)
        run.begin(this)
        try:
            judged = attempt(config, run)
            asked = waits_for_people(judged.decision)
            if judged.decision.verdict is not Verdict.PASS and asked is None:
                look_closer(config, run, judged)
        except Blocked:
            judged = None
        ended = _ended(this, run, judged, best, started)
        run.end(ended)
        if judged and judged.decision.verdict is Verdict.PASS:
            return release(config, run, judged)
        if judged and asked is not None:
            return Outcome("waiting", asked)  # another training would only give people other answers to read
        last = stood(ended, config, run, judged.splits if judged else None, judged.decision if judged else None)
        best = last if best is None or not worse(last, best) else best
        proposal = diagnose(best.attempt.findings, best.config, best.plan, run.tried, best.decision)
        if proposal.config is None:
            proposal = by_search(best, run, proposal)
        noted(run, best, proposal)
        if proposal.waits_for_person and not run.approved(proposal.config):
            run.ask(proposal)
            return Outcome("waiting", proposal.question)
        if proposal.config is None:
            return Outcome(*gave_up(best, proposal))
        config = proposal.config
    return Outcome(*gave_up(best, proposal, run.bound(config) or ""))


def _begun(config: RunConfig, run: Run, proposal: Diagnosis, best: Stand | None) -> Attempt:
    """An attempt, with what is expected of it written down before it is made."""
    return Attempt(
        number=len(run.attempts) + 1,
        config_digest=config.digest,
        patch=proposal.patch,
        base=best.attempt.number if best is not None else 0,
        cause=proposal.cause,
        expectation=proposal.expectation,
        expected=proposal.expected,
    )


def release(config: RunConfig, run: Run, judged: Judged) -> Outcome:
    """A pass on dev opens the test part, once per release; a second pass there deploys."""
    opening = Openings(run.store.root).open(judged.splits.test.digest, run.digest(judged.bundle), run.id)
    run.journal.append("test_opened", number=opening.number, test=judged.splits.test.digest)
    run.look(Opened(number=opening.number), "release", config)
    if opening.refused:
        return Outcome("waiting", opening.message)
    report = run.step(evaluate, config, judged.bundle, judged.splits, part="test")
    decision = run.step(gate, config, report, part="test")
    if decision.verdict is not Verdict.PASS:
        if decision.verdict is Verdict.FAIL:
            return Outcome("failed", _refused(decision))
        return Outcome("inconclusive", _undecided(decision))
    version = deploy(
        run.root,
        deploy=config.deploy,
        bundle=run.digest(judged.bundle),
        run=run.id,
        name=config.name,
        base=config.model.base,
        metrics=scores(report),
    ).version
    run.journal.append("deployed", release=version, alias=config.deploy.alias)
    return Outcome("passed", _deployed(version, config.deploy.alias), version)


def _ended(this: Attempt, run: Run, judged: Judged | None, best: Stand | None, started: float) -> Attempt:
    metrics = scores(judged.report) if judged else {}
    return this.model_copy(
        update={
            "metrics": metrics,
            "verdict": judged.decision.verdict if judged else None,
            "came": came_of(this, metrics, best),
            "findings": list(run.findings),
            "bundle": run.digest(judged.bundle) if judged else "",
            "minutes": round((time.monotonic() - started) / 60, 4),
        }
    )


def _refused(decision: GateDecision) -> Text:
    """Which condition the test part refused; a score that held on dev alone was too hopeful."""
    failed = [check.reason for check in decision.checks if check.verdict is Verdict.FAIL]
    hopeful = decision.checks[0].verdict is Verdict.FAIL  # the first one is the threshold
    return Text(
        en=f"passed on dev but not on test: {'; '.join(reason.en for reason in failed)}"
        + (". The dev score was too hopeful; add rows before trying again" if hopeful else ""),
        zh=f"开发集通过但测试集未通过：{'；'.join(reason.zh for reason in failed)}"
        + ("。开发集的分数偏乐观；请先补充数据再试" if hopeful else ""),
    )


def _undecided(decision: GateDecision) -> Text:
    """Which condition the test part left open, in the gate's own words."""
    open_ones = [check.reason for check in decision.checks if check.verdict is Verdict.INCONCLUSIVE]
    return Text(
        en=f"passed on dev, undecided on test: {'; '.join(reason.en for reason in open_ones)}",
        zh=f"开发集通过，测试集尚无定论：{'；'.join(reason.zh for reason in open_ones)}",
    )


def _deployed(version: int, alias: str) -> Text:
    return Text(en=f"release {version} is deployed as {alias}", zh=f"第 {version} 版已上线，别名 {alias}")
