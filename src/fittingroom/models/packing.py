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

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


BLOCK = 128
"""Edge of FlexAttention's blocks."""


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


class Tree:
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

    def hang(self, tokens: Sequence[int], depths: Sequence[int], ends: Sequence[int]) -> int:
        """Hang a subtree in pre-order below the last sequence; returns its first place. `depths` count from 1 below the
        sequence, `ends` from the subtree's first place.
        """
        first = len(self.tokens)
        self.tokens += tokens
        self.positions += [len(self.path) + depth - 1 for depth in depths]
        self.ends += [first + end for end in ends]
        return first

    def pack(self) -> Pack:
        """What has grown."""
        for place in self.path:
            self.ends[place] = len(self.tokens)
        return Pack(self.tokens, self.positions, self.ends, self.rows, self.at, self.targets, self.of)


class Order(NamedTuple):
    """Sequences in the order of their tokens, so that what begins alike stands together."""

    rows: list[int]
    lengths: list[int]
    shared: list[int]
    """Tokens at the head that are those of the sequence before."""


class Cut(NamedTuple):
    """Neighbours in an `Order` that make one pack: places `first` to `last` (exclusive)."""

    first: int
    last: int
    tokens: int
    pairs: int
    """Token pairs of which one sees the other."""


def in_order(sequences: Sequence[Sequence[int]]) -> Order:
    """Sort sequences of token ids and measure what neighbours share; the order depends on nothing else."""
    rows = sorted(range(len(sequences)), key=lambda row: (list(sequences[row]), row))
    shared = [0]
    for before, after in itertools.pairwise(rows):
        one, other = sequences[before], sequences[after]
        shared.append(next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one)))
    return Order(rows, [len(sequences[row]) for row in rows], shared[: len(rows)])


def cuts(order: Order, *, longest: int, extra: int = 0) -> list[Cut]:
    """Cut the order into packs of at most `longest` tokens; a single sequence may be longer. `extra`: tokens that hang
    below every sequence.
    """
    found: list[Cut] = []
    for place, (length, shared) in enumerate(zip(order.lengths, order.shared, strict=True)):
        if found and found[-1].tokens + length - shared + extra <= longest:
            first, _, tokens, pairs = found.pop()
        else:
            first, tokens, pairs, shared = place, 0, 0, 0
        pairs += (length * (length + 1) - shared * (shared + 1)) // 2 + extra * length
        found.append(Cut(first, place + 1, tokens + length - shared + extra, pairs))
    return found


def pack(sequences: Sequence[Sequence[int]], starts: Sequence[int], rows: Sequence[int]) -> Pack:
    """One pack of the sequences `rows`, which stand in the order of their tokens; from `starts[n]` > 0 on sequence n
    carries loss (a ValueError elsewhere).
    """
    tree = Tree()
    for row in rows:
        ids = sequences[row]
        if not 0 < starts[row] <= len(ids):
            raise ValueError(f"the loss of sequence {row} begins at {starts[row]} of {len(ids)} tokens")
        tree.add(row, ids, starts[row], tree.shared(ids))
    return tree.pack()


def packs(sequences: Sequence[Sequence[int]], starts: Sequence[int], *, longest: int) -> list[Pack]:
    """Pack sequences into trees of at most `longest` tokens (see `cuts` and `pack`)."""
    order = in_order(sequences)
    return [pack(sequences, starts, order.rows[cut.first : cut.last]) for cut in cuts(order, longest=longest)]


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


def tensors(made: Sequence[Pack], pad: int, multiple: int = 1) -> Packed:
    """Tensors of some packs on the CPU; `pad` fills up to the longest, and on to a multiple of `multiple`."""
    import torch

    length = multiple * math.ceil(max(len(pack.tokens) for pack in made) / multiple)
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


def block_mask(ends: Tensor) -> Any:
    """The same as a mask of FlexAttention, which computes only blocks in which somebody sees somebody (a GPU's way;
    on a CPU it has no gradient).
    """
    from torch.nn.attention.flex_attention import create_block_mask

    packs, length = ends.shape

    def visible(row: Tensor, head: Tensor, looks: Tensor, at: Tensor) -> Tensor:
        return (at <= looks) & (looks < ends[row, at])

    return create_block_mask(visible, packs, None, length, length, device=str(ends.device))


def tree_mask(ends: Tensor, model: Any, like: Tensor) -> Any:
    """The mask in the form that the model's attention takes."""
    return block_mask(ends.to(like.device)) if sparse(model) else additive_mask(ends, like)


def sparse(model: Any) -> bool:
    """Whether the model's attention is FlexAttention."""
    return getattr(model.config, "_attn_implementation", "") == "flex_attention"


def granule(model: Any) -> int:
    """What the length of a pass must be a multiple of: FlexAttention reads its mask in whole blocks, also behind the
    last token.
    """
    return BLOCK if sparse(model) else 1
