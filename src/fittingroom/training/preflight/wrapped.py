"""What training would change, measured on the model as it would be trained: adapters, tied tables, precision.

Source: peft issue 3711 (`all-linear` on DeepSeek's mixtures reaches the router and the experts, and passes by the
shared ones), peft's troubleshooting page (half precision, nothing trains, embeddings untied by `modules_to_save`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fittingroom.models.adapters import with_lora
from fittingroom.models.experts import Chosen, with_chosen
from fittingroom.models.targets import freeze_choosers, is_router
from fittingroom.training import plan
from fittingroom.training.config import TrainConfig
from fittingroom.training.objective import loss_sum
from fittingroom.training.passes import Layout, weight_of
from fittingroom.training.preflight.gradients import gradients, learners, placed
from fittingroom.training.rows import Encoded

if TYPE_CHECKING:
    from torch import Tensor

Adapt = Callable[[Any], Any]
"""Makes a loaded model ready to learn, and returns it."""

_DENSE = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
_SAMPLED = 4096
"""Numbers of a tensor that the step of the optimiser is tried on."""
_TENSORS = 128
_TINY_RATE = 1e-6


def as_planned(train: TrainConfig, experts: Chosen | None = None) -> Adapt:
    """As `fit.prepared` does: all weights but what only chooses, some experts, or adapters beside frozen weights."""

    def full(model: Any) -> Any:
        for parameter in model.parameters():
            parameter.requires_grad_(parameter.is_floating_point())
        freeze_choosers(model)
        return model

    def adapters(model: Any) -> Any:
        return with_lora(model, rank=train.lora_rank, alpha=train.lora_alpha, dropout=train.dropout)

    def chosen(model: Any) -> Any:
        return with_chosen(model, experts or {})

    return {"full": full, "experts": chosen}.get(train.method, adapters)


def expected(config: Any) -> dict[str, int]:
    """How many layers of each name an adapter belongs on, read from the architecture and not from module names."""
    layers = int(config.num_hidden_layers)
    if str(config.model_type) == "deepseek_v4":
        names: tuple[str, ...] = ("q_a_proj", "q_b_proj", "kv_proj", "o_b_proj")
    elif getattr(config, "kv_lora_rank", None):
        queries = ("q_a_proj", "q_b_proj") if getattr(config, "q_lora_rank", None) else ("q_proj",)
        names = (*queries, "kv_a_proj_with_mqa", "kv_b_proj", "o_proj")
    else:
        names = _DENSE
    return dict.fromkeys(names, layers)


def places(adapted: Any) -> dict[str, float]:
    """Where adapters sit: `wrapped` in all, `missing` of those expected, on the `router`, on routed `experts`,
    `elsewhere`; and how many of each name (`on.q_proj` …). With no adapters at all, `router` counts the router's
    tensors that would learn.
    """
    from peft.tuners.tuners_utils import BaseTunerLayer

    wrapped = [name.removesuffix(".base_layer") for name, module in adapted.named_modules()
               if isinstance(module, BaseTunerLayer)]  # fmt: skip
    if not hasattr(adapted, "peft_config"):
        learning = [name for name, value in adapted.named_parameters() if is_router(name) and value.requires_grad]
        return {"wrapped": 0.0, "expected": 0.0, "missing": 0.0, "router": float(len(learning)), "experts": 0.0,
                "elsewhere": 0.0}  # fmt: skip
    wanted = expected(adapted.config)
    router = [name for name in wrapped if is_router(name)]
    experts = [name for name in wrapped if ".experts" in name and name not in router]
    usual = Counter(name.rsplit(".", 1)[-1] for name in wrapped if name not in {*router, *experts})
    return {
        "wrapped": float(len(wrapped)),
        "expected": float(sum(wanted.values())),
        "missing": float(sum(max(0, count - usual[name]) for name, count in wanted.items())),
        "router": float(len(router)),
        "experts": float(len(experts)),
        "elsewhere": float(sum(count for name, count in usual.items() if name not in wanted)),
        **{f"on.{name}": float(count) for name, count in sorted(usual.items())},
    }


def shared_table(model: Any) -> bool:
    """Whether the input embeddings and the head are one tensor."""
    head = model.get_output_embeddings()
    if head is None:
        return False
    return bool(model.get_input_embeddings().weight.data_ptr() == head.weight.data_ptr())


def learning(adapted: Any, layout: Layout, rows: Encoded) -> dict[str, float]:
    """`dead`: share of the tensors that one step leaves as they were.

    Adapters: one step of AdamW at a tiny rate, then the `lora_B` that are zero still (they begin at zero; thrown away
    after). All weights: tensors whose gradient is zero, as nothing of the base may be changed; of a large model some.
    """
    import torch

    # One pass is enough to see what moves; rows of one pass that are laid out in several would only cost more.
    batch = placed(layout.collate(rows, range(len(rows)))[0], adapted)
    chosen = learners(adapted)
    found = gradients(loss_sum(adapted, batch) / weight_of(batch), chosen)
    if hasattr(adapted, "peft_config"):
        for parameter, gradient in zip(chosen, found, strict=True):
            parameter.grad = gradient
        torch.optim.AdamW(chosen, lr=_TINY_RATE, weight_decay=0.0).step()
        taken = {id(value) for value in chosen}
        named = [(name, value) for name, value in adapted.named_parameters() if id(value) in taken]
        tried = [value.detach() for name, value in named if "lora_B" in name]
    else:
        tried = found
    dead = sum(not bool(value.any()) for value in tried)
    return {"tensors": float(len(tried)), "dead": dead / max(1, len(tried)), "learns": float(bool(chosen))}


def precision(adapted: Any, train: TrainConfig) -> dict[str, float]:
    """Of the numbers that would learn: the share kept in float16 and in bfloat16, and the share that one step of AdamW
    at the rate of the plan changes at all, as they are kept and as they would be in float32 (on a sample).
    """
    import torch

    learns = [value for value in adapted.parameters() if value.requires_grad]
    if train.precision == "bf16":  # training rounds them when it loads them; here they lie in float32
        learns = [value.detach().to(torch.bfloat16) for value in learns]
    total = sum(value.numel() for value in learns)
    rate = train.learning_rate
    if isinstance(rate, str):  # `auto`, or still to be found; then by the size of the model
        rate, _ = plan.learning_rate(adapted.num_parameters(), train.method)
    sample = [_sampled(value) for value in _spread(learns)]
    count = max(1, sum(value.numel() for value in sample))
    kept = sum(_changed(value, rate, train.weight_decay) for value in sample)
    full = sum(_changed(value.float(), rate, train.weight_decay) for value in sample)
    return {
        "numbers": float(total),
        "float16": sum(value.numel() for value in learns if value.dtype == torch.float16) / max(1, total),
        "bfloat16": sum(value.numel() for value in learns if value.dtype == torch.bfloat16) / max(1, total),
        "changed": kept / count,
        "changed_in_float32": full / count,
        "rate": rate,
    }


def _spread(tensors: list[Tensor]) -> list[Tensor]:
    """At most so many of them, evenly."""
    if len(tensors) <= _TENSORS:
        return tensors
    return [tensors[at * len(tensors) // _TENSORS] for at in range(_TENSORS)]


def _sampled(value: Tensor) -> Tensor:
    """A copy of some of its numbers, evenly."""
    flat = value.detach().reshape(-1)
    return flat[:: max(1, flat.numel() // _SAMPLED)][:_SAMPLED].clone()


def _changed(value: Tensor, rate: float, decay: float) -> int:
    """How many of these numbers are others after one step; half of the slopes point up, half of them down."""
    import torch

    tried = torch.nn.Parameter(value.clone())
    slopes = torch.ones_like(tried)
    slopes[::2] = -1
    tried.grad = slopes
    torch.optim.AdamW([tried], lr=rate, weight_decay=decay).step()
    return int((tried.detach() != value).sum())
