"""Neighbours in a batch: a row must get the same numbers alone and beside longer ones.

Source: unsloth issue 9708 and own measurements: padding on the wrong side, or padding that is attended, changes answers
without an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fittingroom.models.scoring import score_answers
from fittingroom.training.preflight.gradients import bits
from fittingroom.training.rows import Encoded

if TYPE_CHECKING:
    from torch import Tensor

_NEW = 3
"""Tokens that are generated."""
_GENERATED = 4
"""Rows that answers are generated for."""


def batch(model: Any, rows: Encoded, pad: int) -> dict[str, float]:
    """`scores`: the largest difference of an answer's log-probability, alone against in a batch; `generation`: that of
    a next token's, alone against left-padded in a batch (nats, relative where they are larger than one).
    """
    prompts = rows.prompts(range(len(rows)))
    answers = sorted({tuple(ids[start:]) for ids, start in zip(rows.ids, rows.answer_starts, strict=True)})
    together = score_answers(model, prompts, answers)
    alone = [score_answers(model, [prompt], answers)[0] for prompt in prompts]
    scores = max(
        abs(float(one) - float(other)) / max(1.0, abs(float(other)))
        for many, single in zip(together, alone, strict=True)
        for one, other in zip(many, single, strict=True)
    )
    return {
        "scores": scores,
        "generation": _generation(model, prompts[:_GENERATED], pad),
        "rows": float(len(prompts)),
        "bits": bits(model),
    }


def _generation(model: Any, prompts: Sequence[Sequence[int]], pad: int) -> float:
    """Up to the first token in which two answers differ: behind it they are about different texts."""
    import torch

    with torch.no_grad():
        singly = [_greedy(model, prompt) for prompt in prompts]
        together = _left_padded(model, prompts, pad)
    worst = 0.0
    for (tokens, logs), (others, many) in zip(singly, together, strict=True):
        for place in range(min(len(tokens), len(others))):
            near = logs[place] > logs[place].max() - 20.0  # what has no chance is told by rounding alone
            apart = (logs[place] - many[place]).abs() / logs[place].abs().clamp(min=1.0)
            worst = max(worst, float(apart[near].max()))
            if tokens[place] != others[place]:
                break
    return worst


def _greedy(model: Any, prompt: Sequence[int]) -> tuple[list[int], Tensor]:
    """Tokens and log-probabilities [new, vocabulary] of one answer by itself, as serving makes them."""
    import torch

    ids, cache = torch.tensor([list(prompt)], device=model.device), None
    tokens: list[int] = []
    logs = []
    for _ in range(_NEW):
        out = model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
        cache = out.past_key_values
        logs.append(out.logits[0, -1].float().log_softmax(-1))
        tokens.append(int(logs[-1].argmax()))
        ids = torch.tensor([[tokens[-1]]], device=model.device)
    return tokens, torch.stack(logs)


def _left_padded(model: Any, prompts: Sequence[Sequence[int]], pad: int) -> list[tuple[list[int], Tensor]]:
    """The same for all prompts in one batch, by transformers' own `generate`."""
    import torch
    from transformers import GenerationConfig

    length = max(len(prompt) for prompt in prompts)
    ids = torch.tensor([[pad] * (length - len(prompt)) + list(prompt) for prompt in prompts], device=model.device)
    mask = torch.tensor([[0] * (length - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=model.device)
    plain = GenerationConfig(  # type: ignore[no-untyped-call]
        max_new_tokens=_NEW, min_new_tokens=_NEW, do_sample=False, pad_token_id=pad, eos_token_id=None,
        return_dict_in_generate=True, output_logits=True,
    )  # fmt: skip
    out = model.generate(input_ids=ids, attention_mask=mask, generation_config=plain)
    logs = torch.stack(out.logits, dim=1).float().log_softmax(-1)
    return [(row[length:].tolist(), log) for row, log in zip(out.sequences, logs, strict=True)]
