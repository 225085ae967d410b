"""The memory that a training asks for, from the shape of its model, its layout and the section `train`."""

from __future__ import annotations

from fittingroom.models.memory import Memory, Precision, Shape, estimate
from fittingroom.training.config import TrainConfig
from fittingroom.training.passes import Layout, longest_pack


def needed(shape: Shape, layout: Layout, train: TrainConfig, *, tokens: int, answers: int, longest: int) -> Memory:
    """Of a training whose passes hold `tokens` tokens, `answers` of them with a loss; its longest row has `longest`."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    precision: Precision = "float32" if device == "cpu" else "mixed"
    return estimate(
        shape,
        method=train.method,
        tokens=tokens,
        answers=answers,
        longest=max(longest, longest_pack(tokens)) if layout.packed else longest,
        masked=layout.packed,
        rank=train.lora_rank,
        dropout=train.dropout,
        precision=precision,
        device=device,
    )
