"""What a predictor answers, and what the application needs of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from fittingroom.serving.generation import Sampling, Stream
from fittingroom.serving.inputs import RawInput
from fittingroom.serving.ranking import Ranked, RawQuestion
from fittingroom.serving.writing import Written
from fittingroom.types import Frozen


class Prediction(Frozen):
    """An answer to one message."""

    label: str
    probabilities: dict[str, float]
    """Calibrated, over all labels; they sum to 1."""
    confidence: float
    """Probability of the likeliest label."""
    input: dict[str, str]
    """What the model was given: cleaned and redacted."""
    edits: dict[str, int]
    """What cleaning and redaction did: rule and count."""
    abstained: bool = False
    """Whether the model is not sure enough for the precision that the task wants; `label` is then the task's "none of
    these", where that is not learnt, else the likeliest one all the same."""
    truncated: int = 0
    """Tokens of the message that were cut off to fit the length of training."""


class Chat(NamedTuple):
    """An answer under way, and what it answers."""

    stream: Stream
    input: dict[str, str]
    """The last message of the user, cleaned and redacted."""


class Answers(Protocol):
    """What the application needs of a predictor."""

    @property
    def labels(self) -> list[str]: ...

    @property
    def marks(self) -> bool: ...

    def classify(self, raw_inputs: Sequence[RawInput]) -> list[Prediction]: ...

    def rank(
        self, raw: RawQuestion, candidates: Sequence[str] | None = None, *, most: int = 10, personal: bool = True
    ) -> Ranked: ...
    def write(self, raw_inputs: Sequence[RawInput]) -> list[Written]: ...

    def start_chat(self, messages: Sequence[Mapping[str, str]], sampling: Sampling) -> Chat: ...
