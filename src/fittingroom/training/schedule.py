"""Learning-rate schedules as factors on the highest rate."""

from __future__ import annotations

import math
from typing import Literal

Schedule = Literal["cosine", "linear", "constant", "step"]


def rate_factor(step: int, *, schedule: Schedule, steps: int, warmup: int) -> float:
    """Factor for optimiser step number `step` (from 0): a linear rise over `warmup` steps, then the schedule to the
    end.
    """
    if step < warmup:
        return (step + 1) / (warmup + 1)
    done = min(1.0, (step - warmup) / max(1, steps - warmup))
    if schedule == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * done))
    if schedule == "linear":
        return 1.0 - done
    if schedule == "step":
        return 0.1 ** min(2, int(done * 3))
    return 1.0
