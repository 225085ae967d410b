"""Texts as vectors, by the body of a transformer: for linear heads on frozen features, or on bodies that learn too."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from fittingroom.training.fit import repeatable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

Pool = Literal["mean", "last"]
_TOKENS = 8192  # of one forward pass, padding included


@dataclass(frozen=True)
class Body:
    """A transformer without its head."""

    module: Any
    width: int
    """Numbers of one vector."""
    pool: Pool
    """mean: over all tokens (encoders, which read both ways); last: the last token (only it has read everything)."""
    pad: int
    where: str
    """Device."""

    def vectors(self, rows: Sequence[Sequence[int]]) -> Tensor:
        """[rows, width] in fp32; padding on the right takes no part."""
        import torch

        length = max(len(row) for row in rows)
        ids = torch.tensor([[*row, *[self.pad] * (length - len(row))] for row in rows], device=self.where)
        mask = torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in rows], device=self.where)
        hidden: Tensor = self.module(input_ids=ids, attention_mask=mask).last_hidden_state.float()
        if self.pool == "last":
            return hidden[torch.arange(len(rows), device=hidden.device), mask.sum(dim=1) - 1]
        weight = mask[:, :, None].float()
        return (hidden * weight).sum(dim=1) / weight.sum(dim=1)


def frozen(
    body: Body, rows: Sequence[Sequence[int]], threads: int, progress: Callable[[int, int], None]
) -> NDArray[np.float64]:
    """[n, width]: the vector of every row of ids (none of them empty), the weights as they are."""
    import numpy as np
    import torch

    found = np.empty((len(rows), body.width))
    done = 0
    with deterministic(threads), torch.no_grad():
        for batch in batches([len(row) for row in rows]):
            found[batch] = body.vectors([rows[at] for at in batch]).cpu().double().numpy()
            done += len(batch)
            progress(done, len(rows))
    return found


def batches(lengths: Sequence[int], at_most: int = 256) -> Iterator[list[int]]:
    """Places of rows of like length, longest first, each batch within the budget (a single row may exceed it)."""
    order = sorted(range(len(lengths)), key=lambda at: (-lengths[at], at))
    start = 0
    while start < len(order):
        many = max(1, min(at_most, _TOKENS // max(1, lengths[order[start]])))
        yield order[start : start + many]
        start += many


@contextlib.contextmanager
def deterministic(threads: int) -> Iterator[None]:
    """The same numbers in every run on this machine."""
    with repeatable(threads):
        yield
