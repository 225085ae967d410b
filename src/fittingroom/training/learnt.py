"""Whether the training rows were learnt: then neither rate, nor length, nor room was missing.

Of a closed set macro-F1 on training rows says so. Free answers have no such measure: the probability of the very words
of an answer stays far below one in a good model, for the same thing is said in many ways, and nears it only by heart.
There the turn of the loss says it: what could be learnt for new rows was learnt once the dev loss rises again while
that of training rows has fallen below it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

LEARNT = 0.95
"""Macro-F1 on training rows from which on they count as learnt."""
TURNED = 0.05
"""Share by which the dev loss rose above its lowest, from which on it has turned."""


def learnt_rows(evals: Sequence[Mapping[str, float]], best_step: int, *, free: bool) -> bool:
    """`evals`, `best_step`: as in `Trained`; losses are nats per answer token. `free`: whether answers are."""
    if not evals:
        return False
    last = evals[-1]
    if not free:
        best = [entry["train_metric"] for entry in evals if entry["step"] == best_step]
        return max((*best, last["train_metric"])) >= LEARNT
    lowest = min((entry["dev_loss"] for entry in evals if math.isfinite(entry["dev_loss"])), default=math.inf)
    return turned(lowest, last["dev_loss"], last["train_loss"])


def turned(lowest_dev: float, last_dev: float, last_train: float) -> bool:
    """Whether the dev loss rose again by more than noise while the loss on training rows lies below its lowest."""
    return math.isfinite(last_dev) and last_dev > (1 + TURNED) * lowest_dev and last_train < lowest_dev
