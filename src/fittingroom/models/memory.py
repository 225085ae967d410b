"""How much memory training needs, before it is tried: reckoned from the shape of the model alone.

Per weight that learns 4 bytes of gradient and 8 of Adam's moments, beside the weights themselves (full fine-tuning in
float32: 16 P; LoRA 4 P + 16 P_lora, QLoRA 0.53 (P - tables - experts) + 2 (tables + experts) + 16 P_lora); per token of
a pass what a layer keeps for the way back (with activation checkpointing the input of each layer, and one layer whole);
per answer position two rows of logits; per pack its mask, and where attention has no fused kernel its weights.
Sources: ZeRO (arXiv 1910.02054, section 3) for the state, Korthikanti et al. (arXiv 2205.05198) for what a layer keeps,
QLoRA (arXiv 2305.14314) for 4-bit weights; the counts are those of transformers' layers (`benchmarks/memory_estimate`).
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fittingroom.models.device import Wanted, device
from fittingroom.models.shape import Shape

__all__ = ["Memory", "Shape", "estimate", "held_bytes", "machine_bytes"]

Method = Literal["full", "lora", "qlora", "experts"]
Precision = Literal["float32", "mixed", "bfloat16"]
"""`mixed`: float32 weights, computing in bfloat16 (autocast); `bfloat16`: the weights, too."""

_NF4 = 0.53
"""Bytes of a weight in 4 bits with its share of the doubly quantised scales."""


@dataclass(frozen=True)
class Memory:
    """Bytes of one process at the peak of a training step."""

    parts: dict[str, int]
    """weights, gradients, optimizer, best (a copy of what learns, kept beside), activations, attention (weights of all
    pairs where no fused kernel takes them), mask, logits, working (what one layer needs for a moment on the way
    back)."""

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self.parts.values())


def estimate(
    shape: Shape,
    *,
    method: Method,
    tokens: int,
    answers: int,
    longest: int,
    masked: bool = False,
    rank: int = 16,
    dropout: float = 0.0,
    checkpointing: bool = False,
    precision: Precision = "float32",
    device: str = "cpu",
    master: bool = True,
    experts: float = 0.0,
) -> Memory:
    """Memory of a training whose passes hold `tokens` tokens (padding included), `answers` of them with a loss, in rows
    of at most `longest` tokens; `masked`: these are packs, with a mask of their own.

    `device` is `cpu` or the type of an accelerator: there the best weights lie outside its memory, and attention has
    kernels for all families. `master` False: weights that learn are stored in the precision that computes. `experts`:
    the share of the routed experts' weights that learns, with the method of that name.
    """
    how = _How(shape, method, precision, device, rank, dropout, masked, experts)
    learning, pairs = how.learning, tokens * longest
    each = 4 if master else 2
    parts = {
        "weights": how.weights(master),
        "gradients": each * learning,
        "optimizer": 2 * each * learning,
        "best": each * learning if device == "cpu" else 0,
        "activations": how.activations(tokens, checkpointing),
        "attention": how.attention(pairs) * (1 if checkpointing else shape.layers),
        # The mask, and for a moment the booleans it is made from.
        "mask": pairs * (how.width + 1) if masked else 0,
        # Logits and their logarithms or gradient; in bfloat16 these are in float32 beside them.
        "logits": answers * shape.vocabulary * (8 if how.width == 4 else 12),
        "working": how.working(tokens, pairs),
    }
    return Memory(parts)


@dataclass(frozen=True)
class _How:
    """How a model is trained: what the terms of the sum depend on."""

    shape: Shape
    method: Method
    precision: Precision
    device: str
    rank: int
    dropout: float
    masked: bool
    experts: float

    @property
    def learns(self) -> bool:
        """Whether the base's own weights do."""
        return self.method == "full"

    @property
    def learning(self) -> int:
        """Weights that learn."""
        if self.method == "experts":
            return int(self.experts * self.shape.experts)
        return self.shape.parameters - self.shape.router if self.learns else self.rank * self.shape.adapters

    @property
    def width(self) -> int:
        """Bytes of a number that is computed with."""
        return 4 if self.precision == "float32" else 2

    def weights(self, master: bool) -> int:
        """Of the base, of adapters, and of copies in the precision that computes."""
        shape = self.shape
        if self.learns:
            # Autocast keeps a copy of every weight that learns until the pass is over.
            each = {"float32": 4, "mixed": 6, "bfloat16": 6 if master else 2}[self.precision]
            return shape.parameters * each
        if self.method == "qlora":
            rest = shape.tables + shape.experts
            return int(_NF4 * (shape.parameters - rest) + 2 * rest) + 4 * self.learning
        return shape.parameters * (2 if self.precision == "bfloat16" else 4) + 4 * self.learning

    def activations(self, tokens: int, checkpointing: bool) -> int:
        """What all layers keep; with checkpointing their inputs and one of them whole."""
        shape = self.shape
        if not checkpointing:
            return int(tokens * (self._layers() + 12 * shape.hidden))
        return int(tokens * (4 * shape.hidden * (shape.layers + 3) + self._layers() / max(1, shape.layers)))

    def attention(self, pairs: int) -> int:
        """Weights of a layer's attention, where no fused kernel takes heads of unequal width."""
        return self.shape.heads * pairs * self.width if self.shape.unequal and self.device == "cpu" else 0

    def working(self, tokens: int, pairs: int) -> int:
        """Gradients of one layer on the way back: of the stream, of the widest thing in it, of attention's weights."""
        shape = self.shape
        inner, sent = ((shape.dense + shape.chosen) / max(1, shape.layers), shape.sent / max(1, shape.layers))
        wide = max(3 * inner + 2 * sent * shape.hidden, 2 * shape.query_width + shape.shared_width)
        return int(tokens * (8 * shape.hidden + wide * self.width)) + 2 * self.attention(pairs)

    def _layers(self) -> float:
        """Bytes that all layers together keep of one token for the way back."""
        shape, width, learns = self.shape, self.width, self.learns
        # Two norms: each keeps the stream in float32, what it normed (for the sake of its own weight) and its output.
        cast = 0 if self.precision == "float32" else 4
        stream = 2 * shape.hidden * (4 + 4 * learns + width + cast)
        values = shape.value_width // shape.key_heads * shape.heads
        # A mask forbids the kernels that let several heads of queries share one of keys: those are then repeated.
        keys = shape.query_width + values if self.masked else shape.shared_width
        mixed = (shape.normed * (1.0 if learns else 0.67) + shape.query_width + keys + values) * width
        inner = (4 if learns or shape.wraps_mlp else 3) * shape.dense * width
        # An expert keeps both halves, what its activation made of them, its output; to learn also input and product.
        sent = ((3 + 2 * learns) * shape.chosen + (1 + learns) * shape.sent * shape.hidden) * width
        return shape.layers * (stream + mixed) + inner + sent + 16 * shape.routed + self._adapters()

    def _adapters(self) -> float:
        if self.learns:
            return 0.0
        dropped = self.shape.adapter_inputs * (self.width + 1) if self.dropout else 0
        return self.shape.wrapped * self.rank * self.width + dropped


def machine_bytes(wanted: Wanted = "auto") -> tuple[str, int]:
    """Name of the device that trains, and its whole memory: a GPU's, else this machine's within its cgroup limit.

    The whole and not the free memory: the answer is part of a store key and may not change from minute to minute.
    """
    found = device(wanted)
    return found.name, found.memory


def held_bytes() -> tuple[int, int]:
    """What this process holds in memory now, libraries included, and the most that it ever held: as measured by the
    system. Where only the most is told, that stands for both.
    """
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    pages = Path("/proc/self/statm")
    now = int(pages.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") if pages.is_file() else most
    return now, max(now, most)
