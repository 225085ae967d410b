"""What happens around an optimiser step of the trainer: records, evaluations, stops, and when a checkpoint is due."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from fittingroom.models.device import arithmetic
from fittingroom.training import state
from fittingroom.training.parts import Parts
from fittingroom.training.ranks import Ranks, local

if TYPE_CHECKING:
    from torch import Tensor

    from fittingroom.training.trainer import AnswerTrainer

_SECONDS = 10.0
"""Time between checkpoints inside an epoch; at the end of an epoch a third of it is enough."""
_WATCHED = 65_536
"""Numbers of a tensor by which its change is measured, about."""
_SHARE = 0.1
"""Share of the time that writing checkpoints may take."""


class Watch(TrainerCallback):
    """What happens around an optimiser step: records, evaluations, stops, and when a checkpoint is due."""

    def __init__(self, trainer: AnswerTrainer) -> None:
        self.trainer = trainer
        self.before: dict[str, Tensor] | None = None
        self.ratio: float | None = None
        self.saved = time.monotonic()
        self.cost = 0.0

    @property
    def parts(self) -> Parts:
        return self.trainer.parts

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.parts.batches.epoch = state.global_step // self.parts.batches.steps

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.parts.freezing.at(state.global_step)
        self.parts.clock.start()

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        if self.parts.recorder.records(state.global_step + 1):
            self.before = {name: _sampled(value) for name, value in _trainable(model)}

    def on_optimizer_step(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        self.trainer.shrink()
        self.ratio = None
        if self.before is not None:
            self.ratio = _change(model, self.before, self.trainer.ranks)
            self.before = None

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        recorder, step = self.parts.recorder, state.global_step
        self.parts.clock.stop("training")
        # The scheduler has moved on already; the rate of this step is that of one step before.
        rate = self.parts.plan.learning_rate * self.trainer.factor(step - 1)
        recorder.step_done(step, epoch=float(state.epoch), rate=rate, norm=self.trainer.norm, ratio=self.ratio)
        evaluate = step in self.parts.evaluate_after and recorder.stopped != "non_finite"
        if evaluate:
            self._evaluate(step, float(state.epoch), model)
        self.parts.telling.step(step, rate)
        last = step >= self.parts.plan.steps
        control.should_training_stop = control.should_training_stop or bool(recorder.stopped) or last
        if last and not recorder.stopped:
            recorder.stopped = "completed"
        if control.should_training_stop and recorder.stopped != "non_finite":
            recorder.untouched = self.trainer.untouched()
        self.parts.telling.curves(due=evaluate or control.should_training_stop)
        due = bool(self.parts.ranks.told(self._due(step)))
        control.should_save = control.should_training_stop or due

    def _evaluate(self, step: int, epoch: float, model: Any) -> None:
        self.parts.clock.start()
        with arithmetic(self.parts.plan.device, self.parts.plan.precision):
            measured = self.parts.probe.measure(model, self.parts.ranks)
        self.parts.clock.stop("evaluating")
        held = (value.detach() for _, value in _trainable(model) if local(value) is value)
        self.parts.ranks.same_weights(lambda: _size(held))
        if self.parts.recorder.evaluated(step, epoch, measured):
            self.parts.best = state.copied(model, self.parts.ranks, into=self.parts.best)
        recorder = self.parts.recorder
        if self.parts.enough is not None and self.parts.enough(recorder) and not recorder.stopped:
            recorder.stopped = "pruned"

    def _due(self, step: int) -> bool:
        """Whether it is time for a checkpoint. The clock decides when one is written, never what is in it."""
        since = time.monotonic() - self.saved
        at_epoch_end = step % self.parts.batches.steps == 0
        wait = max(_SECONDS / 3 if at_epoch_end else _SECONDS, self.cost / _SHARE)
        if since < wait:
            return False
        self.saved = time.monotonic()
        return True

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        now = time.monotonic()
        self.cost, self.saved = now - self.saved, now
        self.parts.clock.saving += self.cost


def _trainable(model: Any) -> Iterator[tuple[str, Tensor]]:
    yield from state.trainable(model).items()


def _change(model: Any, before: dict[str, Tensor], ranks: Ranks) -> float:
    """|w after - w before| / |w after| over a sample of every tensor that learns (`_sampled`), each weighing as much as
    it has numbers.
    """
    moved = size = 0.0
    for name, value in _trainable(model):
        if not ranks.counts(value):
            continue
        after = _sampled(value)
        scale = local(value).numel() / max(1, after.numel())
        moved += scale * float((after - before[name]).square().sum())
        size += scale * float(after.square().sum())
    moved, size = ranks.summed_squares([moved, size])
    return math.sqrt(moved / size) if size > 0 else 0.0


def _sampled(value: Tensor) -> Tensor:
    """Numbers of a tensor, evenly: a copy of all of it at every step would cost as much memory as the gradients, and a
    third of a small step's time.
    """
    flat = local(value.detach()).reshape(-1)
    sample: Tensor = flat[:: max(1, flat.numel() // _WATCHED)].float().clone()
    return sample


def _size(values: Iterable[Tensor]) -> float:
    """Norm of some tensors together."""
    import torch

    norms = torch._foreach_norm(list(values))
    return float(torch.stack(norms).norm()) if norms else 0.0
