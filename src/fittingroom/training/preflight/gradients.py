"""Equal loss and equal gradients: one pass or several, packed or one row after the other.

Sources: transformers pull request 34191 (losses averaged per pass weigh short passes too much), transformers issue
46634 (packed rows that see each other).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fittingroom.training.objective import loss_sum
from fittingroom.training.passes import Layout, weight_of
from fittingroom.training.rows import Encoded

if TYPE_CHECKING:
    from torch import Tensor

Loss = Callable[[Any, Mapping[str, Any], float], Any]
"""Of a model, a pass and the label smoothing: the sum of the losses of the pass."""

_NUMBERS = 64_000_000
"""Numbers whose slopes are compared at most; of a larger model some tensors are taken, evenly."""
_FLOOR = 1e-3
"""A tensor whose slopes are this much smaller than the largest ones is compared with that, not with itself."""


def learners(model: Any) -> list[Tensor]:
    """The tensors that learn; of a large model some of them, first and last layers among them."""
    learns = [value for value in model.parameters() if value.requires_grad]
    total = sum(value.numel() for value in learns)
    if total <= _NUMBERS:
        return learns
    usual = [value for value in learns if value.numel() <= _NUMBERS // 8]
    count = max(2, min(len(usual), int(_NUMBERS / (total / len(learns)))))
    return [usual[at * (len(usual) - 1) // (count - 1)] for at in range(count)] if len(usual) > 1 else usual


def gradients(loss: Tensor, chosen: Sequence[Tensor]) -> list[Tensor]:
    """The slopes of `loss`; zeros for a tensor that has no part in it."""
    import torch

    if not chosen or not loss.requires_grad:
        return [torch.zeros_like(value) for value in chosen]
    found = torch.autograd.grad(loss, chosen, allow_unused=True)
    return [torch.zeros_like(value) if slope is None else slope for value, slope in zip(chosen, found, strict=True)]


def stirred(model: Any) -> None:
    """Give the adapters' second halves (zero at first) numbers, so that slopes reach the first halves, too."""
    import torch

    dice = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "lora_B" in name:
                value.copy_(0.02 * torch.randn(value.shape, generator=dice))


def accumulation(
    model: Any, layout: Layout, rows: Encoded, smoothing: float = 0.0, loss: Loss = loss_sum
) -> dict[str, float]:
    """One pass over all rows against several of unequal size, summed as the trainer sums them.

    `loss` and `gradient`: relative differences (see `_apart`); `bits` of the type that was computed in.
    """
    count = len(rows)
    order = sorted(range(count), key=lambda row: (len(rows.ids[row]), row))
    several = [order[:1], order[1:3], order[3:]]
    whole = _step(model, layout, rows, [order], smoothing, loss)
    summed = _step(model, layout, rows, [part for part in several if part], smoothing, loss)
    return {**_compared(summed, whole), "rows": float(count), "bits": bits(model)}


def packing(model: Any, layout: Layout, rows: Encoded, smoothing: float = 0.0) -> dict[str, float]:
    """All rows in one pack against one row after the other, and what a row's words do to the others in its pack.

    `loss` and `gradient`: relative differences; `leak`: the largest relative change of the other rows' loss when the
    tokens of one row are exchanged. Empty where rows would not be packed.
    """
    if not layout.packed:
        return {}
    tight = replace(layout, per_token=1.0, per_pair=0.0)  # as few tokens as can be, whatever is faster
    everyone = list(range(len(rows)))
    if "ends" not in tight.collate(rows, everyone):
        return {}
    packed = _step(model, tight, rows, [everyone], smoothing, loss_sum)
    alone = _step(model, tight, rows, [[row] for row in everyone], smoothing, loss_sum)
    leak = max(_leak(model, tight, rows, row) for row in {0, len(rows) // 2, len(rows) - 1})
    return {**_compared(packed, alone), "leak": leak, "rows": float(len(rows)), "bits": bits(model)}


def bits(model: Any) -> float:
    """Width of the numbers that the model computes in."""
    return 8.0 * float(model.get_input_embeddings().weight.element_size())


def _step(
    model: Any, layout: Layout, rows: Encoded, passes: Sequence[Sequence[int]], smoothing: float, loss: Loss
) -> tuple[float, list[Tensor]]:
    """Loss and slopes of an optimiser step."""
    batches = [layout.collate(rows, chosen) for chosen in passes]
    total = sum(weight_of(batch) for batch in batches)
    chosen = learners(model)
    value, slopes = 0.0, []
    for batch in batches:
        part = loss(model, batch, smoothing) / total
        value += float(part.detach())
        found = gradients(part, chosen)
        slopes = [have + more for have, more in zip(slopes, found, strict=True)] if slopes else found
    return value, slopes


def _compared(one: tuple[float, list[Tensor]], other: tuple[float, list[Tensor]]) -> dict[str, float]:
    return {"loss": abs(one[0] - other[0]) / max(abs(other[0]), 1e-12), "gradient": _apart(one[1], other[1])}


def _apart(some: Sequence[Tensor], wanted: Sequence[Tensor]) -> float:
    """The largest |difference| / |wanted| of all tensors."""
    sizes = [float(value.float().norm()) for value in wanted]
    floor = _FLOOR * max(sizes, default=0.0)
    apart = [float((one.float() - other.float()).norm()) for one, other in zip(some, wanted, strict=True)]
    return max((far / max(size, floor, 1e-30) for far, size in zip(apart, sizes, strict=True)), default=0.0)


def _leak(model: Any, layout: Layout, rows: Encoded, changed: int) -> float:
    """Relative change of the other rows' loss when this row says something else."""
    import torch

    weights = [0.0 if row == changed else weight for row, weight in enumerate(rows.weights)]
    before = replace(rows, weights=weights)
    ids = list(rows.ids)
    ids[changed] = _exchanged(ids[changed], rows.answer_starts[changed], int(model.config.vocab_size))
    after = replace(before, ids=ids)
    everyone = range(len(rows))
    with torch.no_grad():
        was, now = (float(loss_sum(model, layout.collate(one, everyone))) for one in (before, after))
    return abs(now - was) / max(abs(was), 1e-12)


def _exchanged(ids: Sequence[int], start: int, vocabulary: int) -> list[int]:
    """Other tokens at the end of the prompt and in the answer; the head, which others may share, stays."""
    place = max(1, start - 4)
    return [*ids[:place], *((token + vocabulary // 2) % vocabulary for token in ids[place:])]
