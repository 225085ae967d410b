"""Exact log-probabilities of every possible answer to every prompt.

The answers of a task form a prefix tree. Prompt and tree go through the model in one forward pass: every node sees
the prompt and its own ancestors (a 4-D attention mask), at the position it has in its own answer. So nothing shared
is computed twice, logits are made only at nodes with children, and the sums equal those of scoring each answer by
itself.
Source: tree attention as in SpecInfer (arXiv 2305.09781), used here for a fixed set of answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fittingroom.models.body import body_and_head, hidden_states
from fittingroom.models.catalog import FAMILIES

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
    """Prefix tree of answers. Node 0 is the end of the prompt; node n > 0 holds `tokens[n - 1]`."""

    tokens: list[int]
    parents: list[int]
    depths: list[int]
    edges: list[tuple[int, int]]
    """(node, next token), sorted; the log-probability of an edge counts for every answer that runs over it."""
    paths: list[list[int]]
    """For every answer the edges it runs over."""


def answer_tree(answers: Sequence[Sequence[int]]) -> AnswerTree:
    """Build the tree; an answer without a token is a ValueError. The last token of an answer needs no node."""
    nodes: dict[tuple[int, ...], int] = {(): 0}
    edges: dict[tuple[int, int], int] = {}
    tokens, parents, depths, paths = [], [], [], []
    for answer in answers:
        if not answer:
            raise ValueError("an answer has no tokens")
        path = []
        for at, token in enumerate(answer):
            prefix = tuple(answer[:at])
            if prefix not in nodes:
                nodes[prefix] = len(nodes)
                tokens.append(prefix[-1])
                parents.append(nodes[prefix[:-1]])
                depths.append(at)
            path.append(edges.setdefault((nodes[prefix], token), len(edges)))
        paths.append(path)
    return AnswerTree(tokens, parents, depths, list(edges), paths)


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
    family = FAMILIES.get(str(model.config.model_type))
    groups = _answer_groups(answers) if family is not None and family.tree_scoring else [list(range(len(answers)))]
    done = 0
    with torch.no_grad():
        for group in groups:
            chosen = [answers[at] for at in group]
            tree = answer_tree(chosen)
            for rows in _batches([len(prompt) for prompt in prompts], len(tree.tokens), token_budget):
                batch = [prompts[row] for row in rows]
                if family is not None and family.tree_scoring:
                    block = _score_tree(model, batch, tree)
                else:
                    block = _score_singly(model, batch, chosen, token_budget)
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


def _batches(lengths: Sequence[int], extra: int, budget: int) -> list[list[int]]:
    """Rows in batches of like length, longest first, each within the budget (a single row may exceed it)."""
    order = sorted(range(len(lengths)), key=lambda row: (-lengths[row], row))
    batches: list[list[int]] = []
    start = 0
    while start < len(order):
        count = max(1, budget // (lengths[order[start]] + extra))
        batches.append(order[start : start + count])
        start += count
    return batches


def _score_tree(model: Any, prompts: Sequence[Sequence[int]], tree: AnswerTree) -> np.ndarray:
    """[batch, answers] for prompts of like length."""
    import numpy as np
    import torch

    body, head = body_and_head(model)
    ids, mask, positions, starts = _tree_inputs(prompts, tree, next(model.parameters()))
    hidden = hidden_states(body, ids, mask, positions)
    length = ids.shape[1] - len(tree.tokens)
    parents = sorted({node for node, _ in tree.edges})
    columns = torch.tensor([length + node - 1 for node in parents], device=ids.device).repeat(len(prompts), 1)
    columns[:, 0] = starts  # node 0, the end of the prompt, is the first of the sorted parents
    picked = hidden.gather(1, columns[:, :, None].expand(-1, -1, hidden.shape[-1]))
    logs = _edge_logs(picked, head, parents, tree.edges)
    paths = np.zeros((len(tree.edges), len(tree.paths)))
    for answer, path in enumerate(tree.paths):
        paths[path, answer] = 1.0
    scores: np.ndarray = logs.double().cpu().numpy() @ paths
    return scores


def _tree_inputs(
    prompts: Sequence[Sequence[int]], tree: AnswerTree, like: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """ids, additive 4-D mask, positions [batch, length + nodes] and the index of each prompt's last token.

    The mask has the type of `like`, a weight of the model, and all lie on its device.
    """
    import torch

    count, nodes = len(prompts), len(tree.tokens)
    sizes = torch.tensor([len(prompt) for prompt in prompts])
    length = int(sizes.max())
    ids = torch.zeros((count, length + nodes), dtype=torch.long)
    for row, prompt in enumerate(prompts):
        ids[row, : len(prompt)] = torch.tensor(prompt, dtype=torch.long)
    ids[:, length:] = torch.tensor(tree.tokens, dtype=torch.long)
    positions = torch.arange(length).repeat(count, 1)
    depths = torch.tensor(tree.depths, dtype=torch.long)
    positions = torch.cat([positions, sizes[:, None] + depths[None, :] - 1], dim=1)
    real = torch.arange(length)[None, :] < sizes[:, None]
    seen = torch.zeros((count, length + nodes, length + nodes), dtype=torch.bool)
    seen[:, :length, :length] = torch.ones((length, length), dtype=torch.bool).tril() & real[:, None, :]
    seen[:, length:, :length] = real[:, None, :]
    seen[:, length:, length:] = _ancestors(tree)
    everyone = torch.arange(length + nodes)
    seen[:, everyone, everyone] = True  # padding sees itself, else its softmax would be over nothing
    mask = torch.zeros(seen.shape, dtype=like.dtype).masked_fill_(~seen, torch.finfo(like.dtype).min)
    device = like.device
    return ids.to(device), mask[:, None].to(device), positions.to(device), (sizes - 1).to(device)


def _ancestors(tree: AnswerTree) -> Tensor:
    """[nodes, nodes]: whether the column's node is the row's node or one of its ancestors."""
    import torch

    seen = torch.eye(len(tree.tokens), dtype=torch.bool)
    for at, parent in enumerate(tree.parents):
        if parent > 0:  # parents come before their children
            seen[at] |= seen[parent - 1]
    return seen


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


def _score_singly(
    model: Any, prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]], token_budget: int
) -> np.ndarray:
    """[batch, answers] one sequence per pair, for models whose attention takes no 4-D mask."""
    import numpy as np
    import torch

    body, head = body_and_head(model)
    pairs = [(row, at) for row in range(len(prompts)) for at in range(len(answers))]
    scores = np.empty((len(prompts), len(answers)), dtype=np.float64)
    for batch in _batches([len(prompts[row]) + len(answers[at]) for row, at in pairs], 0, token_budget):
        chosen = [pairs[number] for number in batch]
        sequences = [[*prompts[row], *answers[at]] for row, at in chosen]
        length = max(len(sequence) for sequence in sequences)
        ids = torch.tensor([[*sequence, *[0] * (length - len(sequence))] for sequence in sequences])
        mask = torch.tensor([[1] * len(sequence) + [0] * (length - len(sequence)) for sequence in sequences])
        hidden = hidden_states(body, ids.to(model.device), mask.to(model.device))
        for number, (row, at) in enumerate(chosen):
            start, size = len(prompts[row]), len(answers[at])
            logits = head(hidden[number, start - 1 : start - 1 + size]).float()
            target = torch.tensor(answers[at], device=logits.device)[:, None]
            scores[row, at] = float((logits.gather(1, target)[:, 0] - logits.logsumexp(-1)).double().sum())
    return scores
