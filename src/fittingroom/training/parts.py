"""What the trainer and its callback work with, beside the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fittingroom.training.checkpoint import Checkpoints
from fittingroom.training.evaluation import Probe
from fittingroom.training.freezing import Freezing
from fittingroom.training.passes import Layout
from fittingroom.training.ranks import Ranks
from fittingroom.training.recorder import Recorder
from fittingroom.training.rows import Batches, Encoded
from fittingroom.training.telling import Clock, Telling
from fittingroom.types import Plan

if TYPE_CHECKING:
    from torch import Tensor


@dataclass
class Parts:
    """What a training is made of beside the model."""

    plan: Plan
    rows: Encoded
    batches: Batches
    probe: Probe
    evaluate_after: frozenset[int]
    recorder: Recorder
    checkpoints: Checkpoints
    telling: Telling
    clock: Clock
    freezing: Freezing
    smoothing: float
    layout: Layout
    ranks: Ranks
    best: dict[str, Tensor]
    """The best weights so far; of several processes the main one has them."""
    best_kept: int = -1
    """The step whose best weights lie on disk."""
    enough: Callable[[Recorder], bool] | None = None
    """Asked after every evaluation: whether to stop here."""
