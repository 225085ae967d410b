"""Exact log-probabilities of answers of which every prompt has its own: candidates that are ranked.

As in `models.scoring`, the answers of a prompt are one prefix tree below it, so that a title's beginning is computed
once for all titles that share it. Here each prompt has another tree; a pass holds several prompts, each a pack of its
own, and logits are made only where a candidate goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from fittingroom.models.body import body_and_head, hidden_states
from fittingroom.models.masks import takes_mask
from fittingroom.models.packing import Tree, granule, tensors, tree_mask
from fittingroom.models.scoring import AnswerTree, answer_tree, score_answers

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor
    from torch.nn import Module

_LOGITS_AT_ONCE = 16_000_000
"""Numbers in one block of logits (64 MB)."""
_NODES_AT_ONCE = 1024
"""Nodes of one tree; more candidates are scored in several trees, as the mask grows with the square."""


def score_branches(
    model: Any,
    prompts: Sequence[Sequence[int]],
    answers: Sequence[Sequence[Sequence[int]]],
    *,
    token_budget: int = 4096,
    progress: Callable[[int, int], None] | None = None,
) -> list[np.ndarray]:
    """For prompt n an array [k_n] of float64: the summed log-probability of each of `answers[n]` (ids, EOS included).

    `token_budget` bounds the tokens of one forward pass, padding included (a single tree may exceed it). The model's
    own mode is kept: set `eval()` before. Raises ValueError for an answer without tokens.
    """
    import numpy as np
    import torch

    scores = [np.empty(len(of_prompt), dtype=np.float64) for of_prompt in answers]
    if not takes_mask(model):
        for row, (prompt, of_prompt) in enumerate(zip(prompts, answers, strict=True)):
            scores[row] = score_answers(model, [prompt], of_prompt, token_budget=token_budget)[0]
            if progress is not None:
                progress(row + 1, len(prompts))
        return scores
    pieces = [
        (row, chosen, answer_tree([of_prompt[at] for at in chosen]))
        for row, of_prompt in enumerate(answers)
        for chosen in _pieces(of_prompt)
    ]
    done = 0
    with torch.no_grad():
        for batch in _passes([len(prompts[row]) + len(tree.tokens) for row, _, tree in pieces], token_budget):
            chosen = [pieces[at] for at in batch]
            logs = _score(model, [prompts[row] for row, _, _ in chosen], [tree for _, _, tree in chosen])
            for (row, places, _), found in zip(chosen, logs, strict=True):
                scores[row][places] = found
            done += len(batch)
            if progress is not None:
                progress(done, len(pieces))
    return scores


def _pieces(answers: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Indices of answers in groups whose trees stay small; neighbours in spelling stay together."""
    piece: list[int] = []
    size = 0
    for at in sorted(range(len(answers)), key=lambda at: (list(answers[at]), at)):
        if piece and size + len(answers[at]) > _NODES_AT_ONCE:
            yield piece
            piece, size = [], 0
        piece.append(at)
        size += len(answers[at])
    if piece:
        yield piece


def _passes(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Packs of like length together, longest first; ties by their order, so that passes are the same each time."""
    passes: list[list[int]] = []
    for at in sorted(range(len(lengths)), key=lambda at: (-lengths[at], at)):
        if passes and (len(passes[-1]) + 1) * lengths[passes[-1][0]] <= budget:
            passes[-1].append(at)
        else:
            passes.append([at])
    return passes


def _score(model: Any, prompts: Sequence[Sequence[int]], trees: Sequence[AnswerTree]) -> list[np.ndarray]:
    """For each prompt the log-probabilities of the answers of its tree."""
    import numpy as np

    made, places = [], []
    for row, (prompt, tree) in enumerate(zip(prompts, trees, strict=True)):
        grown = Tree()
        grown.add(row, prompt, len(prompt), 0)
        places.append((grown.path[-1], grown.hang(tree.tokens, tree.depths, tree.ends)))
        made.append(grown.pack())
    body, head = body_and_head(model)
    like = next(model.parameters())
    batch = tensors(made, 0, granule(model))
    mask = None if batch.plain and not any(tree.tokens for tree in trees) else tree_mask(batch.ends, model, like)
    hidden = hidden_states(body, batch.ids.to(like.device), mask, batch.positions.to(like.device)).flatten(0, 1)
    length = int(batch.ids.shape[1])
    at, tokens = [], []
    for row, ((last, first), tree) in enumerate(zip(places, trees, strict=True)):
        at += [row * length + (last if node == 0 else first + node - 1) for node, _ in tree.edges]
        tokens += [token for _, token in tree.edges]
    logs = _logs(hidden, head, at, tokens).cpu().double().numpy()
    found, start = [], 0
    for tree in trees:
        own = logs[start : start + len(tree.edges)]
        start += len(tree.edges)
        found.append(np.array([own[path].sum() for path in tree.paths]))
    return found


def _logs(hidden: Tensor, head: Module, at: Sequence[int], tokens: Sequence[int]) -> Tensor:
    """[edges] log-probability of each token after the place in `hidden` [tokens, width]; every place goes through the
    head once, in blocks of bounded size.
    """
    import torch

    vocabulary = int(head.weight.shape[0])  # type: ignore[union-attr,arg-type,index,unused-ignore]
    at_once = max(1, _LOGITS_AT_ONCE // vocabulary)
    distinct = sorted(set(at))
    number = {place: row for row, place in enumerate(distinct)}
    logs = torch.empty(len(at), dtype=torch.float32, device=hidden.device)
    edges = sorted(range(len(at)), key=lambda edge: (number[at[edge]], edge))
    begin = 0
    for start in range(0, len(distinct), at_once):
        logits = head(hidden[torch.tensor(distinct[start : start + at_once], device=hidden.device)]).float()
        total = logits.logsumexp(-1)
        end = begin
        while end < len(edges) and number[at[edges[end]]] < start + at_once:
            end += 1
        here = edges[begin:end]
        rows = torch.tensor([number[at[edge]] - start for edge in here], device=hidden.device)
        words = torch.tensor([tokens[edge] for edge in here], device=hidden.device)
        logs[torch.tensor(here, device=hidden.device)] = logits[rows, words] - total[rows]
        begin = end
    return logs
