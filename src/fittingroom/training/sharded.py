"""Weights that are spread over the processes: FSDP2, one group per decoder layer.

Each process holds a part of every weight, its gradient and Adam's moments; a layer is put together just before it
computes and let go afterwards (ZeRO stage 3 in effect, arXiv 1910.02054, made for one layer at a time by torch's
`fully_shard`, arXiv 2304.11277). Putting a layer together takes all processes, so that each must take as many passes
as every other: one with fewer rows takes passes that weigh nothing. Gradients are summed after every pass: whole ones
would not fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

from fittingroom.errors import RecipeError
from fittingroom.models.body import body_and_head, hidden_states
from fittingroom.models.experts import splits_experts
from fittingroom.models.packing import granule
from fittingroom.training.ranks import Ranks


class Sharded(Ranks):
    """Processes that hold a part of every weight each."""

    sharded = True

    def __init__(self, rank: int, size: int) -> None:
        super().__init__(rank, size)
        self._root: Any = None

    def shard(self, model: Any) -> Any:
        """Spread the weights; the model keeps its classes and names, its weights become DTensors."""
        import torch
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard

        mesh = init_device_mesh("cuda" if torch.cuda.is_available() else "cpu", (self.size,))
        body, _ = body_and_head(model)
        self._root = _root_type()(model)
        for part in [*body.layers, self._root]:  # type: ignore[misc]
            fully_shard(part, mesh=mesh)
            # Our loss is divided by the weight of the whole step: sums are wanted, not means.
            part.set_gradient_divide_factor(1.0)
            part.set_force_sum_reduction_for_comms(True)
            if splits_experts(part):
                _expect_gaps(part)
        return model

    def call(self, model: Any, function: Callable[..., Any], *arguments: Any) -> Any:
        """Inside the root's forward, in which embeddings, last norm and head are whole, too."""
        return self._root(lambda inner: function(inner, *arguments))

    def turns(self, passes: Sequence[Any], blank: Callable[[], Any]) -> Iterable[Any]:
        """As many passes as the process with the most of them has."""
        most = -self.least(-len(passes))
        return [*passes, *(blank() for _ in range(most - len(passes)))]

    def gather_gradients(self, parameters: Iterable[Any]) -> None:
        """FSDP has summed them, pass by pass."""

    def together(self, model: Any, work: Callable[[], Any]) -> Any:
        """Before each forward pass every process says whether it has work; who has none left computes a token beside
        the others, until all are done.
        """
        body, _ = body_and_head(model)

        def asked(*_: Any) -> None:
            self.total([1.0])

        def joined(inner: Any) -> Any:
            hook = body.register_forward_pre_hook(asked)
            try:
                done = work()
            finally:
                hook.remove()
            while self.total([0.0])[0] > 0:
                _one_token(inner, body)
            return done

        done = self._root(joined)
        # Let go of what the root holds together: without a way back nobody else does.
        self._root.reshard()
        return done

    def summed_squares(self, values: Sequence[float]) -> list[float]:
        """Over the parts of all processes."""
        return self.total(values)

    def same_weights(self, size: Callable[[], float]) -> None:
        """No two processes hold the same."""


def _expect_gaps(part: Any) -> None:
    """The chosen experts of a layer have no gradient where no token of a pass was sent to them: the others would wait
    for it. RecipeError where torch cannot put a zero in its place.
    """
    if not hasattr(part, "set_reduce_scatter_unused_params"):
        raise RecipeError(
            "this version of torch cannot train experts whose weights are sharded: update torch, or set "
            "engine.sharding to none",
            "当前版本的 torch 无法训练分片存放的专家：请升级 torch，或把 engine.sharding 设为 none",
            place="engine.sharding",
        )
    part.set_reduce_scatter_unused_params(True, recurse=False)


@cache
def _root_type() -> type:
    """A module around a model, in whose forward anything can be done with the model."""
    from torch.nn import Module

    class Root(Module):
        def __init__(self, model: Any) -> None:
            super().__init__()
            self.model = model

        def forward(self, function: Callable[[Any], Any]) -> Any:
            return function(self.model)

    return Root


def _one_token(model: Any, body: Any) -> None:
    import torch

    length = granule(model)
    like = next(model.parameters()).device
    with torch.no_grad():
        hidden_states(
            body, torch.zeros((1, length), dtype=torch.long, device=like), None, torch.arange(length, device=like)[None]
        )
