"""Cross-entropy behind the head of a language model, without ever holding the logits of all answer tokens.

Logits are the largest tensor of a fine-tuning: 850 answer tokens of a vocabulary of 152,000 are half a gigabyte, and
their softmax and its gradient as much again. Here a block of rows at a time is multiplied, judged, turned into its own
gradient in place and multiplied back, so that memory is bounded by the block, and each number is touched once.

Source: the fused linear cross-entropy of Liger Kernel (arXiv 2410.10989, section 3.2), written with torch's own
operations. Value and gradients are those of the plain way, up to rounding.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

_NUMBERS = 16_000_000
"""Logits of one block."""


def loss_behind(head: Any, hidden: Tensor, targets: Tensor, weights: Tensor, smoothing: float = 0.0) -> Tensor:
    """Sum of weight x cross-entropy of the head's logits on `hidden` [n, width] against `targets` [n], smoothed over
    the vocabulary.

    A head that is more than a matrix in one place (a bias, an adapter, 4 bits, a shard, a hook), or that computes in
    another number format than it is kept in, goes the plain way.
    """
    import torch

    if _is_plain_matrix(head, hidden):
        total: Tensor = _function().apply(hidden, head.weight, targets, weights, smoothing)
        return total
    logits = head(hidden).float()
    losses = torch.nn.functional.cross_entropy(logits, targets, reduction="none", label_smoothing=smoothing)
    return (losses * weights).sum()


def _is_plain_matrix(head: Any, hidden: Tensor) -> bool:
    import torch

    if type(head) is not torch.nn.Linear or head.bias is not None or hasattr(head.weight, "placements"):
        return False
    if head._forward_hooks or head._forward_pre_hooks or torch.is_autocast_enabled(hidden.device.type):
        return False
    return hidden.dtype == head.weight.dtype


def _block(logits: Tensor, targets: Tensor, weights: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
    """Loss of a block [rows, vocabulary], and its gradient by the logits, written over them where they are float32."""
    import torch

    values = logits.float()
    size = values.shape[1]
    place = torch.arange(values.shape[0], device=values.device)
    normal = values.logsumexp(-1)
    losses = normal - (1 - smoothing) * values[place, targets]
    if smoothing:
        losses = losses - smoothing * values.mean(-1)
    slopes = values.sub_(normal[:, None]).exp_()
    if smoothing:
        slopes.sub_(smoothing / size)
    slopes[place, targets] -= 1 - smoothing
    return (losses * weights).sum(), slopes.mul_(weights[:, None])


@functools.cache
def _function() -> Any:
    """The autograd function; made on first use, since torch is imported late."""
    import torch

    class HeadLoss(torch.autograd.Function):
        """Computes the gradients on the way forward; the way back only scales them, once."""

        @staticmethod
        def forward(
            context: Any, hidden: Tensor, matrix: Tensor, targets: Tensor, weights: Tensor, smoothing: float
        ) -> Tensor:
            asked = context.needs_input_grad
            context.hidden = torch.empty_like(hidden) if asked[0] else None
            context.matrix = torch.zeros_like(matrix) if asked[1] else None
            total = torch.zeros((), dtype=torch.float32, device=hidden.device)
            rows = max(1, _NUMBERS // matrix.shape[0])
            for start in range(0, hidden.shape[0], rows):
                part = slice(start, start + rows)
                loss, slopes = _block(hidden[part] @ matrix.T, targets[part], weights[part], smoothing)
                total += loss
                slopes = slopes.to(hidden.dtype)
                if context.hidden is not None:
                    torch.mm(slopes, matrix, out=context.hidden[part])
                if context.matrix is not None:
                    context.matrix.addmm_(slopes.T, hidden[part])
            return total

        @staticmethod
        def backward(context: Any, scale: Tensor) -> Any:
            if context.hidden is None and context.matrix is None:
                raise RuntimeError("the way back through the head can be gone once: compute the loss again")
            found = [made if made is None else made.mul_(scale) for made in (context.hidden, context.matrix)]
            context.hidden = context.matrix = None
            return (*found, None, None, None)

    return HeadLoss
