"""Equal loss and equal gradients: one pass or several, packed or one row after the other.

Sources: transformers pull request 34191 (losses averaged per pass weigh short passes too much), transformers issue
46634 (packed rows that see each other).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fittingroom.models.costs import Costs
from fittingroom.models.packing import in_order
from fittingroom.training.objective import loss_sum, over_passes
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


def placed(batch: Mapping[str, Any], model: Any) -> dict[str, Any]:
    """A pass where the model is."""
    return {name: value.to(model.device) for name, value in batch.items()}


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
    padded = replace(layout, packed=False)
    count, longest = len(rows), max(len(ids) for ids in rows.ids)
    whole = padded.within(count * longest).collate(rows, range(count))
    several = padded.within(min(3, count - 1) * longest).collate(rows, range(count))
    one, summed = (_step(model, passes, smoothing, loss) for passes in (whole, several))
    return {**_compared(summed, one), "passes": float(len(several)), "rows": float(count), "bits": bits(model)}


def packing(model: Any, layout: Layout, rows: Encoded, smoothing: float = 0.0) -> dict[str, float]:
    """All rows in one pack against one row after the other, and what a row's words do to the others in its pack.

    `loss` and `gradient`: relative differences; `leak`: the largest relative change of another row's loss when the
    tokens of one row are exchanged. Empty where rows would not be packed.
    """
    if not layout.packed:
        return {}
    tight = replace(layout, costs=Costs(1.0, 0.0))  # as few tokens as can be, whatever is faster
    together = tight.collate(rows, range(len(rows)))
    if not any("ends" in one for one in together):
        return {}
    singly = [one for row in range(len(rows)) for one in tight.collate(rows, [row])]
    packed, alone = (_step(model, passes, smoothing, loss_sum) for passes in (together, singly))
    order = in_order(rows.ids).rows  # what comes later in a pack would see what comes first
    leak = _leak(model, tight, rows, sorted({order[0], order[len(order) // 2]}))
    return {**_compared(packed, alone), "leak": leak, "rows": float(len(rows)), "bits": bits(model)}


def bits(model: Any) -> float:
    """Width of the numbers that the model computes in."""
    return 8.0 * float(model.get_input_embeddings().weight.element_size())


def _step(model: Any, passes: Sequence[Mapping[str, Any]], smoothing: float, loss: Loss) -> tuple[float, list[Tensor]]:
    """Loss and slopes of an optimiser step, by the function that sums passes in training."""
    total = sum(float(weight_of(batch)) for batch in passes)
    chosen = learners(model)
    slopes: list[Tensor] = []

    def back(part: Tensor) -> None:
        found = gradients(part, chosen)
        slopes[:] = [have + more for have, more in zip(slopes, found, strict=True)] if slopes else found

    def call(model: Any, function: Any, batch: Mapping[str, Any], smoothing: float) -> Any:
        return loss(model, batch, smoothing)

    value = over_passes(model, passes, total, smoothing, device=model.device, back=back, call=call)
    return float(value), slopes


def _compared(one: tuple[float, list[Tensor]], other: tuple[float, list[Tensor]]) -> dict[str, float]:
    return {"loss": abs(one[0] - other[0]) / max(abs(other[0]), 1e-12), "gradient": _apart(one[1], other[1])}


def _apart(some: Sequence[Tensor], wanted: Sequence[Tensor]) -> float:
    """The largest |difference| / |wanted| of all tensors."""
    sizes = [float(value.float().norm()) for value in wanted]
    floor = _FLOOR * max(sizes, default=0.0)
    apart = [float((one.float() - other.float()).norm()) for one, other in zip(some, wanted, strict=True)]
    return max((far / max(size, floor, 1e-30) for far, size in zip(apart, sizes, strict=True)), default=0.0)


def _leak(model: Any, layout: Layout, rows: Encoded, each: Sequence[int]) -> float:
    """The largest relative change of a row's loss when another one, `each` in turn, says something else."""
    was = _losses(model, layout, rows)
    usual = sum(was) / len(was)
    worst = 0.0
    for changed in each:
        ids = list(rows.ids)
        ids[changed] = _exchanged(ids[changed], rows.answer_starts[changed], int(model.config.vocab_size))
        now = _losses(model, layout, replace(rows, ids=ids))
        for row, (one, other) in enumerate(zip(now, was, strict=True)):
            if row != changed:
                worst = max(worst, abs(one - other) / max(other, usual, 1e-12))
    return worst


def _losses(model: Any, layout: Layout, rows: Encoded) -> list[float]:
    """Loss of each row, from the objective itself: the slope of its sum by a token's weight is the token's loss."""
    import torch

    count = len(rows)
    found = [0.0] * count
    for batch in layout.collate(replace(rows, weights=[float(row) for row in range(count)]), range(count)):
        of = batch["weights"].tolist()  # each token's weight names its row
        weights = batch["weights"].clone().requires_grad_(True)
        loss = loss_sum(model, placed({**batch, "weights": weights}, model))
        (losses,) = torch.autograd.grad(loss, weights)
        for row, loss in zip(of, losses.tolist(), strict=True):
            found[int(row)] += loss
    return found


def _exchanged(ids: Sequence[int], start: int, vocabulary: int) -> list[int]:
    """Other tokens at the end of the prompt and in the answer; the head, which others may share, stays."""
    place = max(1, start - 4)
    return [*ids[:place], *((token + vocabulary // 2) % vocabulary for token in ids[place:])]
