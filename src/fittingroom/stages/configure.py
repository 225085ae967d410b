"""Configure: replace every `auto` by a value, measure the rendered rows, and say what training will cost."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fittingroom.engine import Context, EngineConfig, Note
from fittingroom.errors import ModelError, RecipeError
from fittingroom.models.device import arithmetic, device, precision
from fittingroom.models.experts import Chosen
from fittingroom.models.load import BaseModelInfo, ModelConfig, load_model, load_tokenizer, resolve, stored_half
from fittingroom.models.memory import Memory, Shape, machine_bytes
from fittingroom.models.nf4 import demand, quantisable
from fittingroom.models.render import Renderer
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.jobs import job_of
from fittingroom.tasks.rows import inputs_of
from fittingroom.training import plan as rules
from fittingroom.training.apart import refuse_apart
from fittingroom.training.compared import OVERHEAD
from fittingroom.training.config import TrainConfig
from fittingroom.training.enough import check_rows
from fittingroom.training.expertise import chosen_experts, learning_share
from fittingroom.training.finders.planned import Bounds, found, wanted
from fittingroom.training.fit import base_weights, prepared, repeatable, stored_as, takes_block_masks
from fittingroom.training.freezing import plan_of
from fittingroom.training.needs import Sharding, in_parts, in_pieces, needed, sharing_memory, spread_over
from fittingroom.training.passes import PASS_TOKENS, Layout, longest_pack
from fittingroom.training.preflight import Examples, Measured, Subject, preflight
from fittingroom.training.preflight.mechanics import as_stored
from fittingroom.training.replay import General, fingerprint, general, per_step, rules_of, texts_that_judge
from fittingroom.training.rows import Batches, Encoded, answer_room, encode, refuse_long_answers
from fittingroom.training.split import cuts_of, share_cut
from fittingroom.training.worded import laid_out
from fittingroom.types import Frozen, Plan, Splits

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["TrainConfig", "configure", "observes"]

VERSION = 5
LIBRARIES = ("torch", "transformers", "peft", "tokenizers")

_MEMORY_SHARE = 0.8
"""Share of the machine's memory that training may plan with."""
_TIMED_PASSES = 3


def observes(*, model: ModelConfig, train: TrainConfig, context: Context) -> dict[str, str]:
    """The base model's files, those of general data, and the machine that the plan is for."""
    name, memory = machine_bytes(train.device)
    return {
        "base": resolve(model, context.root).digest,
        "device": name,
        "memory": str(memory),
        "threads": str(context.threads),
        **spread_over(context.engine),
        **fingerprint(train.replay, context),
    }


def configure(
    splits: Splits,
    *,
    model: ModelConfig,
    train: TrainConfig,
    task: TaskConfig,
    seed: int,
    context: Context,
    prepare: Frozen | None = None,
) -> Plan:
    """The plan of a training. Raises RecipeError or ModelError when it cannot work on this machine or these rows."""
    used = device(train.device)
    multiplied, why = precision(train.precision, used.kind)
    if train.method == "qlora":
        demand(used)
    if context.engine.processes > 1:
        refuse_apart(method=train.method, device=used.kind, sharding=context.engine.sharding)
    base = resolve(model, context.root)
    renderer = Renderer(load_tokenizer(base.path), model.think)
    loaded = load_model(base.path)
    labels = job_of(task).labels(splits, task)
    check_rows(splits, labels)
    context.progress("render", 0, splits.train.rows)
    chosen: dict[str, str] = {}
    reads = int(loaded.config.max_position_embeddings)
    refuse_long_answers(splits.train, task=task, labels=labels, renderer=renderer, reads=reads)
    length = _length(splits, train, task, labels, renderer, reads, chosen)
    encoded = encode(
        splits.train, task=task, labels=labels, renderer=renderer, max_length=length,
        class_weights=splits.class_weights, learning=True,
    )  # fmt: skip
    context.progress("render", len(encoded), len(encoded))
    tokens = _measured(encoded) | {"reads": float(reads)}
    choice = _choose(train, len(encoded), loaded.num_parameters(), chosen)
    steps = max(1, math.ceil(math.ceil(len(encoded) / choice.batch) * choice.epochs))
    frozen = plan_of(
        train.freeze, layers=int(loaded.config.num_hidden_layers), steps=steps, full=train.method == "full"
    )
    chosen |= {"precision": why} if train.precision == "auto" and multiplied != "fp32" else {}
    chosen |= _four_bits(loaded) if train.method == "qlora" else {}
    extra = _general(splits, train, prepare, context, renderer)
    replay = _replayed(extra, train, choice.batch)
    tokens["max"] = max(tokens["max"], replay.get("longest", 0.0))
    # As training will lay them out: the model at hand has another attention than it is given for a GPU.
    blocks = takes_block_masks(loaded, used.kind, train)
    layout = Layout.of(loaded, renderer.eos_id, packing=train.packing == "auto", blocks=blocks)
    experts: Chosen = {}
    if train.method == "experts":
        looking = partial(context.progress, "look at experts")
        experts, chosen["experts"] = chosen_experts(loaded, encoded, train.experts, seed, looking)
    kept = _Kept(
        stored_half(base.path),
        learning_share(loaded, experts) if experts else 0.0,
        _share_cut(loaded, context.engine),
    )
    fitting = _fit_into_memory(Shape.of(loaded), layout, train, choice.batch, tokens, chosen, kept, context.engine)
    layout = layout.within(fitting.budget)
    laid = _laid(encoded, layout, choice.batch, seed)
    resolved = train.model_copy(update={"learning_rate": choice.rate, "batch_size": choice.batch})
    checks, examples = _preflight(base, renderer, splits, task, encoded, loaded, resolved, seed, experts)
    plan = Plan(
        method=train.method,
        learning_rate=choice.rate,
        batch_size=choice.batch,
        pass_tokens=fitting.budget,
        epochs=choice.epochs,
        steps=steps,
        warmup_steps=int(steps * train.warmup),
        schedule=train.schedule,
        decay_steps=max(1, int(steps * train.decay)) if train.schedule == "wsd" else 0,
        weight_decay=train.weight_decay,
        l1=train.l1,
        dropout=train.dropout,
        max_length=length,
        device=used.kind,
        precision=multiplied,
        activation_checkpointing=fitting.checkpointed,
        sharding=fitting.sharding,
        experts=experts,
        frozen=frozen,
        replay=replay,
        tokens=tokens,
        layout=laid,
        preflight=checks,
        examples=examples,
        memory=fitting.memory.parts,
        memory_bytes=fitting.memory.total,
        chosen=chosen,
    )
    if fitting.sharding != "none":
        return _told(_untimed(plan, train), context)
    here = loaded if _costs_the_same(base.path, plan) else None
    del loaded  # what is tried is tried on a model of its own

    def fresh() -> Any:
        return prepared(base_weights(base.path, plan), plan, train, seed)

    if wanted(train):
        here = None
        with arithmetic(plan.device, plan.precision):
            plan = found(
                plan, fresh, encoded, layout, fitting.bounds, train=train, seed=seed, context=context, extra=extra
            )
        layout = layout.within(plan.pass_tokens)
        laid, memory = _laid(encoded, layout, choice.batch, seed), fitting.need(plan.pass_tokens)
        plan = plan.model_copy(update={"layout": laid, "memory": memory.parts, "memory_bytes": memory.total})
    if here is None:
        here = fresh()
        resolved = resolved.model_copy(update={"learning_rate": plan.learning_rate})
        plan = plan.model_copy(update={"preflight": {**checks, **as_stored(here, resolved)}})
    else:
        _let_learn(here, plan)
    seconds = _timed(here, encoded, layout, laid, plan, context)
    # Processes on a processor share its cores, so that they are not faster together.
    seconds /= context.engine.processes if plan.device == "cuda" else 1
    more = replay.get("tokens", 0.0) * replay.get("per_step", 0.0) / max(1.0, laid.get("tokens_per_step", 1.0))
    minutes = round(OVERHEAD * seconds * (1 + more) * steps / 60, 2)
    return _told(plan.model_copy(update={"minutes": minutes}), context)


def _told(plan: Plan, context: Context) -> Plan:
    """The same plan, once the journal and whoever looks on know what was chosen and why."""
    context.note(Note("planned", {"layout": plan.layout, "chosen": plan.chosen}, text=laid_out(plan.layout)))
    return plan


def _untimed(plan: Plan, train: TrainConfig) -> Plan:
    """The plan of a model that does not fit into one device, on which nothing can be tried out here."""
    if wanted(train):
        raise RecipeError(
            "nothing can be found by trying (find) where weights are sharded over processes: name a value, or auto",
            "权重分片到多个进程时无法试跑（find）：请给出数值或 auto",
            place="train",
        )
    return plan.model_copy(
        update={"chosen": {**plan.chosen, "minutes": "not timed: the model is spread over processes"}}
    )


_LOOKED_AT = 200
"""Prompts that the preflight renders again."""


def _preflight(
    base: BaseModelInfo,
    renderer: Renderer,
    splits: Splits,
    task: TaskConfig,
    encoded: Encoded,
    loaded: PreTrainedModel,
    train: TrainConfig,
    seed: int,
    experts: Chosen,
) -> tuple[Measured, Examples]:
    """Everything that is looked at before a paid minute."""
    tokenizer = load_tokenizer(base.path)
    job = job_of(task)
    labels = job.labels(splits, task)
    some = splits.train.arrow().sort_by("id").slice(0, _LOOKED_AT)
    return preflight(
        Subject(
            folder=base.path,
            tokenizer=tokenizer,
            renderer=renderer,
            messages=[
                job.messages(given, task, job.choices(given, task, labels, name))
                for name, given in zip(some["id"].to_pylist(), inputs_of(some), strict=True)
            ],
            answers=job.answers(task, labels),
            rows=encoded,
            model=loaded,
            layout=Layout.of(loaded, int(tokenizer.pad_token_id), packing=train.packing == "auto"),
            train=train,
            seed=seed,
            experts=experts,
        )
    )


def _general(
    splits: Splits,
    train: TrainConfig,
    prepare: Frozen | None,
    context: Context,
    renderer: Renderer,
) -> General | None:
    """The general rows, read before training as training will read them."""
    if train.replay is None:
        return None
    return general(
        train.replay,
        context.path(train.replay.path),
        renderer=renderer,
        redact=rules_of(prepare),
        secret=context.secret,
        held_out=texts_that_judge(splits),
    )


def _replayed(extra: General | None, train: TrainConfig, batch: int) -> dict[str, float]:
    """See `Plan.replay`."""
    if extra is None or train.replay is None:
        return {}
    lengths = [len(ids) for ids in extra.rows.ids]
    share = train.replay.share
    return {
        "rows": float(len(lengths)),
        "too_long": float(extra.too_long),
        "held_out": float(extra.held_out),
        "per_step": float(per_step(share, batch)),
        "tokens": round(statistics.fmean(lengths), 2),
        "longest": float(max(lengths)),
        "share": share,
    }


def _four_bits(model: PreTrainedModel) -> dict[str, str]:
    """What four bits are worth on this model: of a mixture, bitsandbytes leaves the experts in bfloat16."""
    inside, all_of_them = quantisable(model)
    return {"method": f"4 bits hold {inside / all_of_them:.0%} of the weights; the others stay in bfloat16"}


class _Kept(NamedTuple):
    """What of a model's weights memory depends on beside its shape."""

    half: bool
    """Whether its files hold 16 bits a number."""
    experts: float
    """Share of the routed experts' weights that learns."""
    cut: float
    """Share of its weights that `engine.sharding: tensor` cuts."""


def _share_cut(loaded: PreTrainedModel, engine: EngineConfig) -> float:
    return share_cut(loaded, cuts_of(loaded, engine.processes)) if engine.sharding == "tensor" else 0.0


class _Choice(NamedTuple):
    batch: int
    epochs: float
    rate: float


def _length(
    splits: Splits,
    train: TrainConfig,
    task: TaskConfig,
    labels: list[str],
    renderer: Renderer,
    reads: int,
    chosen: dict[str, str],
) -> int:
    """Tokens of prompt and answer."""
    room = answer_room(task, labels, renderer, splits.train)
    if train.max_length != "auto":
        if train.max_length > reads:
            raise RecipeError(
                f"the base model reads {reads} tokens at most: choose a smaller value",
                f"基础模型最多可读 {reads} 个 token：请改用更小的值",
                place=f"train.max_length = {train.max_length}",
            )
        return train.max_length
    whole = encode(splits.train, task=task, labels=labels, renderer=renderer, max_length=reads, learning=True)
    # Every row is cut as if its answer were the longest label, so that is the length that counts.
    length, chosen["max_length"] = rules.max_length([start + room for start in whole.answer_starts], reads)
    return length


def _measured(rows: Encoded) -> dict[str, float]:
    lengths = sorted(len(ids) for ids in rows.ids)
    return {
        "rows": float(len(lengths)),
        "mean": round(statistics.fmean(lengths), 2),
        "p95": float(lengths[min(len(lengths) - 1, int(0.95 * len(lengths)))]),
        "max": float(lengths[-1]),
        "truncated": float(rows.truncated),
        "all_masked": float(sum(rows.answer_tokens(row) == 0 for row in range(len(rows)))),
        "answer_tokens": float(sum(rows.answer_tokens(row) for row in range(len(rows)))),
    }


def _choose(train: TrainConfig, rows: int, parameters: int, chosen: dict[str, str]) -> _Choice:
    batch, count, rate = train.batch_size, train.epochs, train.learning_rate
    if batch == "auto":
        batch, chosen["batch_size"] = rules.batch_size(rows, train.method)
    if batch > rows:
        batch, chosen["batch_size"] = rows, f"all {rows} rows at once: there are fewer than {batch}"
    if count == "auto":
        count, chosen["epochs"] = rules.epochs(rows, batch, parameters)
    if isinstance(rate, str):
        rate, chosen["learning_rate"] = rules.learning_rate(parameters, train.method)
    return _Choice(batch, count, rate)


class _Fitting(NamedTuple):
    """What memory allows, by the estimate."""

    budget: int
    """Tokens per forward pass."""
    memory: Memory
    bounds: Bounds
    checkpointed: bool
    """Whether activations are computed again on the way back."""
    sharding: Sharding
    """How the weights are spread over the processes."""
    need: Callable[[int], Memory]
    """The estimate for a size of pass."""


_SMALL_PASS = 2048
"""Tokens of a pass below which it pays to compute layers twice for longer ones."""


def _fit_into_memory(
    shape: Shape,
    layout: Layout,
    train: TrainConfig,
    batch: int,
    tokens: dict[str, float],
    chosen: dict[str, str],
    kept: _Kept,
    engine: EngineConfig,
) -> _Fitting:
    """Tokens per forward pass and the memory they need; ModelError when not even one row fits."""
    longest = int(tokens["max"])
    answers = tokens["answer_tokens"] / max(1.0, tokens["rows"] * tokens["mean"])

    checkpointed = train.activation_checkpointing == "on"
    sharding: Sharding = "none" if engine.sharding == "auto" else engine.sharding

    def need(length: int, again: bool | None = None) -> Memory:
        asked = {"tokens": length, "answers": math.ceil(length * answers), "longest": longest}
        again = checkpointed if again is None else again
        whole = needed(shape, layout, train, **asked, half=kept.half, checkpointed=again, experts=kept.experts)
        if sharding == "tensor":
            return in_pieces(whole, kept.cut, engine.processes)
        return in_parts(whole, shape, engine.processes) if sharding == "full" else whole

    name, memory = machine_bytes(train.device)
    memory //= sharing_memory(engine, device(train.device).kind)
    room = int(memory * _MEMORY_SHARE)
    least_kept = need(longest, train.activation_checkpointing != "off").total
    if engine.sharding == "auto" and engine.processes > 1 and train.method != "qlora" and least_kept > room:
        sharding = "full"  # `need` reckons with it from here on
        chosen["sharding"] = f"full: {memory / 2**30:.1f} GiB do not hold the {least_kept / 2**30:.1f} GiB of a process"
    most = max(longest, min(PASS_TOKENS, batch * longest))
    asked = most if isinstance(train.pass_tokens, str) else max(longest, min(train.pass_tokens, most))
    if train.activation_checkpointing == "auto" and need(max(longest, min(asked, _SMALL_PASS))).total > room:
        checkpointed = True  # `need` reckons with it from here on
        chosen["activation_checkpointing"] = f"on: {memory / 2**30:.1f} GiB hold only small passes without it"
    budget = rules.pass_tokens(longest, asked, lambda length: need(length).total <= room)
    if budget == 0:
        least = need(longest).total / 2**30
        raise ModelError(
            f"training needs about {least:.1f} GiB and {name} has {memory / 2**30:.1f} GiB: choose a "
            "smaller base model, train.method lora or qlora, or a smaller train.max_length",
            f"训练约需 {least:.1f} GiB，而 {name} 只有 {memory / 2**30:.1f} GiB："
            "请改用更小的基础模型、train.method 设为 lora 或 qlora，或减小 train.max_length",
            place="model.base",
        )
    if budget < asked:
        chosen["pass_tokens"] = f"{budget} tokens at a time fit into {memory / 2**30:.1f} GiB"
    bounds = Bounds(room, most, lambda length: need(length).total)
    return _Fitting(budget, need(budget), bounds, checkpointed, sharding, need)


_LAID = 8
"""Steps on which the layout is tried out."""


def _laid(rows: Encoded, layout: Layout, batch: int, seed: int) -> dict[str, Any]:
    """What the passes of the first steps look like (see `Plan.layout`)."""
    learnt = rows.only(rows.with_loss())
    if not len(learnt):
        return {}
    steps = Batches([len(ids) for ids in learnt.ids], batch_size=batch, seed=seed).epoch_batches(0)[:_LAID]
    made = [layout.lay([learnt.ids[row] for row in step]) for step in steps]
    kinds = [one.kind for one in made]
    kind = max(sorted(set(kinds)), key=kinds.count)
    several = any(layout.holds_several(one.order) for one in made)
    own = sum(sum(one.order.lengths) for one in made)
    computed = sum(one.computed for one in made)
    why = {
        "shared-prefix": "rows begin with the same tokens, which are computed once for all of a pack",
        "isolated": "rows share too little; packed side by side they cost less than padded to one length",
        "padded": "padding costs least on these lengths"
        if layout.packed and several
        else f"no two rows of a step fit into one pack of {longest_pack(layout.budget)} tokens"
        if layout.packed
        else "each row by itself, as packing is off or the model's attention takes no mask of ours",
    }
    return {
        "kind": kind,
        "why": why[kind],
        "computed": round(computed / own, 4),
        "passes": round(statistics.fmean(len(one.passes) for one in made), 2),
        "tokens_per_step": round(computed / len(made), 1),
    }


def _costs_the_same(path: Path, plan: Plan) -> bool:
    """Whether the model at hand takes the time that training will; elsewhere, or stored otherwise, it does not."""
    return plan.device == "cpu" and stored_as(path, plan) == "fp32" and not plan.activation_checkpointing


def _let_learn(loaded: PreTrainedModel, plan: Plan) -> None:
    """Gradients as far as training carries them."""
    for parameter in loaded.parameters():
        parameter.requires_grad_(plan.method == "full")
    loaded.get_input_embeddings().weight.requires_grad_(True)  # LoRA, too, carries gradients to the bottom


def _timed(model: Any, rows: Encoded, layout: Layout, laid: dict[str, Any], plan: Plan, context: Context) -> float:
    """Seconds of an optimiser step's passes forward and back, from the shortest of a few times of one pass; the first
    ones warm up.
    """
    from fittingroom.training.objective import loss_sum

    usual = rows.with_loss()
    if not usual:
        return 0.0
    by_length = sorted(usual, key=lambda row: len(rows.ids[row]))
    middle = max(0, len(by_length) // 2 - plan.batch_size // 2)
    one = layout.collate(rows, by_length[middle : middle + plan.batch_size])[0]
    batch = {name: value.to(model.device) for name, value in one.items()}
    model.train(plan.activation_checkpointing)  # layers are computed again in training only
    times = []
    with repeatable(context.threads):
        for number in range(_TIMED_PASSES):
            context.progress("time a step", number, _TIMED_PASSES)
            started = time.perf_counter()
            with arithmetic(plan.device, plan.precision):
                loss = loss_sum(model, batch)
            loss.backward()  # type: ignore[no-untyped-call]
            float(loss.detach())  # on a GPU, wait until it is done
            times.append(time.perf_counter() - started)
            model.zero_grad(set_to_none=True)
    return float(min(times) * laid["tokens_per_step"] / one["ids"].numel())
