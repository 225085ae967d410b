"""Exact log-probabilities of every possible answer to every prompt.

The answers of a task form a prefix tree, and so do the prompts, which begin with the same instruction: a pack of
`models.packing` holds several prompts behind one copy of what they share, and below each of them the tree of the
answers. Every token sees its own ancestors only, at the position it has in its own sequence. So nothing shared is
computed twice, logits are made only at nodes with children, and the sums equal those of scoring each answer by itself.
Source: tree attention as in SpecInfer (arXiv 2305.09781), used here for a fixed set of answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fittingroom.models.body import body_and_head, hidden_states
from fittingroom.models.costs import LENGTHS, Costs, packed_passes
from fittingroom.models.masks import alone_beyond, takes_mask
from fittingroom.models.packing import Cut, Order, Pack, Tree, cuts, granule, in_order, tensors, tree_mask

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor
    from torch.nn import Module

_LOGITS_AT_ONCE = 16_000_000
"""Numbers in one block of logits (64 MB)."""
_NODES_AT_ONCE = 2048
"""Nodes of one tree; more answers are scored in several trees, as the mask grows with the square."""


@dataclass(frozen=True)
class AnswerTree:
    """Prefix tree of answers in pre-order. Node 0 is the end of the prompt; node n > 0 holds `tokens[n - 1]`."""

    tokens: list[int]
    parents: list[int]
    depths: list[int]
    ends: list[int]
    """For each token how many tokens stand before the first one behind its own subtree."""
    edges: list[tuple[int, int]]
    """(node, next token), sorted; the log-probability of an edge counts for every answer that runs over it."""
    paths: list[list[int]]
    """For every answer the edges it runs over."""


def answer_tree(answers: Sequence[Sequence[int]]) -> AnswerTree:
    """Build the tree; an answer without a token is a ValueError. The last token of an answer needs no node."""
    nodes: dict[tuple[int, ...], int] = {(): 0}
    edges: dict[tuple[int, int], int] = {}
    tokens, parents, depths = [], [], []
    paths: list[list[int]] = [[] for _ in answers]
    for number in sorted(range(len(answers)), key=lambda at: list(answers[at])):
        answer = answers[number]
        if not answer:
            raise ValueError("an answer has no tokens")
        for at, token in enumerate(answer):
            prefix = tuple(answer[:at])
            if prefix not in nodes:
                nodes[prefix] = len(nodes)
                tokens.append(prefix[-1])
                parents.append(nodes[prefix[:-1]])
                depths.append(at)
            paths[number].append(edges.setdefault((nodes[prefix], token), len(edges)))
    return AnswerTree(tokens, parents, depths, _ends(parents), list(edges), paths)


def _ends(parents: Sequence[int]) -> list[int]:
    """Ends of subtrees in pre-order: that of the last child, or behind the node itself."""
    ends = list(range(1, len(parents) + 1))
    for node in range(len(parents), 0, -1):
        parent = parents[node - 1]
        if parent:
            ends[parent - 1] = max(ends[parent - 1], ends[node - 1])
    return ends


def score_answers(
    model: Any,
    prompts: Sequence[Sequence[int]],
    answers: Sequence[Sequence[int]],
    *,
    token_budget: int = 8192,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """[n, k] float64: summed log-probability of answer k (its ids, EOS included) after prompt n.

    `token_budget` bounds the tokens of one forward pass, padding included. The model's own mode is kept: set `eval()`
    before.
    """
    import numpy as np
    import torch

    scores = np.empty((len(prompts), len(answers)), dtype=np.float64)
    if not len(prompts) or not len(answers):
        return scores
    able = takes_mask(model)
    groups = _answer_groups(answers) if able else [list(range(len(answers)))]
    costs = Costs.of(model)
    done = 0
    with torch.no_grad():
        for group in groups:
            chosen = [answers[at] for at in group]
            blocks = (
                _tree_blocks(model, prompts, answer_tree(chosen), costs, token_budget)
                if able
                else _single_blocks(model, prompts, chosen, token_budget)
            )
            for rows, block in blocks:
                scores[np.ix_(rows, group)] = block
                done += len(rows)
                if progress is not None:
                    progress(done // len(groups), len(prompts))
    return scores


def _answer_groups(answers: Sequence[Sequence[int]]) -> list[list[int]]:
    """Indices of answers in groups whose trees stay small; neighbours in spelling stay together."""
    order = sorted(range(len(answers)), key=lambda at: list(answers[at]))
    groups: list[list[int]] = [[]]
    size = 0
    for at in order:
        if groups[-1] and size + len(answers[at]) > _NODES_AT_ONCE:
            groups.append([])
            size = 0
        groups[-1].append(at)
        size += len(answers[at])
    return groups


def _tree_blocks(
    model: Any, prompts: Sequence[Sequence[int]], tree: AnswerTree, costs: Costs, budget: int
) -> Iterator[tuple[list[int], np.ndarray]]:
    """Prompts of one pass, and their scores [prompts, answers]."""
    order = in_order(prompts)
    for made in _passes(order, len(tree.tokens), costs, budget):
        packs, rows, places = [], [], []
        for cut in made:
            pack, starts = _pack(prompts, order.rows[cut.first : cut.last], tree)
            packs.append(pack)
            rows += order.rows[cut.first : cut.last]
            places.append(starts)
        yield rows, _score_packs(model, packs, places, tree)


def _passes(order: Order, nodes: int, costs: Costs, budget: int) -> list[list[Cut]]:
    """The cheapest cut of the prompts into packs, and these into passes within the budget (a single prompt may exceed
    it).
    """
    tries = [packed_passes(cuts(order, longest=1, extra=nodes), budget)]
    for longest in LENGTHS:
        if longest > budget or len(order.rows) == 1:
            break
        made = cuts(order, longest=longest, extra=nodes)
        tries.append(packed_passes(made, budget))
        if len(made) == 1:
            break
    return min(tries, key=lambda passes: costs.of_passes(passes, masked=nodes > 0))


def _pack(
    prompts: Sequence[Sequence[int]], rows: Sequence[int], tree: AnswerTree
) -> tuple[Pack, list[tuple[int, int]]]:
    """A pack of prompts with the answers below each; for every prompt the place of its last token and that of the
    first answer token.
    """
    grown = Tree()
    starts = []
    for row in rows:
        prompt = prompts[row]
        grown.add(row, prompt, len(prompt), grown.shared(prompt))
        starts.append((grown.path[-1], grown.hang(tree.tokens, tree.depths, tree.ends)))
    return grown.pack(), starts


def _score_packs(
    model: Any, packs: Sequence[Pack], places: Sequence[Sequence[tuple[int, int]]], tree: AnswerTree
) -> np.ndarray:
    """[prompts, answers] of one pass, in the order of `places`."""
    import numpy as np
    import torch

    body, head = body_and_head(model)
    like = next(model.parameters())
    batch = tensors(packs, 0, granule(model))
    mask = None if batch.plain and not tree.tokens else tree_mask(batch.ends, model, like)
    hidden = hidden_states(body, batch.ids.to(like.device), mask, batch.positions.to(like.device))
    length = batch.ids.shape[1]
    parents = sorted({node for node, _ in tree.edges})
    columns = torch.tensor(
        [
            [number * length + (last if node == 0 else first + node - 1) for node in parents]
            for number, starts in enumerate(places)
            for last, first in starts
        ],
        device=hidden.device,
    )
    picked = hidden.flatten(0, 1)[columns]
    logs = _edge_logs(picked, head, parents, tree.edges)
    paths = np.zeros((len(tree.edges), len(tree.paths)))
    for answer, path in enumerate(tree.paths):
        paths[path, answer] = 1.0
    scores: np.ndarray = logs.cpu().double().numpy() @ paths
    return scores


def _edge_logs(picked: Tensor, head: Module, parents: list[int], edges: list[tuple[int, int]]) -> Tensor:
    """[batch, edges] log-probabilities from the hidden states [batch, parents, hidden], in blocks of bounded size."""
    import torch

    count = picked.shape[0]
    vocabulary = int(head.weight.shape[0])  # type: ignore[union-attr,arg-type,index,unused-ignore]
    at_once = max(1, _LOGITS_AT_ONCE // (vocabulary * count))
    place = {node: at for at, node in enumerate(parents)}
    logs = torch.empty((count, len(edges)), dtype=torch.float32, device=picked.device)
    for start in range(0, len(parents), at_once):
        logits = head(picked[:, start : start + at_once]).float()
        total = logits.logsumexp(-1)
        here = [
            (edge, place[node] - start, token)
            for edge, (node, token) in enumerate(edges)
            if start <= place[node] < start + at_once
        ]
        which, rows, tokens = (torch.tensor(part, device=picked.device) for part in zip(*here, strict=True))
        logs[:, which] = logits[:, rows, tokens] - total[:, rows]
    return logs


def _single_blocks(
    model: Any, prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]], budget: int
) -> Iterator[tuple[list[int], np.ndarray]]:
    """The same, one sequence per pair, for models whose attention takes no mask of ours (see `models.masks`)."""
    import numpy as np
    import torch

    body, head = body_and_head(model)
    apart = alone_beyond(model)
    for row, prompt in enumerate(prompts):
        scores = np.empty((1, len(answers)), dtype=np.float64)
        for batch in _batches([len(prompt) + len(answer) for answer in answers], budget, apart):
            sequences = [[*prompt, *answers[at]] for at in batch]
            length = max(len(sequence) for sequence in sequences)
            ids = torch.tensor([[*sequence, *[0] * (length - len(sequence))] for sequence in sequences])
            mask = torch.tensor([[1] * len(sequence) + [0] * (length - len(sequence)) for sequence in sequences])
            hidden = hidden_states(body, ids.to(model.device), mask.to(model.device))
            for number, at in enumerate(batch):
                start, size = len(prompt), len(answers[at])
                logits = head(hidden[number, start - 1 : start - 1 + size]).float()
                target = torch.tensor(answers[at], device=logits.device)[:, None]
                scores[0, at] = float((logits.gather(1, target)[:, 0] - logits.logsumexp(-1)).cpu().double().sum())
        yield [row], scores


def _batches(lengths: Sequence[int], budget: int, apart: int | None = None) -> list[list[int]]:
    """Rows in batches of like length, longest first, each within the budget (a single row may exceed it). Rows longer
    than `apart` stand in no batch with those that are not (see `masks.alone_beyond`).
    """
    order = sorted(range(len(lengths)), key=lambda row: (-lengths[row], row))
    batches: list[list[int]] = []
    start = 0
    while start < len(order):
        batch = order[start : start + max(1, budget // lengths[order[start]])]
        if apart is not None and lengths[batch[0]] > apart:
            batch = [row for row in batch if lengths[row] > apart]
        batches.append(batch)
        start += len(batch)
    return batches
