"""How much memory a model takes by method, from its sizes alone; and whether this machine has it.

Weights and optimiser: full 16 bytes a weight (fp32 weight, gradient, two moments); LoRA the frozen weights in their
number format, and 16 bytes for each adapter weight; QLoRA 0.53 bytes a weight (4-bit NF4 with its scales), but 2 for
embedding, head and, in transformers 5, for experts, and the adapters.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from fittingroom.errors import ModelError
from fittingroom.models.anatomy import Anatomy

Method = Literal["lora", "qlora", "full"]
METHODS: tuple[Method, ...] = ("lora", "qlora", "full")
LOADED = 4
"""Bytes a weight takes while `load_model` holds it (fp32)."""
_HALF = 2
_NF4 = 0.53


def held_by(sizes: Anatomy, method: Method, *, frozen: int = _HALF) -> int:
    """Bytes of the base's weights; `frozen`: bytes of one that does not learn."""
    if method == "full":
        return 4 * sizes.parameters
    if method == "lora":
        return frozen * sizes.parameters
    whole = sizes.tables + sizes.experts
    return round(_NF4 * (sizes.parameters - whole) + _HALF * whole)


def memory_bytes(
    sizes: Anatomy, method: Method, *, rank: int, rows: int = 0, length: int = 0, answer: int = 0, frozen: int = _HALF
) -> int:
    """Bytes to train `rows` rows at a time, of `length` tokens, `answer` of them with a loss; 0 rows: the weights and
    their optimiser alone.
    """
    learning = sizes.parameters if method == "full" else rank * sizes.lora_per_rank
    state = held_by(sizes, method, frozen=frozen) + (12 if method == "full" else 16) * learning
    # What a layer keeps for the way back is taken as 32 bytes a token and width; `memory.estimate` knows better, but
    # needs the whole configuration.
    return state + 32 * sizes.layers * rows * length * sizes.hidden + 8 * rows * answer * sizes.vocabulary


def host_bytes() -> int:
    """Memory of this machine within its cgroup limit: weights pass through it on their way to any device."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    said = limit.read_text(encoding="ascii").strip() if limit.is_file() else ""
    return min(total, int(said)) if said.isdigit() else total


def refuse_too_large(parameters: int, place: str) -> None:
    """Before a weight is read: refuse a model that this machine cannot even hold. Raises ModelError."""
    need, have = LOADED * parameters, host_bytes()
    if need > have:
        raise ModelError(
            f"its {parameters / 1e9:.3g} billion weights take {need / 2**30:,.1f} GiB once loaded, and this machine "
            f"has {have / 2**30:,.1f} GiB: choose a smaller model (see `fittingroom models`) or a larger machine",
            f"其 {parameters / 1e8:,.3g} 亿个权重加载后占 {need / 2**30:,.1f} GiB，"
            f"而本机只有 {have / 2**30:,.1f} GiB："
            "请选择更小的模型（见 `fittingroom models`）或更大的机器",
            place=place,
        )
