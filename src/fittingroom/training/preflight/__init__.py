"""Preflight: what is measured before any paid minute, on the very tokens and weights that training would use.

Every check is a name with the numbers it measured; the pitfalls of `configure` judge them. A check that cannot be made
(a model without a chat template has nothing to compare with) is left out: unmeasured is not wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from fittingroom.training.config import TrainConfig
from fittingroom.training.passes import Layout
from fittingroom.training.rows import Encoded

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedTokenizerFast

    from fittingroom.models.render import Message, Renderer

Measured = dict[str, dict[str, float]]
"""Name of the check -> what it measured."""
Examples = dict[str, list[str]]
"""Name of the check -> ids of the rows, or the labels, that it means; a few of each."""


class Subject(NamedTuple):
    """What is looked at."""

    folder: Path
    """Of the base model."""
    tokenizer: PreTrainedTokenizerFast
    renderer: Renderer
    messages: Sequence[Sequence[Message]]
    """Prompts of some training rows, as the task makes them."""
    answers: Sequence[str]
    """Every answer that the task knows."""
    rows: Encoded
    """The rendered training rows."""
    model: Any
    """The base model as it was loaded; a check that changes it puts it back."""
    layout: Layout
    train: TrainConfig
    seed: int
    experts: Mapping[str, list[int]] = MappingProxyType({})
    """Which experts would learn, with the method of that name."""
    sharing: int = 1
    """Processes that share the memory of the device."""


def preflight(subject: Subject) -> tuple[Measured, Examples]:
    """All checks, and what they mean by name."""
    from fittingroom.training.preflight import mechanics, tokens

    found, examples = tokens.looked_at(subject)
    return {**found, **mechanics.measured(subject)}, examples
