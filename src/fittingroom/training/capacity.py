"""What the memory of a machine allows a training: tokens of a pass, layers computed twice, weights spread."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from fittingroom.engine import EngineConfig
from fittingroom.errors import ModelError
from fittingroom.models.device import device, main_memory
from fittingroom.models.memory import Memory, Shape, machine_bytes
from fittingroom.training import plan as rules
from fittingroom.training.config import TrainConfig
from fittingroom.training.finders.planned import Bounds
from fittingroom.training.needs import (
    Sharding,
    halved,
    in_parts,
    in_pieces,
    needed,
    on_the_way,
    sharing_memory,
)
from fittingroom.training.passes import PASS_TOKENS, Layout

MEMORY_SHARE = 0.8
"""Share of the machine's memory that training may plan with."""
_SMALL_PASS = 2048
"""Tokens of a pass below which it pays to compute layers twice for longer ones."""


class Kept(NamedTuple):
    """What of a model's weights memory depends on beside its shape."""

    half: bool
    """Whether its files hold 16 bits a number."""
    experts: float
    """Share of the routed experts' weights that learns."""
    cut: float
    """Share of its weights that `engine.sharding: tensor` cuts."""


class Fitting(NamedTuple):
    """What memory allows, by the estimate."""

    budget: int
    """Tokens per forward pass."""
    memory: Memory
    bounds: Bounds
    checkpointed: bool
    """Whether activations are computed again on the way back."""
    sharding: Sharding
    """How the weights are spread over the processes."""
    need: Callable[[int], Memory]
    """The estimate for a size of pass."""


@dataclass
class _Need:
    """The estimate for a size of pass; `checkpointed` and `sharding` are what is chosen so far."""

    shape: Shape
    layout: Layout
    train: TrainConfig
    kept: Kept
    engine: EngineConfig
    longest: int
    """Tokens of the longest row."""
    answers: float
    """Share of the tokens that have a loss."""
    checkpointed: bool
    sharding: Sharding

    def __call__(self, length: int, again: bool | None = None) -> Memory:
        """Of passes of `length` tokens; `again`: whether layers are computed twice, where not as chosen."""
        whole = self.whole(length, again=again)
        if self.sharding == "tensor":
            return in_pieces(whole, self.kept.cut, self.engine.processes)
        return in_parts(whole, self.shape, self.engine.processes) if self.sharding == "full" else whole

    def whole(self, length: int, *, again: bool | None = None) -> Memory:
        """Of one process that holds everything."""
        return needed(
            self.shape, self.layout, self.train, tokens=length, answers=math.ceil(length * self.answers),
            longest=self.longest, half=self.kept.half, checkpointed=self.checkpointed if again is None else again,
            experts=self.kept.experts,
        )  # fmt: skip


def fit_into_memory(
    shape: Shape,
    layout: Layout,
    train: TrainConfig,
    batch: int,
    tokens: dict[str, float],
    chosen: dict[str, str],
    kept: Kept,
    engine: EngineConfig,
) -> Fitting:
    """Tokens per forward pass and the memory they need; ModelError when not even one row fits.

    `tokens`: as in `Plan.tokens`; what is chosen here is told in `chosen`.
    """
    longest = int(tokens["max"])
    answers = tokens["answer_tokens"] / max(1.0, tokens["rows"] * tokens["mean"])
    need = _Need(
        shape, layout, train, kept, engine, longest, answers, checkpointed=train.activation_checkpointing == "on",
        sharding="none" if engine.sharding == "auto" else engine.sharding,
    )  # fmt: skip
    name, memory = machine_bytes(train.device)
    memory //= sharing_memory(engine, device(train.device).kind)
    room = int(memory * MEMORY_SHARE)
    least = need(longest, train.activation_checkpointing != "off").total
    if engine.sharding == "auto" and engine.processes > 1 and train.method != "qlora" and least > room:
        need.sharding = "full"
        chosen["sharding"] = f"full: {memory / 2**30:.1f} GiB do not hold the {least / 2**30:.1f} GiB of a process"
    if need.sharding != "none" and engine.processes > 1:
        _refuse_on_the_way(need)
    most = max(longest, min(PASS_TOKENS, batch * longest))
    asked = most if isinstance(train.pass_tokens, str) else max(longest, min(train.pass_tokens, most))
    if train.activation_checkpointing == "auto" and need(max(longest, min(asked, _SMALL_PASS))).total > room:
        need.checkpointed = True
        chosen["activation_checkpointing"] = f"on: {memory / 2**30:.1f} GiB hold only small passes without it"
    budget = rules.pass_tokens(longest, asked, lambda length: need(length).total <= room)
    if budget == 0:
        raise _too_large(need(longest), name, memory)
    if budget < asked:
        chosen["pass_tokens"] = f"{budget} tokens at a time fit into {memory / 2**30:.1f} GiB"
    bounds = Bounds(room, most, lambda length: need(length).total)
    return Fitting(budget, need(budget), bounds, need.checkpointed, need.sharding, need)


def _refuse_on_the_way(need: _Need) -> None:
    """Sharded weights must fit into main memory whole, once for every process of this machine, before they are."""
    whole = need.whole(need.longest, again=need.train.activation_checkpointing != "off")
    half = need.train.precision == "bf16" or halved(need.train, half=need.kept.half)
    asked, have = on_the_way(whole, need.shape, need.engine, half=half), main_memory()
    if asked > have:
        count = need.engine.processes
        raise ModelError(
            f"its weights, which each of {count} processes reads whole before it keeps its part, and which the main "
            f"one puts together for checkpoints, pass through {asked / 2**30:.1f} GiB of main memory, and this machine "
            f"has {have / 2**30:.1f} GiB: spread the processes over machines (engine.kind torchrun or ray), use fewer, "
            "or choose a smaller base model",
            f"{count} 个进程各自先读入全部权重再只留自己的部分，主进程写检查点时还要拼成完整权重，"
            f"共需经过 {asked / 2**30:.1f} GiB 内存，而本机只有 {have / 2**30:.1f} GiB："
            "请把进程分布到多台机器（engine.kind: torchrun 或 ray）、减少进程数，或选更小的基础模型",
            place="engine.processes",
        )


def _too_large(needs: Memory, name: str, memory: int) -> ModelError:
    least = needs.total / 2**30
    return ModelError(
        f"training needs about {least:.1f} GiB and {name} has {memory / 2**30:.1f} GiB: choose a "
        "smaller base model, train.method lora or qlora, or a smaller train.max_length",
        f"训练约需 {least:.1f} GiB，而 {name} 只有 {memory / 2**30:.1f} GiB："
        "请改用更小的基础模型、train.method 设为 lora 或 qlora，或减小 train.max_length",
        place="model.base",
    )
