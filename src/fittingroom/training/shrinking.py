"""L1 regularisation: weights are pulled towards zero, and stay there once they meet it.

After each optimiser step every weight w becomes sign(w) max(|w| - rate x l1, 0): the proximal step of l1 |w| (Parikh
and Boyd, Proximal Algorithms, 2014, section 6.5.2), decoupled from Adam's scaling as AdamW's decay is (Loshchilov and
Hutter, arXiv 1711.05101). A subgradient in the loss would never give an exact zero, and Adam would divide it by the
size of the gradients. Which weights: those that decay (no norms, no biases); with LoRA the adapters' matrices.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from fittingroom.training.ranks import local

if TYPE_CHECKING:
    from torch import Tensor


def shrink(optimizer: Any, l1: float, weights: Iterable[Tensor]) -> None:
    """One proximal step on those of the optimizer's weights that are among `weights` and took part in the step."""
    import torch

    wanted = {id(value) for value in weights}
    with torch.no_grad():
        for group in optimizer.param_groups:
            by = float(group["lr"]) * l1
            for value in group["params"]:
                # Without a gradient there was no step: the weight is frozen, or the step was not taken.
                if id(value) in wanted and value.grad is not None:
                    local(value).copy_(torch.nn.functional.softshrink(local(value), by))
