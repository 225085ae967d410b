"""transformers' `Trainer`, with our loss, batches, schedule, records and checkpoints; its loop stays its own.

Overridden: the step (passes of a bounded number of tokens, logits at answer positions only, normalised over the whole
step), the batch sampler (order from seed and epoch alone), the schedule, and how a checkpoint is written and read (no
pickle, sealed, exact).
"""

from __future__ import annotations

import math
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import Trainer, TrainingArguments
from transformers.trainer_callback import PrinterCallback

from fittingroom.errors import ModelError
from fittingroom.training import state
from fittingroom.training.callback import Watch
from fittingroom.training.checkpoint import NotWritten, Opened, read_tensors, read_value
from fittingroom.training.objective import over_passes
from fittingroom.training.parts import Parts
from fittingroom.training.passes import weight_of
from fittingroom.training.ranks import whole
from fittingroom.training.schedule import rate_factor
from fittingroom.training.sharing import shares
from fittingroom.training.shortage import is_shortage, released, smaller
from fittingroom.training.shrinking import shrink

if TYPE_CHECKING:
    from torch import Tensor


class AnswerTrainer(Trainer):
    """Trains on the answers of `parts.rows`."""

    def __init__(self, model: Any, arguments: TrainingArguments, parts: Parts) -> None:
        self.parts = parts
        self.norm = 0.0
        self.size = 0
        """Tokens of the pass under way."""
        self.computed = 0
        """Tokens of this process's passes in the step that was done."""
        self.layout = parts.layout
        self.ranks = parts.ranks
        super().__init__(model=model, args=arguments, callbacks=[Watch(self)])
        self.remove_callback(PrinterCallback)

    # ------------------------------------------------------------------------------------------ data and loss

    def get_train_dataloader(self) -> Any:
        """Plain loader over our batches."""
        from torch.utils.data import DataLoader

        rows: Any = range(len(self.parts.rows))
        return DataLoader(rows, batch_sampler=self.parts.batches, collate_fn=list)

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Tensor:
        """All passes of an optimiser step, forward and back; its loss is noted. `inputs` are the step's rows.

        transformers' accumulation cuts a step into equal numbers of rows; ours cuts it into passes of a bounded number
        of tokens, so it happens in here, and one batch of the loader is one step. Of several processes each takes a
        share of the rows; the loss that is noted is that of the whole step.
        """
        import torch

        drawn = state.random_state()
        while True:
            loss = self._whole_step(model, inputs)
            # What one process could not do, all do again: they take the step together or not at all.
            short, summed, computed = self.ranks.over_parts(
                [float(loss is None), float(loss or 0.0), float(self.computed)]
            )
            if not short:
                break
            self._smaller_passes(model, self.size if loss is None else self.layout.budget)
            # The step is the same one again, with the same draws of dropout.
            state.restore_random(*drawn)
        self.ranks.gather_gradients(model.parameters())
        # Only what was done: passes of a step that is taken again do not count twice.
        self.parts.recorder.counted(int(computed))
        self.parts.recorder.rows_done(self.parts.rows, inputs)
        self.parts.recorder.add(summed)
        return torch.tensor(summed, device=self.args.device)

    def _whole_step(self, model: Any, rows: list[int]) -> Tensor | None:
        """Loss of a step; None where memory was too short for one of its passes. The error itself is gone by then: it
        holds the tensors of the pass.
        """
        try:
            return self._passes(model, rows)
        except (RuntimeError, MemoryError) as error:
            if not is_shortage(error):
                raise
            if self.ranks.sharded:
                raise self._too_long(self.size) from None  # the others wait in the middle of a layer
        return None

    def _passes(self, model: Any, rows: list[int]) -> Tensor:
        """Loss of a step; the gradients are left in the model."""
        model.train()
        passes = self._collated(rows)
        [weight] = self.ranks.over_parts([sum(float(weight_of(one)) for one in passes)])
        total = over_passes(
            model,
            self.ranks.turns(passes, lambda: self._blank(rows)),
            weight,
            self.parts.smoothing,
            device=self.args.device,
            back=self.accelerator.backward,
            call=self._summed,
        )
        self.computed = sum(int(one["ids"].numel()) for one in passes)
        return total

    def _summed(self, model: Any, function: Any, batch: dict[str, Tensor], smoothing: float) -> Any:
        """The losses of one pass, computed as precision and sharding want it."""
        self.size = int(batch["ids"].numel())
        with self.compute_loss_context_manager():
            return self.ranks.call(model, function, batch, smoothing)

    def _collated(self, rows: list[int]) -> list[dict[str, Tensor]]:
        """The passes of this process: of several each has its share of the step's rows, which may be none."""
        if self.ranks.parts == 1:
            return self.layout.collate(self.parts.rows, rows)
        ids = [self.parts.rows.ids[row] for row in rows]
        own = shares(ids, self.ranks.parts, packed=self.layout.packed)[self.ranks.part]
        return self.layout.collate(self.parts.rows, [rows[at] for at in own]) if own else []

    def _blank(self, rows: list[int]) -> dict[str, Tensor]:
        """A pass that weighs nothing, over the shortest row of the step."""
        import torch

        shortest = min(rows, key=lambda row: len(self.parts.rows.ids[row]))
        [one] = self.layout.collate(self.parts.rows, [shortest])
        return {**one, "weights": torch.zeros_like(one["weights"])}

    def _smaller_passes(self, model: Any, size: int) -> None:
        """Half as many tokens in a pass as the one of `size` that did not fit; the step is taken again, with the same
        rows.
        """
        model.zero_grad(set_to_none=True)
        released()
        longest = max(len(ids) for ids in self.parts.rows.ids)
        self.layout = smaller(self.layout, self.ranks.least(min(self.layout.budget, size)), longest)
        self.parts.recorder.pass_tokens = self.layout.budget

    def _too_long(self, tokens: int) -> ModelError:
        return ModelError(
            f"a pass of {tokens} tokens does not fit into the memory of the device, and sharded weights allow no "
            "second try: set train.pass_tokens to about half of it, or more processes",
            f"{tokens} 个词元的一次计算放不进设备的显存，而权重分片时无法重试："
            "请把 train.pass_tokens 设为约一半，或增加进程数",
            place="train.pass_tokens",
        )

    def _clip_grad_norm(self, model: Any) -> Any:
        norm: Any = self.ranks.clipped(model.parameters(), self.args.max_grad_norm)
        if norm is None:
            norm = whole(super()._clip_grad_norm(model))  # type: ignore[no-untyped-call]
        self.norm = float(norm)
        if not (math.isfinite(self.norm) and math.isfinite(self.parts.recorder.current)):
            # The step is not taken: the weights stay what they were before the loss left the numbers.
            model.zero_grad(set_to_none=True)
            self.parts.recorder.stopped = "non_finite"
        return norm

    def _move_model_to_device(self, model: Any, device: Any) -> None:
        if not self.ranks.sharded:  # which lies where it belongs
            super()._move_model_to_device(model, device)

    def floating_point_ops(self, inputs: Any) -> int:
        """Not counted."""
        return 0

    def create_optimizer(self, model: Any = None) -> Any:
        """AdamW over all that will ever learn, also what is still frozen: its moments begin with its first gradient."""
        self.parts.freezing.thaw()
        optimizer = super().create_optimizer(model)
        self.ranks.grouped(optimizer)
        self.parts.freezing.at(self.state.global_step)
        return optimizer

    def shrink(self) -> None:
        """L1, after a step."""
        if self.parts.plan.l1 > 0:
            decaying = set(self.get_decay_parameter_names(self._learner()))
            weights = [value for name, value in self._learner().named_parameters() if name in decaying]
            shrink(self._adam(), self.parts.plan.l1, weights)

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """The plan's schedule."""
        from torch.optim.lr_scheduler import LambdaLR

        plan = self.parts.plan
        shape = {"steps": plan.steps, "warmup": plan.warmup_steps, "decay": plan.decay_steps}
        factor = partial(rate_factor, schedule=plan.schedule, **shape)
        self.lr_scheduler = LambdaLR(optimizer or self._adam(), factor)
        self._created_lr_scheduler = True
        return self.lr_scheduler

    def factor(self, step: int) -> float:
        """The schedule's factor for step number `step` (from 0)."""
        return float(self._schedule().lr_lambdas[0](step))

    # transformers declares these as optional; inside a training they are there.
    def _schedule(self) -> Any:
        return self.lr_scheduler

    def _adam(self) -> Any:
        return self.optimizer

    def _learner(self) -> Any:
        return self.model

    def untouched(self) -> list[str]:
        """Tensors that should learn and never had a gradient."""
        found = state.untouched(self._learner(), self._adam())
        if not self.ranks.sharded:
            return found
        names = list(state.trainable(self._learner()))
        nowhere = self.ranks.total([float(name in set(found)) for name in names])
        return [name for name, count in zip(names, nowhere, strict=True) if count == self.ranks.size]

    # ------------------------------------------------------------------------------------------ checkpoints

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        try:
            self._write_checkpoint()
            self.parts.telling.written(self.state.global_step)
        except NotWritten as error:
            # What is learnt so far is in memory: training goes on, and the next checkpoint is tried in its time.
            self.parts.telling.not_written(self.state.global_step, error)

    def _write_checkpoint(self) -> None:
        parts, step, ranks = self.parts, self.state.global_step, self.ranks
        # What all processes put together comes first; then the main one writes.
        weights = state.copied(self._learner(), ranks) if ranks.sharded else state.trainable(self._learner())
        moments = state.optimizer_tensors(self._learner(), self._adam(), ranks)
        tensors, values = state.random_state()
        drawn = ranks.texts(state.random_text() if ranks.size > 1 else "")
        if not ranks.main:
            return
        if parts.best_kept != parts.recorder.best_step:
            parts.checkpoints.save_best(parts.recorder.best_step, parts.best)
            parts.best_kept = parts.recorder.best_step
        parts.checkpoints.save(
            step,
            {"weights": weights, "optimizer": moments, "rng": tensors},
            {
                "rng": {**values, **({"ranks": drawn} if ranks.size > 1 else {})},
                "recorder": parts.recorder.state(),
                "clock": parts.clock.state(),
                "trainer_state": asdict(self.state),
            },
            best=parts.recorder.best_step,
        )

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        state.restore(self._learner(), Opened(Path(resume_from_checkpoint), "weights"))

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is None:
            return
        folder = Path(checkpoint)
        state.restore_optimizer(self._learner(), self._adam(), Opened(folder, "optimizer"))
        step = int(read_value(folder, "trainer_state")["global_step"])
        scheduler = self._schedule()
        rates = [base * scheduler.lr_lambdas[0](step) for base in scheduler.base_lrs]
        now = {**scheduler.state_dict(), "last_epoch": step, "_step_count": step + 1, "_last_lr": rates}
        scheduler.load_state_dict(now)
        for group, rate in zip(self._adam().param_groups, rates, strict=True):
            group["lr"] = rate

    def _load_rng_state(self, checkpoint: str | None) -> None:
        if checkpoint is None:
            return
        folder = Path(checkpoint)
        values = read_value(folder, "rng")
        drawn = values.get("ranks", [])
        if max(1, len(drawn)) != self.ranks.size:
            self.parts.telling.other_processes(max(1, len(drawn)), self.ranks.size)
        if self.ranks.main:
            state.restore_random(read_tensors(folder, "rng"), values)
        elif self.ranks.rank < len(drawn):
            state.restore_random_text(drawn[self.ranks.rank])
        # One that was not there before goes on with the draws of its own seed.
