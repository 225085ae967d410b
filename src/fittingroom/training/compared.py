"""What was planned beside what happened."""

from __future__ import annotations

from typing import Protocol

from fittingroom.training.recorder import Recorder
from fittingroom.training.telling import Clock
from fittingroom.types import Plan

OVERHEAD = 1.25
"""What evaluations and checkpoints add to the time of the steps, as it is planned."""


class Recorded(Protocol):
    """What was recorded of a training."""

    @property
    def recorder(self) -> Recorder: ...
    @property
    def clock(self) -> Clock: ...


def compared(plan: Plan, fitted: Recorded, grown: int) -> dict[str, float]:
    """For `Trained.timing`: minutes planned (for the steps that were done: training may end early) and taken, memory
    planned and measured, tokens of the rows per second planned and reached. What cannot be said is left out.

    `grown`: bytes by which memory grew at most since before the model was loaded.
    """
    clock, recorder = fitted.clock, fitted.recorder
    done = max((int(entry["step"]) for entry in (*recorder.steps, *recorder.evals)), default=0)
    found = {
        "minutes": round((clock.training + clock.evaluating + clock.saving) / 60, 4),
        "peak_bytes": float(grown),
        "planned_bytes": float(plan.memory_bytes),
        "steps_done": float(done),
    }
    if done and plan.steps and plan.minutes > 0:
        found["planned_minutes"] = round(plan.minutes * done / plan.steps, 4)
        own = plan.tokens.get("mean", 0.0) * plan.batch_size
        found["planned_tokens_per_second"] = round(own * plan.steps * OVERHEAD / (60 * plan.minutes), 1)
    return {name: value for name, value in found.items() if value > 0}
