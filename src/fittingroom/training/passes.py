"""Forward passes of an optimiser step as tensors: rows packed behind shared prefixes, or padded, whichever costs less.

The choice is made from lengths and the shape of the model alone, so that a training that is taken up again, or runs on
another machine, makes the same one. Loss and gradients are the same either way (see `models.packing`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from fittingroom.models.costs import LENGTHS, Costs, packed_passes
from fittingroom.models.masks import alone_beyond, why_no_mask
from fittingroom.models.packing import BLOCK, Cut, Order, cuts, granule, in_order, pack, tensors
from fittingroom.training.rows import Encoded
from fittingroom.types import Text

if TYPE_CHECKING:
    from torch import Tensor

PASS_TOKENS = 16384
"""Tokens of a pass where memory has room for more: a longer one is not faster any more."""
OFF = Text(en="packing is off", zh="已关闭打包")


class Laid(NamedTuple):
    """How the rows of one step are laid out."""

    order: Order
    passes: list[list[Cut]]
    """The tokens of each pack in whole multiples of what the layout asks for."""

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
        shared = any(any(self.order.shared[cut.first + 1 : cut.last]) for cut in made)
        return "shared-prefix" if shared else "isolated"


@dataclass(frozen=True)
class Layout:
    """How passes are laid out for one model."""

    pad: int
    packed: bool
    """Whether rows may be packed: the model's attention must take a mask as given (see `models.masks`)."""
    costs: Costs
    budget: int = PASS_TOKENS
    """Tokens of a pass at most, padding included; a single row may be longer."""
    multiple: int = 1
    """What the length of a pass is a multiple of."""
    why: Text | None = None
    """Why rows are not packed; None where they may be."""
    apart: int | None = None
    """Rows that are longer share no pass with those that are not (see `masks.alone_beyond`); None where they may."""

    @classmethod
    def of(cls, model: Any, pad: int, *, packing: bool = True, blocks: bool = False) -> Layout:
        """The layout for a model; `packing` False pads always. `blocks`: that of the model once it is given
        FlexAttention, where it has not been yet (see `fit.takes_block_masks`).
        """
        why = why_no_mask(model) if packing else OFF
        made = cls(pad, why is None, Costs.of(model), multiple=granule(model), why=why, apart=alone_beyond(model))
        return replace(made, costs=made.costs._replace(sparse=True), multiple=BLOCK) if blocks else made

    def within(self, tokens: int) -> Layout:
        """With passes of at most so many tokens."""
        return replace(self, budget=tokens)

    def lay(self, ids: Sequence[Sequence[int]]) -> Laid:
        """The passes of a step over rows of these token ids."""
        order = in_order(ids) if self.packed else _as_given(ids)
        tries = [self._padded(cuts(order, longest=1))]
        for longest in lengths_of_packs(self.budget) if self.packed and len(ids) > 1 else ():
            made = self._whole(cuts(order, longest=longest))
            tries.append(packed_passes(made, self.budget))
            if len(made) == 1:
                break  # all in one pack: a longer one would be the same
        return Laid(order, min(tries, key=self.costs.of_passes))

    def holds_several(self, order: Order) -> bool:
        """Whether some pack that is tried would hold more than one of these rows."""
        return any(cut.last - cut.first > 1 for cut in cuts(order, longest=longest_pack(self.budget)))

    def _padded(self, made: Sequence[Cut]) -> list[list[Cut]]:
        """Passes of packs of one row each."""
        far = [cut for cut in made if self.apart is not None and cut.tokens > self.apart]
        near = [cut for cut in made if self.apart is None or cut.tokens <= self.apart]
        return [one for part in (far, near) for one in packed_passes(self._whole(part), self.budget)]

    def _whole(self, made: Sequence[Cut]) -> list[Cut]:
        """Packs as long as they will be: in whole multiples."""
        return [cut._replace(tokens=self.multiple * math.ceil(cut.tokens / self.multiple)) for cut in made]

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


def lengths_of_packs(budget: int) -> list[int]:
    """Lengths of packs that are tried where a pass may hold `budget` tokens, the shortest first: `LENGTHS`, and the
    whole pass where that is shorter than the last of them.
    """
    return sorted({*(length for length in LENGTHS if length <= budget), longest_pack(budget)})


def longest_pack(budget: int) -> int:
    """Tokens of the longest pack that is tried where a pass may hold `budget` tokens."""
    return min(budget, LENGTHS[-1])


def weight_of(batch: Mapping[str, Any]) -> Tensor:
    """Sum of the weights of all tokens with loss: what the loss of a step is divided by."""
    total: Tensor = batch["weights"].sum()
    return total


def _as_given(ids: Sequence[Sequence[int]]) -> Order:
    """An order in which nothing is said to be shared."""
    return Order(list(range(len(ids))), [len(row) for row in ids], [0] * len(ids))
