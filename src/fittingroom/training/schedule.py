"""Learning-rate schedules as factors on the highest rate.

`wsd` (warm-up, stable, decay): Hu et al., MiniCPM, arXiv 2404.06395, section 4; its fall is linear here.
"""

from __future__ import annotations

import math
from typing import Literal

Schedule = Literal["cosine", "linear", "constant", "step", "wsd"]


def rate_factor(step: int, *, schedule: Schedule, steps: int, warmup: int, decay: int = 0) -> float:
    """Factor for optimiser step number `step` (from 0): a linear rise over `warmup` steps, then the schedule to the
    end; `decay` is the number of last steps in which the rate of `wsd` falls, to reach zero behind the last.
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
    if schedule == "wsd":
        return min(1.0, max(0, steps - step) / max(1, decay))
    return 1.0
