"""Forward passes of an optimiser step as tensors: rows packed behind shared prefixes, or padded, whichever costs less.

The choice is made from lengths and the shape of the model alone, so that a training that is taken up again, or runs on
another machine, makes the same one. Loss and gradients are the same either way (see `models.packing`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from fittingroom.models.catalog import FAMILIES
from fittingroom.models.costs import LENGTHS, Costs, packed_passes
from fittingroom.models.packing import Cut, Order, cuts, granule, in_order, pack, tensors
from fittingroom.training.rows import Encoded

if TYPE_CHECKING:
    from torch import Tensor

PASS_TOKENS = 16384
"""Tokens of a pass where memory has room for more: a longer one is not faster any more."""


class Laid(NamedTuple):
    """How the rows of one step are laid out."""

    order: Order
    passes: list[list[Cut]]

    @property
    def computed(self) -> int:
        """Tokens that go through the model, padding included."""
        return sum(len(made) * max(cut.tokens for cut in made) for made in self.passes)

    @property
    def kind(self) -> str:
        """`shared-prefix`, `isolated` (packed, but nothing is shared) or `padded`."""
        made = [cut for one in self.passes for cut in one]
        if all(cut.last - cut.first == 1 for cut in made):
            return "padded"
        return "shared-prefix" if sum(cut.tokens for cut in made) < sum(self.order.lengths) else "isolated"


@dataclass(frozen=True)
class Layout:
    """How passes are laid out for one model."""

    pad: int
    packed: bool
    """Whether rows may be packed: the model's attention must take a mask as given."""
    costs: Costs
    budget: int = PASS_TOKENS
    """Tokens of a pass at most, padding included; a single row may be longer."""
    multiple: int = 1
    """What the length of a pass is a multiple of."""

    @classmethod
    def of(cls, model: Any, pad: int, *, packing: bool = True) -> Layout:
        """The layout for a model; `packing` False pads always."""
        family = FAMILIES.get(str(model.config.model_type))
        able = family is not None and family.tree_scoring
        return cls(pad, packing and able, Costs.of(model), multiple=granule(model))

    def within(self, tokens: int) -> Layout:
        """With passes of at most so many tokens."""
        return replace(self, budget=tokens)

    def lay(self, ids: Sequence[Sequence[int]]) -> Laid:
        """The passes of a step over rows of these token ids."""
        order = in_order(ids) if self.packed else _as_given(ids)
        tries = [packed_passes(cuts(order, longest=1), self.budget)]
        for longest in LENGTHS if self.packed and len(ids) > 1 else ():
            if longest > self.budget:
                break
            made = cuts(order, longest=longest)
            tries.append(packed_passes(made, self.budget))
            if len(made) == 1:
                break  # all in one pack: a longer one would be the same
        return Laid(order, min(tries, key=self.costs.of_passes))

    def collate(self, rows: Encoded, chosen: Sequence[int]) -> list[dict[str, Tensor]]:
        """The forward passes of a step, each: `ids`, `positions`, `ends` [packs, length] (see `models.packing`; `ends`
        is left out where the causal mask will do), `at`, `targets` and `weights` [n]: where a token with loss is
        predicted, which, and what it weighs.
        """
        ids, starts = [rows.ids[row] for row in chosen], [rows.answer_starts[row] for row in chosen]
        weights = [rows.weights[row] for row in chosen]
        order, passes = self.lay(ids)
        return [
            self._tensors([pack(ids, starts, order.rows[cut.first : cut.last]) for cut in made], weights)
            for made in passes
        ]

    def _tensors(self, made: Sequence[Any], weights: Sequence[float]) -> dict[str, Tensor]:
        import torch

        packed = tensors(made, self.pad, self.multiple)
        batch = {"ids": packed.ids, "positions": packed.positions, "at": packed.at, "targets": packed.targets}
        batch["weights"] = torch.tensor(weights)[packed.rows]
        return batch if packed.plain else {**batch, "ends": packed.ends}


def longest_pack(budget: int) -> int:
    """Tokens of the longest pack that is tried where a pass may hold `budget` tokens."""
    return max((length for length in LENGTHS if length <= budget), default=budget)


def weight_of(batch: Mapping[str, Any]) -> Tensor:
    """Sum of the weights of all tokens with loss: what the loss of a step is divided by."""
    total: Tensor = batch["weights"].sum()
    return total


def _as_given(ids: Sequence[Sequence[int]]) -> Order:
    """An order in which nothing is said to be shared."""
    return Order(list(range(len(ids))), [len(row) for row in ids], [0] * len(ids))
