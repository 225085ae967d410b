"""Shared-prefix packing: examples that begin with the same tokens stand behind one copy of them.

A routing prompt with 77 intents has 411 tokens in front of about 20 of its own. Padded or packed the usual way, the
411 are computed for every example again. Here the sequences of a pack form a prefix tree: every token of the tree is
computed once, at the position it has in its own sequence, and sees its ancestors only. Prefixes may nest (system, goods
card, question); where nothing is shared, the same layout is isolated packing. Loss, gradients and hidden states are
those of one example per row, up to rounding.

The tree is laid out in pre-order, so token k is an ancestor of token q (or q itself) exactly when k <= q < end[k]; the
mask is made from `end` alone. With dropout, what is shared is drawn once for all that share it: the expectation is that
of separate rows, the draw is not.

Sources: tree attention as in SpecInfer (arXiv 2305.09781); prefix sharing in training as in "Prefix Grouper" (arXiv
2506.05433) and "Accelerating Direct Preference Optimization with Prefix Sharing" (arXiv 2410.20305).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Pack:
    """Some sequences as one tree, in pre-order."""

    tokens: list[int]
    positions: list[int]
    """Depth of each token: its place in the sequences it belongs to."""
    ends: list[int]
    """For each token the first place behind all tokens below it."""
    rows: list[int]
    """Which sequences are in it."""
    at: list[int]
    """Places from which a token with loss is predicted."""
    targets: list[int]
    """The tokens predicted there."""
    of: list[int]
    """The sequence each of them belongs to."""


class _Tree:
    """A pack that grows by sequences in sorted order."""

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self.positions: list[int] = []
        self.ends: list[int] = []
        self.path: list[int] = []
        """Places of the tokens of the last sequence."""
        self.rows: list[int] = []
        self.at: list[int] = []
        self.targets: list[int] = []
        self.of: list[int] = []

    def shared(self, ids: Sequence[int]) -> int:
        """How many tokens at the head of `ids` stand in the path of the last sequence."""
        count = 0
        for place, token in zip(self.path, ids, strict=False):
            if self.tokens[place] != token:
                break
            count += 1
        return count

    def add(self, row: int, ids: Sequence[int], start: int, shared: int) -> None:
        """Add a sequence whose tokens from `start` on carry loss."""
        for place in self.path[shared:]:
            self.ends[place] = len(self.tokens)
        fresh = range(len(self.tokens), len(self.tokens) + len(ids) - shared)
        self.path = [*self.path[:shared], *fresh]
        self.tokens += ids[shared:]
        self.positions += range(shared, len(ids))
        self.ends += [0] * len(fresh)
        self.rows.append(row)
        self.at += [self.path[place - 1] for place in range(start, len(ids))]
        self.targets += ids[start:]
        self.of += [row] * (len(ids) - start)

    def pack(self) -> Pack:
        """What has grown."""
        for place in self.path:
            self.ends[place] = len(self.tokens)
        return Pack(self.tokens, self.positions, self.ends, self.rows, self.at, self.targets, self.of)


def packs(sequences: Sequence[Sequence[int]], starts: Sequence[int], *, longest: int) -> list[Pack]:
    """Pack sequences (token ids; from `starts[n]` > 0 on they carry loss) into trees of at most `longest` tokens.

    A single sequence may be longer. Sequences are taken in the order of their tokens, so that what begins alike stands
    together; which pack a sequence lands in depends on nothing else.
    """
    order = sorted(range(len(sequences)), key=lambda row: (list(sequences[row]), row))
    trees: list[_Tree] = []
    for row in order:
        ids = sequences[row]
        if not 0 < starts[row] <= len(ids):
            raise ValueError(f"the loss of sequence {row} begins at {starts[row]} of {len(ids)} tokens")
        shared = trees[-1].shared(ids) if trees else 0
        if not trees or len(trees[-1].tokens) + len(ids) - shared > longest:
            trees.append(_Tree())
            shared = 0
        trees[-1].add(row, ids, starts[row], shared)
    return [tree.pack() for tree in trees]


@dataclass(frozen=True)
class Packed:
    """Packs as tensors, one pack per row, padded at the end."""

    ids: Tensor
    """[packs, length]"""
    positions: Tensor
    """[packs, length]"""
    ends: Tensor
    """[packs, length]; a padding token ends behind itself."""
    at: Tensor
    """[n] places of the flattened [packs * length] from which a token with loss is predicted."""
    targets: Tensor
    """[n] the tokens predicted there."""
    rows: Tensor
    """[n] the sequence each belongs to."""
    plain: bool
    """Whether every pack is one sequence, so that no mask but the causal one is needed."""


def tensors(made: Sequence[Pack], pad: int) -> Packed:
    """Tensors of some packs on the CPU; `pad` fills up."""
    import torch

    length = max(len(pack.tokens) for pack in made)
    shape = (len(made), length)
    ids = torch.full(shape, pad, dtype=torch.long)
    # Padding counts on: positions that start anew would be read as another sequence, and cost a mask.
    positions = torch.arange(length).repeat(len(made), 1)
    ends = torch.arange(1, length + 1).repeat(len(made), 1)
    for row, pack in enumerate(made):
        size = len(pack.tokens)
        ids[row, :size] = torch.tensor(pack.tokens)
        positions[row, :size] = torch.tensor(pack.positions)
        ends[row, :size] = torch.tensor(pack.ends)
    at = [row * length + place for row, pack in enumerate(made) for place in pack.at]
    targets = [token for pack in made for token in pack.targets]
    of = [row for pack in made for row in pack.of]
    plain = all(len(pack.rows) == 1 for pack in made)
    return Packed(ids, positions, ends, torch.tensor(at), torch.tensor(targets), torch.tensor(of), plain)


def seen(ends: Tensor) -> Tensor:
    """[packs, length, length] booleans: whether the token of the row sees that of the column."""
    import torch

    place = torch.arange(ends.shape[1], device=ends.device)
    return (place[None, None, :] <= place[None, :, None]) & (place[None, :, None] < ends[:, None, :])


def additive_mask(ends: Tensor, like: Tensor) -> Tensor:
    """[packs, 1, length, length] in the type and on the device of `like`: 0 = see, the lowest number = not."""
    import torch

    visible = seen(ends.to(like.device))
    mask = torch.zeros(visible.shape, dtype=like.dtype, device=like.device)
    return mask.masked_fill_(~visible, torch.finfo(like.dtype).min)[:, None]
