"""How much memory training needs, before it is tried.

Formula (bytes): full fine-tuning in fp32 with Adam 16 P (weights, gradient, two moments); LoRA w P + 12 P_lora,
where w is the size of a stored weight; plus 32 L t h for activations (L layers, t tokens in a pass, width h) and 8 a V
for logits at the `a` answer positions among them. An estimate, good to about a factor 1.5; its use is to say no before
hours of work are lost.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fittingroom.models.device import Wanted, device

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Shape:
    """The numbers of a model that memory depends on."""

    parameters: int
    trainable: int
    layers: int
    hidden: int
    vocabulary: int
    bytes_per_weight: int

    @classmethod
    def of(cls, model: PreTrainedModel, trainable: int | None = None) -> Shape:
        """Read from a loaded model."""
        parameters = sum(parameter.numel() for parameter in model.parameters())
        config = model.config
        return cls(
            parameters=parameters,
            trainable=parameters if trainable is None else trainable,
            layers=int(config.num_hidden_layers),
            hidden=int(config.hidden_size),
            vocabulary=int(config.vocab_size),
            bytes_per_weight=next(model.parameters()).element_size(),
        )


def training_bytes(shape: Shape, *, tokens: int, answers: int, checkpointed: bool = False) -> int:
    """Bytes for one process whose passes hold `tokens` tokens, `answers` of them with a loss; `checkpointed`: only the
    input of each layer is kept, and one layer at a time is computed again.
    """
    state = shape.parameters * shape.bytes_per_weight + shape.trainable * 12
    kept = shape.layers + 16 if checkpointed else 16 * shape.layers
    activations = 2 * kept * tokens * shape.hidden
    logits = 8 * answers * shape.vocabulary
    return state + activations + logits


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
