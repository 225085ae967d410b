"""Which experts of a mixture learn, from what the task's own rows send to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from fittingroom.models.experts import Chosen, choose, expert_layers, relevance
from fittingroom.training.config import ExpertsConfig
from fittingroom.training.rows import Encoded, sample

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def chosen_experts(
    model: PreTrainedModel, rows: Encoded, section: ExpertsConfig, seed: int, progress: Callable[[int, int], None]
) -> tuple[Chosen, str]:
    """The experts of every layer, and how many these are; looked at are some train rows, the classes in proportion.

    Raises ModelError where the model has none.
    """
    looked = sample(rows, section.rows, seed)
    shares = relevance(model, [rows.ids[row] for row in looked], section.by, progress)
    chosen = choose(shares, section.share)
    whole = {name: len(layer) for name, layer in shares.items()}
    mean = sum(len(index) for index in chosen.values()) / max(1, len(chosen))
    return chosen, (
        f"{mean:.1f} of {max(whole.values(), default=0)} experts a layer take {section.share:.0%} by {section.by} on "
        f"{len(looked)} train rows"
    )


def learning_share(model: PreTrainedModel, chosen: Chosen) -> float:
    """Share of the routed experts' weights that learns."""
    layers = expert_layers(model)
    whole = sum(int(layer.gate_up_proj.shape[0]) for layer in layers.values())
    return sum(len(index) for index in chosen.values()) / max(1, whole)
