"""The loss: weighted mean over the answer's tokens, with logits at these positions only.

It equals what transformers computes from full logits (up to rounding), at a fraction of the time and memory: a prompt
of 500 tokens with an answer of 3 needs 3 rows of logits, not 503.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from fittingroom.models.body import body_and_head, hidden_states
from fittingroom.models.headloss import loss_behind
from fittingroom.models.packing import tree_mask

if TYPE_CHECKING:
    from torch import Tensor


def loss_sum(model: Any, batch: Mapping[str, Tensor], smoothing: float = 0.0) -> Tensor:
    """Sum of weight x cross-entropy over the tokens with loss of one pass (see `passes.Layout.collate`); divide by
    `weight_of` of the whole step.
    """
    body, head = body_and_head(model)
    mask = tree_mask(batch["ends"], model, head.weight) if "ends" in batch else None  # type: ignore[arg-type]
    hidden = hidden_states(body, batch["ids"], mask, batch["positions"])
    chosen = hidden.flatten(0, 1).index_select(0, batch["at"])
    return loss_behind(head, chosen, batch["targets"], batch["weights"], smoothing)


Call = Callable[..., Any]
"""`call(model, loss_sum, pass, smoothing)`: the sum of the losses of a pass, where the weights may be used."""


def _called(model: Any, function: Callable[..., Any], *arguments: Any) -> Any:
    return function(model, *arguments)


def over_passes(
    model: Any,
    passes: Iterable[Mapping[str, Tensor]],
    weight: float,
    smoothing: float = 0.0,
    *,
    device: Any,
    back: Callable[[Tensor], Any],
    call: Call = _called,
) -> Tensor:
    """Loss of an optimiser step: each pass's sum divided by the `weight` of the whole step (see `passes.weight_of`), so
    that it does not matter how the step was cut. `back` is handed every pass's part once it is computed; training and
    its preflight differ in nothing else.
    """
    import torch

    total = torch.zeros((), device=device)
    for one in passes:
        batch = {name: value.to(device, non_blocking=True) for name, value in one.items()}
        loss = call(model, loss_sum, batch, smoothing) / weight
        back(loss)
        total += loss.detach()
    return total
