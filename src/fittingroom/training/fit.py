"""Fit a model to rows, in one call that can be killed and called again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fittingroom.engine import Context
from fittingroom.models.adapters import with_lora
from fittingroom.models.device import arithmetic
from fittingroom.models.experts import with_chosen
from fittingroom.models.load import Stored, load_model, stored_half
from fittingroom.models.masks import takes_mask
from fittingroom.models.targets import freeze_choosers
from fittingroom.room import free_bytes, no_room
from fittingroom.training import state
from fittingroom.training.checkpoint import FOLDER, Checkpoints, Passed, read_value
from fittingroom.training.config import TrainConfig
from fittingroom.training.evaluation import Probe, evaluation_steps
from fittingroom.training.freezing import Freezing
from fittingroom.training.heap import give_back
from fittingroom.training.origin import origin
from fittingroom.training.passes import Layout
from fittingroom.training.ranks import ALONE, Ranks
from fittingroom.training.recorder import Recorder
from fittingroom.training.rows import NO_REPLAY, Batches, Encoded, Replaying
from fittingroom.training.telling import Clock, Telling
from fittingroom.types import Plan

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel


@dataclass
class Fitted:
    """A model with the best weights in place, and what was recorded."""

    model: Any
    recorder: Recorder
    clock: Clock
    passed: list[Passed]
    """Checkpoints that were not taken up, torn or of another training."""
    best: dict[str, Tensor] = field(default_factory=dict)
    """The best weights; of sharded ones the main process has them here and nobody in the model."""

    @property
    def skipped(self) -> list[str]:
        """Names of torn checkpoints."""
        return [one.name for one in self.passed if one.torn]


@contextlib.contextmanager
def repeatable(threads: int) -> Iterator[None]:
    """Deterministic algorithms and a fixed number of threads, put back afterwards."""
    import torch

    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    memory: Any = torch.utils.deterministic  # its stubs do not know the setting
    filled = memory.fill_uninitialized_memory
    torch.set_num_threads(threads)
    # A guard against reading memory that was never written; it costs a twentieth of a step, and no result needs it.
    memory.fill_uninitialized_memory = False
    torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available() or torch.backends.mps.is_available())
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
        memory.fill_uninitialized_memory = filled


def base_weights(path: Path, plan: Plan) -> Any:
    """The base model as a method trains it, on the plan's device: `qlora` in 4 bits, weights beside adapters in
    bfloat16 where the plan computes in it and the files hold no more, everything else (with `experts` what is frozen,
    too: it lies in one tensor with what learns) in 32 bits.
    """
    return load_model(path, stored=stored_as(path, plan), device=plan.device)


def stored_as(path: Path, plan: Plan) -> Stored:
    """The type that the base's weights are held in."""
    if plan.method == "qlora":
        return "nf4"
    halved = plan.precision == "bf16" or (plan.method == "lora" and plan.precision == "mixed" and stored_half(path))
    return "bf16" if halved else "fp32"


def prepared(model: PreTrainedModel, plan: Plan, train: TrainConfig, seed: int, ranks: Ranks = ALONE) -> Any:
    """The model, ready to learn: adapters in place (`lora`, `qlora`), all but what only chooses free (`full`), or some
    experts (`experts`); what the plan freezes at first is frozen.
    """
    import torch

    give_back(plan, ranks.size)
    model.config.use_cache = False
    _use_block_masks(model, plan, train)
    torch.manual_seed(seed)
    if plan.method == "full":
        freeze_choosers(model)
        _set_attention_dropout(model, plan.dropout)
        ready: Any = model
    elif plan.method == "experts":
        _set_attention_dropout(model, plan.dropout)
        ready = with_chosen(model, plan.experts)
    else:
        ready = with_lora(
            model, rank=train.lora_rank, alpha=train.lora_alpha, dropout=plan.dropout, master=plan.precision != "bf16"
        )
    if plan.activation_checkpointing:
        _checkpoint_activations(model)
    ready = ranks.shard(ready)
    ready.freezing = Freezing(ready, plan.frozen)
    return ready


def _checkpoint_activations(model: Any) -> None:
    """Not the reentrant way, which needs embeddings with a gradient: transformers gives them one in any case, and the
    way back would go through all that is frozen.
    """
    enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
    enable({"use_reentrant": False})
    model.disable_input_require_grads()


def _use_block_masks(model: Any, plan: Plan, train: TrainConfig) -> None:
    if takes_block_masks(model, plan.device, train.model_copy(update={"method": plan.method, "dropout": plan.dropout})):
        model.set_attn_implementation("flex_attention")


def takes_block_masks(model: Any, device: str, train: TrainConfig) -> bool:
    """Whether `prepared` gives a loaded model FlexAttention: on a GPU, where the model has it and its rows may be
    packed. What the mask of a pack hides is then not computed. It knows no dropout.
    """
    able = device == "cuda" and getattr(model, "_supports_flex_attn", False) and takes_mask(model)
    return bool(able and train.packing == "auto" and not (train.method in ("full", "experts") and train.dropout))


def _set_attention_dropout(model: Any, dropout: float) -> None:
    model.config.attention_dropout = dropout
    for module in model.modules():
        if hasattr(module, "attention_dropout"):
            module.attention_dropout = dropout


def fit(
    model: Any,
    *,
    rows: Encoded,
    probe: Probe,
    plan: Plan,
    train: TrainConfig,
    layout: Layout,
    base_digest: str,
    seed: int,
    context: Context,
    enough: Callable[[Recorder], bool] | None = None,
    replay: Replaying = NO_REPLAY,
    ranks: Ranks = ALONE,
) -> Fitted:
    """Train, evaluate, keep the best weights; take up a training that was killed in the same scratch folder.

    `model` is what `prepared` gave; `rows` end with the general rows that `replay` counts; every one must carry loss.
    The best weights are in place afterwards. With several processes (`ranks`) all call this with the same arguments;
    the main one writes and tells.
    `enough` is asked after every evaluation whether to stop (`stopped` is "pruned" then).
    """
    recorder = Recorder(plan.steps, train.early_stopping)
    clock = Clock()
    checkpoints = Checkpoints(context.scratch / FOLDER, origin(plan, train, rows, probe, base_digest, seed))
    passed: list[Passed] = []
    start = _start(checkpoints, passed, ranks)
    best: dict[str, Tensor] = {}
    if start is not None:
        recorder = Recorder(**read_value(start, "recorder"))
        clock = Clock(**read_value(start, "clock"))
        best = checkpoints.best_weights(recorder.best_step) if ranks.main else {}
    else:
        with arithmetic(plan.device, plan.precision):
            before = probe.measure(model, ranks)
        recorder.evaluated(0, 0.0, before)
        best = state.copied(model, ranks)
    telling = Telling(context, recorder, clock)
    for one in passed:
        telling.passed(one)
    if ranks.main and start is None and not passed and (other := checkpoints.elsewhere()) is not None:
        telling.elsewhere(*other)
    if not recorder.stopped:
        if ranks.main:
            _room(model, checkpoints, telling)
        best = _run(
            model, recorder, checkpoints, best, rows, probe, plan, train, layout, seed, context, start, telling, clock,
            enough, replay, ranks,
        )  # fmt: skip
    if ranks.main and not ranks.sharded:
        state.restore(model, best)
    model.eval()
    return Fitted(model, recorder, clock, passed, best)


def _start(checkpoints: Checkpoints, passed: list[Passed], ranks: Ranks) -> Path | None:
    """The checkpoint that is taken up: the main process looks for it, and all take the same."""
    found = checkpoints.newest(passed.append) if ranks.main else None
    [name, *_] = ranks.texts(found.name if found is not None else "")
    return checkpoints.folder / name if name else None


_SPARE = 3
"""Checkpoints that lie on disk at once: two that are kept, and the one being written."""


def _room(model: Any, checkpoints: Checkpoints, telling: Telling) -> None:
    """Look for room before training. Raises NoRoom when not even one checkpoint fits beside the final weights; says so
    when fewer fit than are kept.
    """
    learning = state.trainable(model).values()
    weights = sum(value.numel() * value.element_size() for value in learning)
    moments = sum(2 * 4 * value.numel() for value in learning)
    lying = sum(path.stat().st_size for path in checkpoints.folder.rglob("*") if path.is_file())
    free = free_bytes(checkpoints.folder) + lying
    # One checkpoint is the state and the best weights; the final weights come on top, once here and once in the store.
    if free < 4 * weights + moments:
        raise no_room(checkpoints.folder, 4 * weights + moments)
    needed = _SPARE * (2 * weights + moments)
    if free < needed + 2 * weights:
        telling.little_room(needed + 2 * weights, free, _SPARE)


def _run(
    model: Any,
    recorder: Recorder,
    checkpoints: Checkpoints,
    best: dict[str, Tensor],
    rows: Encoded,
    probe: Probe,
    plan: Plan,
    train: TrainConfig,
    layout: Layout,
    seed: int,
    context: Context,
    start: Path | None,
    telling: Telling,
    clock: Clock,
    enough: Callable[[Recorder], bool] | None,
    replay: Replaying,
    ranks: Ranks,
) -> dict[str, Tensor]:
    """The loop itself; returns the best weights."""
    from fittingroom.training.parts import Parts
    from fittingroom.training.trainer import AnswerTrainer

    parts = Parts(
        plan=plan,
        rows=rows,
        batches=Batches([len(ids) for ids in rows.ids], batch_size=plan.batch_size, seed=seed, replay=replay),
        probe=probe,
        evaluate_after=frozenset(evaluation_steps(plan.steps, plan.epochs)),
        recorder=recorder,
        checkpoints=checkpoints,
        telling=telling,
        clock=clock,
        freezing=model.freezing,
        smoothing=train.label_smoothing,
        layout=layout.within(recorder.pass_tokens or plan.pass_tokens),
        ranks=ranks,
        best=best,
        best_kept=recorder.best_step if start is not None else -1,
        enough=enough,
    )
    telling.started(int(start.name.removeprefix("step-")) if start is not None else 0)
    with repeatable(context.threads):
        trainer = AnswerTrainer(
            model, _arguments(plan, train, (seed + _APART * ranks.part) % 2**32, context.scratch), parts
        )
        trainer.train(resume_from_checkpoint=str(start) if start is not None else None)
    return parts.best


_APART = 1_000_003
"""Between the seeds of two processes: their draws of dropout must differ, where they compute different rows."""


def _arguments(plan: Plan, train: TrainConfig, seed: int, scratch: Path) -> Any:
    from transformers import TrainingArguments

    made = TrainingArguments(
        output_dir=str(scratch / "trainer"),
        max_steps=plan.steps,
        per_device_train_batch_size=plan.batch_size,
        learning_rate=plan.learning_rate,
        weight_decay=plan.weight_decay,
        max_grad_norm=train.max_grad_norm,
        optim="adamw_torch_fused",
        seed=seed,
        use_cpu=plan.device == "cpu",
        bf16=plan.precision == "mixed",
        save_strategy="no",
        eval_strategy="no",
        logging_strategy="no",
        logging_nan_inf_filter=False,
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=plan.device == "cuda",
    )
    if made.n_gpu > 1:
        made._n_gpu = 1  # else the model would be copied to all of them; several train by `engine.processes`
    return made
