"""Several processes that train one model together: who does what, and what they tell each other.

Every process runs the same loop over the same optimiser steps, computes its share of each step's rows, and the
gradients are summed once a step, after the last pass: data parallelism as in DDP (Li et al., arXiv 2006.15704), with
the loss divided by the weight of the whole step, so that any number of processes takes the same step. What a process
decides on (loss, stops, when a checkpoint is due) is agreed first, so that none of them waits for one that has left.

The sum is made here and not by torch's `DistributedDataParallel`: that one must know before a pass which weights will
have a gradient (experts that no token is sent to have none), forbids weights to be frozen and freed on the way, and
hangs when a pass that does not fit into memory is taken again in one process alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from fittingroom.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

_BUCKET = 64 * 2**20
"""Bytes of gradients that are summed at once: few enough to fit beside them, enough to keep the wire busy."""


class Ranks:
    """The processes of a training. Without a process group there is one, and nothing is sent."""

    sharded = False
    """Whether each process holds a part of the weights only (see `training.sharded`, `training.split`)."""

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank, self.size = rank, size

    @classmethod
    def here(cls) -> Ranks:
        """Those of torch's process group; one where there is none."""
        import torch.distributed as group

        together = group.is_available() and group.is_initialized()
        return cls(group.get_rank(), group.get_world_size()) if together else cls()

    @property
    def main(self) -> bool:
        """Whether this is the process that writes files and tells of the training."""
        return self.rank == 0

    @property
    def parts(self) -> int:
        """Among how many the rows of a step are shared out."""
        return self.size

    @property
    def part(self) -> int:
        """Which of these parts is this process's."""
        return self.rank

    # ------------------------------------------------------------------------------------------ agreeing

    def total(self, values: Sequence[float]) -> list[float]:
        """Sums over all processes, in 64 bits."""
        if self.size == 1:
            return [float(value) for value in values]
        import torch

        summed = torch.tensor(list(values), dtype=torch.float64)
        _all_reduce(summed)
        return [float(value) for value in summed]

    def over_parts(self, values: Sequence[float]) -> list[float]:
        """Sums over all parts of a step's rows."""
        return self.total(values)

    def least(self, value: int) -> int:
        """The smallest value of any process."""
        if self.size == 1:
            return value
        import torch
        from torch.distributed import ReduceOp

        found = torch.tensor([value], dtype=torch.int64)
        _all_reduce(found, ReduceOp.MIN)
        return int(found)

    def told(self, value: int) -> int:
        """The value that the main process has."""
        if self.size == 1:
            return value
        import torch
        import torch.distributed as group

        said = torch.tensor([value], dtype=torch.int64)
        group.broadcast(said, src=0)
        return int(said)

    def summed(self, values: np.ndarray) -> np.ndarray:
        """Sum of an array over all processes."""
        if self.size == 1:
            return values
        import torch

        summed = torch.from_numpy(values.copy())
        _all_reduce(summed)
        found: np.ndarray = summed.numpy()
        return found

    def texts(self, text: str) -> list[str]:
        """The text of every process, by rank."""
        if self.size == 1:
            return [text]
        import torch
        import torch.distributed as group

        words = text.encode()
        own = torch.frombuffer(bytearray(len(words).to_bytes(8, "big") + words), dtype=torch.uint8)
        padded = torch.zeros(-self.least(-len(own)), dtype=torch.uint8)
        padded[: len(own)] = own
        all_of_them = [torch.empty_like(padded) for _ in range(self.size)]
        group.all_gather(all_of_them, padded)
        said = [bytes(one.tolist()) for one in all_of_them]
        return [one[8 : 8 + int.from_bytes(one[:8], "big")].decode() for one in said]

    # ------------------------------------------------------------------------------------------ computing

    def shard(self, model: Any) -> Any:
        """Spread the weights over the processes, where that is asked for."""
        return model

    def call(self, model: Any, function: Callable[..., Any], *arguments: Any) -> Any:
        """`function(model, *arguments)`, in which the model's weights may be used."""
        return function(model, *arguments)

    def turns(self, passes: Sequence[Any], blank: Callable[[], Any]) -> Iterable[Any]:
        """The passes of this process. Where every process must take as many as every other, `blank` ones follow."""
        return passes

    def gather_gradients(self, parameters: Iterable[Any]) -> None:
        """Sum the gradients over all processes. A weight that has one in any process has one in all afterwards."""
        if self.size == 1:
            return
        import torch
        from torch.distributed import ReduceOp

        learning = [value for value in parameters if value.requires_grad]
        there = torch.tensor([value.grad is not None for value in learning], dtype=torch.uint8)
        _all_reduce(there, ReduceOp.MAX)
        bucket: list[Any] = []
        for value, wanted in zip(learning, there.tolist(), strict=True):
            if not wanted:
                continue
            if value.grad is None:
                value.grad = torch.zeros_like(value)
            if bucket and (bucket[0].dtype != value.grad.dtype or _bytes([*bucket, value.grad]) > _BUCKET):
                _sum_together(bucket)
                bucket = []
            bucket.append(value.grad)
        if bucket:
            _sum_together(bucket)

    def counts(self, value: Any) -> bool:
        """Whether this process counts a weight where sums over the weights of all are made."""
        return True

    def clipped(self, parameters: Iterable[Any], most: float) -> float | None:
        """The norm of all gradients, which are made to have at most `most` together; None: torch can tell and do it."""
        return None

    def grouped(self, optimizer: Any) -> None:
        """Make groups of an optimizer's weights that one call can step."""

    def together(self, model: Any, work: Callable[[], Any]) -> Any:
        """What `work` returns, which may take another number of forward passes in every process."""
        return work()

    def summed_squares(self, values: Sequence[float]) -> list[float]:
        """Sums of squares over all weights, from those of the weights that this process holds."""
        return [float(value) for value in values]

    def same_weights(self, size: Callable[[], float]) -> None:
        """ModelError when the weights of the processes, which take the same steps, are not the same any more.

        `size`: gives the norm of the weights that learn and that every process holds whole.
        """
        if self.size == 1:
            return
        seen = self.texts(repr(size()))
        if len(set(seen)) > 1:
            raise ModelError(
                f"the processes do not hold the same weights any more (norms {', '.join(sorted(set(seen)))}): the "
                "machines compute differently; use machines of one kind, or one process",
                f"各进程的权重不再一致（范数 {'、'.join(sorted(set(seen)))}）：各台机器的计算结果不同；"
                "请使用同一型号的机器，或只用一个进程",
                place="engine.processes",
            )


ALONE = Ranks()
"""One process."""


def local(value: Any) -> Any:
    """The part of a tensor that this process holds; all of it where nothing is sharded."""
    return value.to_local() if hasattr(value, "to_local") else value


def whole(value: Any) -> Any:
    """All of a tensor; to be asked for by every process at the same time where it is sharded."""
    return value.full_tensor() if hasattr(value, "full_tensor") else value


def _all_reduce(value: Tensor, how: Any = None) -> None:
    import torch.distributed as group

    group.all_reduce(value, op=group.ReduceOp.SUM if how is None else how)


def _bytes(values: Iterable[Any]) -> int:
    return sum(value.numel() * value.element_size() for value in values)


def _sum_together(gradients: list[Any]) -> None:
    """One message for a bucket: many small ones cost more than their bytes."""
    import torch

    flat = torch.cat([value.reshape(-1) for value in gradients])
    _all_reduce(flat)
    parts = torch.split(flat, [value.numel() for value in gradients])
    for value, part in zip(gradients, parts, strict=True):
        value.copy_(part.view_as(value))
