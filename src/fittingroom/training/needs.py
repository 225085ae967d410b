"""The memory that a training asks for, from the shape of its model, its layout and the section `train`."""

from __future__ import annotations

from fittingroom.models.device import device, precision
from fittingroom.models.memory import Memory, Precision, Shape, estimate
from fittingroom.training.config import TrainConfig
from fittingroom.training.passes import Layout, longest_pack

_SAID: dict[str, Precision] = {"fp32": "float32", "mixed": "mixed", "bf16": "bfloat16"}


def needed(
    shape: Shape,
    layout: Layout,
    train: TrainConfig,
    *,
    tokens: int,
    answers: int,
    longest: int,
    half: bool = False,
    checkpointed: bool = False,
    experts: float = 0.0,
) -> Memory:
    """Of a training whose passes hold `tokens` tokens, `answers` of them with a loss; its longest row has `longest`.

    `half`: the base's files are in 16 bits, so that frozen weights are held in bfloat16 where that is computed in.
    """
    kind = device(train.device).kind
    chosen, _ = precision(train.precision, kind)
    frozen_half = half and train.method == "lora" and chosen == "mixed"
    return estimate(
        shape,
        method=train.method,
        tokens=tokens,
        answers=answers,
        longest=max(longest, longest_pack(tokens)) if layout.packed else longest,
        masked=layout.packed,
        rank=train.lora_rank,
        dropout=train.dropout,
        checkpointing=checkpointed,
        precision="bfloat16" if frozen_half else _SAID[chosen],
        device=kind,
        master=chosen != "bf16",
        experts=experts,
    )
