"""Weights that are cut over the processes inside each layer, by the tensor-parallel plan of transformers.

Every process computes all rows of a step, but of the matrices that the plan names only its own rows or columns, as in
Megatron-LM (Shoeybi et al., arXiv 1909.08053); what each has is summed inside the layer. What the plan does not name
(embeddings, norms, head; in V3 the attention) every process holds whole and computes from the same numbers, so that its
gradients are equal without being sent. Parts of no weight travel, which is what FSDP2 sends most of; sums of hidden
states do, for every layer, so that it wants fast wires between the processes.

The tables of words stay whole: our loss and our scores multiply with the head's matrix themselves.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

from fittingroom.errors import ModelError, RecipeError
from fittingroom.training.ranks import Ranks, local

_PARTIAL = "replicated_with_grad_allreduce"
"""Norms of single heads: whole in every process, which sees its own heads only. transformers sums their gradients after
every pass, together with what was summed in the passes before; here they are summed once, after the last one.
"""
_HEADS = ("k_proj", "kv_b_proj")
"""Projections whose columns are heads of keys, of which every process must have as many as every other."""

Cuts = dict[str, str]
"""Name of a module or weight -> how it is cut, in transformers' words."""


class Split(Ranks):
    """Processes that compute the same rows, each with its rows and columns of the matrices."""

    sharded = True

    def __init__(self, rank: int, size: int) -> None:
        super().__init__(rank, size)
        self._partial: list[Any] = []

    @property
    def parts(self) -> int:
        """All compute all rows."""
        return 1

    @property
    def part(self) -> int:
        """All draw the same dropout: what is whole must stay equal."""
        return 0

    def over_parts(self, values: Sequence[float]) -> list[float]:
        """What one process has is what all have."""
        return [float(value) for value in values]

    def shard(self, model: Any) -> Any:
        """Cut the weights; the model keeps its classes and names, what is cut becomes DTensors."""
        import torch
        from torch.distributed.device_mesh import init_device_mesh

        try:
            from transformers.distributed.tensor_parallel import apply_tensor_parallelism
        except ImportError:
            raise RecipeError(
                "this version of transformers cannot cut layers: update it, or set engine.sharding to full",
                "当前版本的 transformers 不支持按层切分：请升级，或把 engine.sharding 设为 full",
                place="engine.sharding",
            ) from None
        rules = cuts_of(model, self.size)
        kind = "cuda" if torch.cuda.is_available() else "cpu"
        mesh = init_device_mesh(kind, (self.size,))
        apply_tensor_parallelism(model, mesh, {name: style for name, style in rules.items() if style != _PARTIAL})
        model.to(kind)
        self._partial = [value for name, value in model.named_parameters() if rules.get(name) == _PARTIAL]
        return model

    def gather_gradients(self, parameters: Iterable[Any]) -> None:
        """Of what is whole and sees a part of the heads only; everything else has its gradient."""
        super().gather_gradients(self._partial)

    def counts(self, value: Any) -> bool:
        """What is whole is counted by the main process."""
        return self.main or _is_cut(value)

    def summed_squares(self, values: Sequence[float]) -> list[float]:
        """Over the pieces of all processes, and once over what is whole."""
        return self.total(values)

    def clipped(self, parameters: Iterable[Any], most: float) -> float:
        """The norm over the pieces of all processes and, once, over what is whole."""
        import torch

        learning = [value for value in parameters if value.grad is not None]
        counted = [local(value.grad) for value in learning if self.counts(value)]
        squares = math.fsum(float(one) ** 2 for one in torch._foreach_norm(counted)) if counted else 0.0
        norm = math.sqrt(self.total([squares])[0])
        if norm > most:  # not for what is no number: that step is not taken
            torch._foreach_mul_([local(value.grad) for value in learning], most / (norm + 1e-6))
        return norm

    def grouped(self, optimizer: Any) -> None:
        """Pieces and whole weights apart: one fused step takes tensors of one kind."""
        made = []
        for group in optimizer.param_groups:
            for cut in (True, False):
                same = [value for value in group["params"] if hasattr(value, "device_mesh") == cut]
                made += [{**group, "params": same}] if same else []
        optimizer.param_groups[:] = made


def cuts_of(model: Any, processes: int) -> Cuts:
    """How the modules and weights of a model are cut, by name. Raises RecipeError for a model that cannot be cut among
    so many processes.
    """
    stated: Cuts = getattr(model.config, "base_model_tp_plan", None) or {}
    if not stated:
        raise RecipeError(
            f"transformers has no tensor-parallel plan for a model of type {model.config.model_type}: set "
            "engine.sharding to full",
            f"transformers 没有类型为 {model.config.model_type} 的模型的张量并行方案：请把 engine.sharding 设为 full",
            place="engine.sharding",
        )
    plan = {f"{model.base_model_prefix}.{name}": style for name, style in stated.items()}
    rules: Cuts = {}
    for name, module in model.named_modules():
        style = plan.get(_general(name))
        for weight, _ in module.named_parameters(prefix=name, recurse=False):
            own = plan.get(_general(weight), style)
            rules |= {weight: own} if own else {}
        rules |= {name: style} if style else {}
    _refuse_uneven(model, stated, processes)
    _refuse_unmatched(model, plan, rules)
    return rules


def share_cut(model: Any, rules: Cuts) -> float:
    """Share of a model's weights of which a process holds a piece only."""
    whole = (_PARTIAL, "mla_kv_a_proj")
    sizes = {name: value.numel() for name, value in model.named_parameters()}
    cut = [size for name, size in sizes.items() if rules.get(name, _PARTIAL) not in whole]
    return float(sum(cut) / sum(sizes.values()))


def _refuse_uneven(model: Any, stated: Cuts, processes: int) -> None:
    if not any(name.rpartition(".")[2] in _HEADS for name in stated):
        return
    config = model.config
    heads = {int(config.num_attention_heads), int(getattr(config, "num_key_value_heads", config.num_attention_heads))}
    uneven = sorted(count for count in heads if count % processes)
    if uneven:
        raise RecipeError(
            f"{uneven[0]} heads of attention cannot be shared out evenly to {processes} processes: choose a divisor "
            "of it for engine.processes, or set engine.sharding to full",
            f"{uneven[0]} 个注意力头无法平均分给 {processes} 个进程：请把 engine.processes 改为它的约数，"
            "或把 engine.sharding 设为 full",
            place="engine.processes",
        )


def _refuse_unmatched(model: Any, plan: Cuts, rules: Cuts) -> None:
    """A plan that names nothing in the model would leave all of it whole, and its sums made twice."""
    if not {_general(name) for name in rules} & plan.keys():
        raise ModelError(
            f"the tensor-parallel plan of transformers does not fit the layers of this {model.config.model_type} "
            "model: set engine.sharding to full",
            f"transformers 的张量并行方案与该 {model.config.model_type} 模型的层不符：请把 engine.sharding 设为 full",
            place="engine.sharding",
        )


def _general(name: str) -> str:
    """The name with a star for the number of its layer."""
    return re.sub(r"\.\d+(?=\.|$)", ".*", name)


def _is_cut(value: Any) -> bool:
    return hasattr(value, "placements") and not all(one.is_replicate() for one in value.placements)
