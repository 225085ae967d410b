"""Rows of a forward pass as tensors: packed behind shared prefixes, or padded, whichever costs less.

The choice is made from lengths and the shape of the model alone, so that a training that is taken up again, or runs on
another machine, makes the same one. Loss and gradients are the same either way (see `models.packing`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fittingroom.models.catalog import FAMILIES
from fittingroom.models.packing import Pack, packs, tensors
from fittingroom.training.rows import Encoded

if TYPE_CHECKING:
    from torch import Tensor

_LENGTHS = (512, 1024, 2048, 4096)
"""Lengths of packs that are tried."""


@dataclass(frozen=True)
class Layout:
    """How passes are laid out for one model."""

    pad: int
    packed: bool
    """Whether rows may be packed: the model's attention must take a mask as given."""
    per_token: float = 1.0
    """Floating-point operations of a token outside attention, forward."""
    per_pair: float = 0.0
    """Those of a token looking at another one, in all layers."""

    @classmethod
    def of(cls, model: Any, pad: int, *, packing: bool = True) -> Layout:
        """The layout for a model; `packing` False pads always."""
        family = FAMILIES.get(str(model.config.model_type))
        able = family is not None and family.tree_scoring
        config = model.config
        width = int(config.num_attention_heads) * _head_width(config)
        active = _active_parameters(model)
        return cls(pad, packing and able, 2.0 * active, 4.0 * width * int(config.num_hidden_layers))

    def cost(self, made: Sequence[Pack]) -> float:
        """Operations of a pass over some packs, padding included; what is masked is computed all the same."""
        length = max(len(pack.tokens) for pack in made)
        pairs = len(made) * length * length
        if all(len(pack.rows) == 1 for pack in made):
            pairs /= 2  # causal attention without a mask leaves out the upper half
        return len(made) * length * self.per_token + pairs * self.per_pair

    def packs(self, rows: Encoded, chosen: Sequence[int]) -> list[Pack]:
        """The packs of a pass."""
        ids, starts = [rows.ids[row] for row in chosen], [rows.answer_starts[row] for row in chosen]
        padded = [pack for row in range(len(ids)) for pack in packs([ids[row]], [starts[row]], longest=1)]
        if not self.packed or len(ids) == 1:
            return _named(padded, range(len(ids)))
        tries = [_named(padded, range(len(ids))), *(packs(ids, starts, longest=length) for length in _LENGTHS)]
        return min(tries, key=self.cost)

    def collate(self, rows: Encoded, chosen: Sequence[int]) -> dict[str, Tensor]:
        """One forward pass: `ids`, `positions`, `ends` [packs, length] (see `models.packing`; `ends` is left out where
        the causal mask will do), `at`, `targets` and `weights` [n]: where a token with loss is predicted, which, and
        what it weighs.
        """
        import torch

        made = tensors(self.packs(rows, chosen), self.pad)
        weights = torch.tensor([rows.weights[row] for row in chosen])
        batch = {"ids": made.ids, "positions": made.positions, "at": made.at, "targets": made.targets}
        batch["weights"] = weights[made.rows]
        return batch if made.plain else {**batch, "ends": made.ends}


def weight_of(batch: Mapping[str, Any]) -> Tensor:
    """Sum of the weights of all tokens with loss: what the loss of a step is divided by."""
    total: Tensor = batch["weights"].sum()
    return total


def _named(made: Sequence[Pack], rows: Sequence[int]) -> list[Pack]:
    """Packs of one sequence each, with the numbers that these have in the pass."""
    from dataclasses import replace

    return [replace(pack, rows=[row], of=[row] * len(pack.of)) for pack, row in zip(made, rows, strict=True)]


def _head_width(config: Any) -> int:
    """Width of a head: of keys and values on average where they differ (latent attention)."""
    if getattr(config, "qk_nope_head_dim", None):
        return (int(config.qk_nope_head_dim) + int(config.qk_rope_head_dim) + int(config.v_head_dim)) // 2
    return int(getattr(config, "head_dim", None) or int(config.hidden_size) // int(config.num_attention_heads))


def _active_parameters(model: Any) -> float:
    """Weights that a token meets between embedding and head: of experts, those it is sent to."""
    total = 0.0
    share = 1.0
    experts = getattr(model.config, "n_routed_experts", None)
    if experts:
        share = float(model.config.num_experts_per_tok) / float(experts)
    tables = {id(module.weight) for module in (model.get_input_embeddings(), model.get_output_embeddings())}
    for name, parameter in model.named_parameters():
        if id(parameter) not in tables:
            total += parameter.numel() * (share if ".experts." in name and "shared" not in name else 1.0)
    return total
