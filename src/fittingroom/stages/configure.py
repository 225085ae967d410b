"""Configure: replace every `auto` by a value, measure the rendered rows, and say what training will cost."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from fittingroom.engine import Context, EngineConfig, Note
from fittingroom.errors import RecipeError
from fittingroom.models.device import arithmetic, device, precision
from fittingroom.models.experts import Chosen
from fittingroom.models.load import BaseModelInfo, ModelConfig, load_model, load_tokenizer, resolve, stored_half
from fittingroom.models.memory import Shape, machine_bytes
from fittingroom.models.nf4 import demand, quantisable
from fittingroom.models.render import Renderer
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.jobs import job_of
from fittingroom.tasks.rows import inputs_of
from fittingroom.training.apart import refuse_apart
from fittingroom.training.capacity import Fitting, Kept, fit_into_memory
from fittingroom.training.compared import OVERHEAD
from fittingroom.training.config import TrainConfig
from fittingroom.training.expertise import chosen_experts, learning_share
from fittingroom.training.finders.planned import found, wanted
from fittingroom.training.fit import base_weights, prepared, takes_block_masks
from fittingroom.training.freezing import plan_of
from fittingroom.training.needs import sharing_memory, spread_over
from fittingroom.training.passes import Layout
from fittingroom.training.plan import Choice, choose
from fittingroom.training.preflight import Examples, Measured, Subject, preflight
from fittingroom.training.preflight.mechanics import as_stored
from fittingroom.training.rendered import laid, rendered, replayed, tokens_of
from fittingroom.training.replay import General, fingerprint, general, rules_of, texts_that_judge
from fittingroom.training.rows import Encoded
from fittingroom.training.split import cuts_of, share_cut
from fittingroom.training.timing import costs_the_same, let_learn, seconds_of_step
from fittingroom.training.worded import laid_out
from fittingroom.types import Frozen, Plan, Splits

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

__all__ = ["TrainConfig", "configure", "observes"]

VERSION = 9
LIBRARIES = ("torch", "transformers", "peft", "tokenizers")


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
    tokenizer = load_tokenizer(base.path)
    renderer = Renderer(tokenizer, model.think)
    loaded = load_model(base.path)
    chosen: dict[str, str] = {}
    reads = int(loaded.config.max_position_embeddings)
    length, rows = rendered(splits, train, task, renderer, reads, chosen, context)
    choice = choose(train, len(rows), loaded.num_parameters(), chosen)
    frozen = plan_of(
        train.freeze, layers=int(loaded.config.num_hidden_layers), steps=choice.steps, full=train.method == "full"
    )
    chosen |= {"precision": why} if train.precision == "auto" and multiplied != "fp32" else {}
    chosen |= _four_bits(loaded) if train.method == "qlora" else {}
    extra = _general(splits, train, prepare, context, renderer)
    replay = replayed(extra, train, choice.batch)
    tokens = tokens_of(rows) | {"reads": float(reads)}
    tokens["max"] = max(tokens["max"], replay.get("longest", 0.0))
    layout, fitting, experts = _fitted(
        base, loaded, int(tokenizer.pad_token_id), rows, train, choice, tokens, chosen, seed, context
    )
    passes = laid(rows, layout, choice.batch, seed)
    resolved = train.model_copy(update={"learning_rate": choice.rate, "batch_size": choice.batch})
    checks, examples = _preflight(
        base, tokenizer, renderer, splits, task, rows, loaded, resolved, seed, experts, context
    )
    plan = Plan(
        **_steps(train, choice),
        **_in_memory(fitting),
        max_length=length,
        device=used.kind,
        precision=multiplied,
        experts=experts,
        frozen=frozen,
        replay=replay,
        tokens=tokens,
        layout=passes,
        preflight=checks,
        examples=examples,
        chosen=chosen,
    )
    if fitting.sharding != "none":
        return _told(_untimed(plan, train), context)
    here = loaded if costs_the_same(base.path, plan) and not wanted(train) else None
    del loaded  # what is tried is tried on a model of its own
    return _told(_tried(plan, here, base, rows, layout, fitting, train, extra, seed, context), context)


def _fitted(
    base: BaseModelInfo,
    loaded: PreTrainedModel,
    pad: int,
    rows: Encoded,
    train: TrainConfig,
    choice: Choice,
    tokens: dict[str, float],
    chosen: dict[str, str],
    seed: int,
    context: Context,
) -> tuple[Layout, Fitting, Chosen]:
    """How rows are laid out, what memory allows, and of a mixture the experts that learn."""
    # As training will lay them out: the model at hand has another attention than it is given for a GPU.
    blocks = takes_block_masks(loaded, device(train.device).kind, train)
    layout = Layout.of(loaded, pad, packing=train.packing == "auto", blocks=blocks)
    experts: Chosen = {}
    if train.method == "experts":
        looking = partial(context.progress, "look at experts")
        experts, chosen["experts"] = chosen_experts(loaded, rows, train.experts, seed, looking)
    kept = Kept(
        stored_half(base.path),
        learning_share(loaded, experts) if experts else 0.0,
        _share_cut(loaded, context.engine),
    )
    fitting = fit_into_memory(Shape.of(loaded), layout, train, choice.batch, tokens, chosen, kept, context.engine)
    return layout.within(fitting.budget), fitting, experts


def _steps(train: TrainConfig, choice: Choice) -> dict[str, Any]:
    """The part of a plan that says how is learnt, and how much."""
    return {
        "method": train.method,
        "learning_rate": choice.rate,
        "batch_size": choice.batch,
        "epochs": choice.epochs,
        "steps": choice.steps,
        "warmup_steps": int(choice.steps * train.warmup),
        "schedule": train.schedule,
        "decay_steps": max(1, int(choice.steps * train.decay)) if train.schedule == "wsd" else 0,
        "weight_decay": train.weight_decay,
        "l1": train.l1,
        "dropout": train.dropout,
    }


def _in_memory(fitting: Fitting) -> dict[str, Any]:
    """The part of a plan that comes of what memory allows."""
    return {
        "pass_tokens": fitting.budget,
        "activation_checkpointing": fitting.checkpointed,
        "sharding": fitting.sharding,
        "memory": fitting.memory.parts,
        "memory_bytes": fitting.memory.total,
    }


def _tried(
    plan: Plan,
    here: Any,
    base: BaseModelInfo,
    rows: Encoded,
    layout: Layout,
    fitting: Fitting,
    train: TrainConfig,
    extra: General | None,
    seed: int,
    context: Context,
) -> Plan:
    """The plan with what the recipe wants found by trying, and with its minutes; `here` is the model at hand, where
    training takes as long on it.
    """

    def fresh() -> Any:
        return prepared(base_weights(base.path, plan), plan, train, seed)

    if wanted(train):
        with arithmetic(plan.device, plan.precision):
            plan = found(
                plan, fresh, rows, layout, fitting.bounds, train=train, seed=seed, context=context, extra=extra
            )
        layout = layout.within(plan.pass_tokens)
        passes, memory = laid(rows, layout, plan.batch_size, seed), fitting.need(plan.pass_tokens)
        plan = plan.model_copy(update={"layout": passes, "memory": memory.parts, "memory_bytes": memory.total})
    if here is None:
        here = fresh()
        resolved = train.model_copy(update={"learning_rate": plan.learning_rate, "batch_size": plan.batch_size})
        plan = plan.model_copy(update={"preflight": {**plan.preflight, **as_stored(here, resolved)}})
    else:
        let_learn(here, plan)
    seconds = seconds_of_step(here, rows, layout, plan, context)
    # Processes on a processor share its cores, so that they are not faster together.
    seconds /= context.engine.processes if plan.device == "cuda" else 1
    replay = plan.replay.get("tokens", 0.0) * plan.replay.get("per_step", 0.0)
    more = replay / max(1.0, plan.layout.get("tokens_per_step", 1.0))
    return plan.model_copy(update={"minutes": round(OVERHEAD * seconds * (1 + more) * plan.steps / 60, 2)})


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
    tokenizer: PreTrainedTokenizerFast,
    renderer: Renderer,
    splits: Splits,
    task: TaskConfig,
    encoded: Encoded,
    loaded: PreTrainedModel,
    train: TrainConfig,
    seed: int,
    experts: Chosen,
    context: Context,
) -> tuple[Measured, Examples]:
    """Everything that is looked at before a paid minute."""
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
            sharing=sharing_memory(context.engine, device(train.device).kind),
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


def _four_bits(model: PreTrainedModel) -> dict[str, str]:
    """What four bits are worth on this model: of a mixture, bitsandbytes leaves the experts in bfloat16."""
    inside, all_of_them = quantisable(model)
    return {"method": f"4 bits hold {inside / all_of_them:.0%} of the weights; the others stay in bfloat16"}


def _share_cut(loaded: PreTrainedModel, engine: EngineConfig) -> float:
    return share_cut(loaded, cuts_of(loaded, engine.processes)) if engine.sharding == "tensor" else 0.0
