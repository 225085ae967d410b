"""Log-probability of each prompt's own answer: what can be measured of answers that come from no closed set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fittingroom.models.body import body_and_head, hidden_states

if TYPE_CHECKING:
    import numpy as np

_LOGITS_AT_ONCE = 16_000_000
"""Numbers in one block of logits (64 MB)."""


def score_own(
    model: Any, prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]], *, token_budget: int = 8192
) -> np.ndarray:
    """[n] float64: summed log-probability of answer n (its ids, EOS included) after prompt n.

    Rows of like length go through the model together, padded on the right, at most `token_budget` tokens at a time;
    logits are made at answer positions only. The model's own mode is kept: set `eval()` before.
    """
    import numpy as np
    import torch

    scores = np.zeros(len(prompts), dtype=np.float64)
    body, head = body_and_head(model)
    vocabulary = int(head.weight.shape[0])  # type: ignore[union-attr,arg-type,index,unused-ignore]
    block = max(1, _LOGITS_AT_ONCE // vocabulary)
    whole = [[*prompt, *answer] for prompt, answer in zip(prompts, answers, strict=True)]
    order = sorted(range(len(whole)), key=lambda row: (-len(whole[row]), row))
    start = 0
    with torch.no_grad():
        while start < len(order):
            rows = order[start : start + max(1, token_budget // max(1, len(whole[order[start]])))]
            start += len(rows)
            length = len(whole[rows[0]])
            ids = torch.tensor([whole[row] + [0] * (length - len(whole[row])) for row in rows])
            mask = torch.tensor([[1] * len(whole[row]) + [0] * (length - len(whole[row])) for row in rows])
            hidden = hidden_states(body, ids.to(model.device), mask.to(model.device))
            at = [
                (place, len(prompts[row]) - 1 + step)
                for place, row in enumerate(rows)
                for step in range(len(answers[row]))
            ]
            wanted = [token for row in rows for token in answers[row]]
            owner = [row for row in rows for _ in answers[row]]
            for first in range(0, len(at), block):
                some = slice(first, first + block)
                where, steps = (torch.tensor(one, device=hidden.device) for one in zip(*at[some], strict=True))
                logits = head(hidden[where, steps]).float()
                target = torch.tensor(wanted[some], device=logits.device)[:, None]
                found = (logits.gather(1, target)[:, 0] - logits.logsumexp(-1)).cpu().double().numpy()
                np.add.at(scores, owner[some], found)
    return scores
