"""Gate: whether the thresholds of the recipe, fixed before training, are met; in words, and honest about luck.

A score on a few hundred rows is an estimate. With `decide: bound` (the default) a condition passes only when the lower
end of its interval passes, fails only when the upper end fails, and is INCONCLUSIVE between the two: then more rows are
needed, not another training. With `decide: point` the measured values themselves decide, and luck is ignored.

One failed condition fails the gate; otherwise one undecided condition leaves it INCONCLUSIVE, which never deploys.
"""

from __future__ import annotations

from collections.abc import Iterator

from fittingroom.engine import Context
from fittingroom.evaluating import checks, limits, preferred
from fittingroom.evaluating.gate_config import GateConfig
from fittingroom.types import Check, EvalReport, GateDecision, Verdict

__all__ = ["GateConfig", "gate", "overall"]

VERSION = 4
LIBRARIES: tuple[str, ...] = ()
READS_VOLATILE = True
"""How long answers took is no part of a report's digest, but may decide here."""


def observes(*, gate: GateConfig, context: Context) -> dict[str, str]:
    """What people said of pairs of answers, where the recipe asks for it."""
    return preferred.said_so_far(gate.pairs, context.root)


def gate(report: EvalReport, *, gate: GateConfig, context: Context | None = None) -> GateDecision:
    """Judge one part against the thresholds: a check per condition, and the verdict over all."""
    found = list(_checks(report, gate))
    if gate.pairs is not None:
        assert context is not None, "people's words lie in the workspace"
        found += preferred.checks(report, gate.pairs, gate.decide, context.root)
    return GateDecision(part=report.part, verdict=overall(found), checks=found)


def _checks(report: EvalReport, gate: GateConfig) -> Iterator[Check]:
    yield checks.threshold(report, gate)
    baselines = {score.name: score for score in report.baselines}
    for name in gate.better_than:
        yield checks.beaten(name, baselines.get(name), report, gate)
    if gate.no_worse_than_champion is not None:
        yield checks.no_worse(report, gate, gate.no_worse_than_champion)
    yield from checks.floors(report, gate)
    if gate.forgetting is not None:
        yield limits.forgotten(report, gate.forgetting, gate.decide)
    if gate.latency_ms is not None:
        yield limits.slow(report, gate.latency_ms, gate.decide)
    yield from checks.unscored(report)


def overall(checks: list[Check]) -> Verdict:
    """FAIL over INCONCLUSIVE over PASS."""
    found = {check.verdict for check in checks}
    for verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE):
        if verdict in found:
            return verdict
    return Verdict.PASS
