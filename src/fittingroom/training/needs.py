"""The memory that a training asks for, from the shape of its model, its layout and the section `train`."""

from __future__ import annotations

import math
from typing import Literal

from fittingroom.engine import EngineConfig
from fittingroom.models.device import device, precision
from fittingroom.models.memory import Memory, Precision, Shape, estimate
from fittingroom.training.config import TrainConfig
from fittingroom.training.passes import Layout, longest_pack

Sharding = Literal["none", "full", "tensor"]
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
    frozen_half = halved(train, half=half)
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


def halved(train: TrainConfig, *, half: bool) -> bool:
    """Whether weights beside adapters are held in bfloat16 (see `fit.stored_as`)."""
    chosen, _ = precision(train.precision, device(train.device).kind)
    return half and train.method == "lora" and chosen == "mixed"


def in_parts(memory: Memory, shape: Shape, processes: int) -> Memory:
    """Of one of several processes that hold a part of the weights each (FSDP2): weights, gradients, moments divided
    among them, and whole for a moment what is outside the layers (tables, head) and two layers: the one that computes
    and the next, with its gradients on the way back.
    """
    parts = dict(memory.parts)
    layers = max(0, shape.parameters - shape.tables)
    share = min(1.0, (shape.tables + 2 * layers / max(1, shape.layers)) / max(1, shape.parameters))
    moment = int(share * (memory.parts["weights"] + memory.parts["gradients"]))
    for name in ("weights", "gradients", "optimizer"):
        parts[name] = -(-parts[name] // processes)
    return Memory({**parts, "gathered": moment})


def in_pieces(memory: Memory, share: float, processes: int) -> Memory:
    """Of one of several processes that hold a piece of a `share` of the weights each (tensor-parallel), and all of the
    others; every one computes all rows.
    """
    parts = dict(memory.parts)
    for name in ("weights", "gradients", "optimizer"):
        parts[name] = math.ceil(parts[name] * (1 - share + share / processes))
    return Memory(parts)


def on_the_way(memory: Memory, shape: Shape, engine: EngineConfig, *, half: bool) -> int:
    """Bytes of this machine's main memory that sharded weights pass through: every process reads all of them before it
    keeps its part, and at a checkpoint the main one puts weights and both moments together, beside the best weights.

    `memory`: of the training in one process; `half`: weights are read in 16 bits. Processes that are started by hand or
    by Ray are taken to have a machine each.
    """
    here = engine.processes if engine.kind == "local" else 1
    return max(here * (2 if half else 4) * shape.parameters, 4 * memory.parts.get("gradients", 0))


def sharing_memory(engine: EngineConfig, kind: str) -> int:
    """Processes that share the memory of one device: those of this machine on its processor. What runs elsewhere is
    taken to have as much as this machine.
    """
    return engine.processes if kind == "cpu" and engine.kind == "local" else 1


def spread_over(engine: EngineConfig) -> dict[str, str]:
    """What a plan depends on of where training is done; nothing where one process does it."""
    if engine.processes == 1:
        return {}
    return {"processes": str(engine.processes), "sharding": engine.sharding, "where": engine.kind}
