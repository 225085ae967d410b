"""Free answers, many at a time: greedy, in batches, with a cache of keys and values.

Rows of like length go through the model together, padded on the left; a row whose answer has ended leaves its batch.
The tokens are those of answering each row by itself, up to near ties that rounding may decide otherwise (the preflight
measures how far batches and single rows are apart).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from fittingroom.models.masks import alone_beyond
from fittingroom.types import Frozen

if TYPE_CHECKING:
    from torch import Tensor

_TOKENS_AT_ONCE = 16_384
"""Tokens of a batch, with room for its answers: bounds the cache."""
_ROWS_AT_ONCE = 32


class Written(Frozen):
    """A free answer to one input."""

    text: str
    """With its mark, where the task asks for one."""
    finish_reason: Literal["stop", "length"]
    """`length`: it was cut at the longest of training (but for one in a hundred)."""
    ai_generated: bool = False
    """Whether the answer carries the mark that a machine wrote it."""
    input: dict[str, str]
    """What the model was given: cleaned and redacted."""
    edits: dict[str, int]
    """What cleaning and redaction did: rule and count."""
    truncated: int = 0
    """Tokens of the input that were cut off to fit the length of training."""


class Made(NamedTuple):
    """Tokens of an answer, without its end mark."""

    ids: list[int]
    ended: bool
    """Whether the model ended it; else it was cut."""


def greedy(
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    end: int,
    pad: int,
    most: int,
    lock: threading.Lock,
    progress: Callable[[int, int], None] | None = None,
) -> list[Made]:
    """The likeliest token each time, at most `most` of them; answers in the order of the prompts."""
    found: list[Made] = [Made([], False)] * len(prompts)
    apart = alone_beyond(model)
    order = sorted(range(len(prompts)), key=lambda row: (-len(prompts[row]), row))
    start = 0
    while start < len(order):
        longest = len(prompts[order[start]]) + most
        # Where the largest position turns all rows of a pass, one that grows beyond the bound stands alone.
        room = 1 if apart is not None and longest > apart else max(1, _TOKENS_AT_ONCE // longest)
        rows = order[start : start + min(room, _ROWS_AT_ONCE)]
        for row, made in zip(rows, _batch(model, [prompts[row] for row in rows], end, pad, most, lock), strict=True):
            found[row] = made
        start += len(rows)
        if progress is not None:
            progress(start, len(order))
    return found


def _batch(
    model: Any, prompts: Sequence[Sequence[int]], end: int, pad: int, most: int, lock: threading.Lock
) -> list[Made]:
    import torch

    length = max(len(prompt) for prompt in prompts)
    ids = torch.tensor([[pad] * (length - len(prompt)) + list(prompt) for prompt in prompts], device=model.device)
    mask = torch.tensor([[0] * (length - len(one)) + [1] * len(one) for one in prompts], device=model.device)
    places = (mask.cumsum(-1) - 1).clamp(min=0)
    made: list[list[int]] = [[] for _ in prompts]
    ended = [False] * len(prompts)
    left = list(range(len(prompts)))
    cache: Any = None
    for _ in range(most):
        with lock, torch.inference_mode():
            out = model(
                input_ids=ids, attention_mask=mask, position_ids=places, past_key_values=cache, use_cache=True,
                logits_to_keep=1,
            )  # fmt: skip
            cache = out.past_key_values
            new: list[int] = out.logits[:, -1].argmax(-1).tolist()
        for row, token in zip(left, new, strict=True):
            ended[row] = token == end
            if token != end:
                made[row].append(token)
        stays = [place for place, row in enumerate(left) if not ended[row]]
        if not stays:
            break
        ids, mask, places = _next([new[place] for place in stays], mask, places, stays, model.device)
        if len(stays) < len(left):
            cache.batch_select_indices(torch.tensor(stays, device=model.device))
            left = [left[place] for place in stays]
    return [Made(ids, done) for ids, done in zip(made, ended, strict=True)]


def _next(
    tokens: Sequence[int], mask: Tensor, places: Tensor, stays: Sequence[int], device: Any
) -> tuple[Tensor, Tensor, Tensor]:
    """Ids [n, 1], mask [n, length + 1] and positions [n, 1] of the next step, for the rows that go on."""
    import torch

    some = torch.tensor(list(stays), device=device)
    kept = mask.index_select(0, some)
    grown = torch.cat([kept, torch.ones_like(kept[:, :1])], dim=1)
    after = places.index_select(0, some)[:, -1:] + 1
    return torch.tensor([[token] for token in tokens], device=device), grown, after
