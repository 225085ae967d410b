"""What every kind of task must be able to say of itself; one value `JOB` of it stands in each `tasks/<kind>.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from fittingroom.tasks.config import TaskConfig
from fittingroom.types import Splits

if TYPE_CHECKING:
    import pyarrow as pa


class Job(Protocol):
    """A job of the shop: what a row needs, how it is asked, what must be answered, what may be judged."""

    @property
    def kind(self) -> str:
        """As `task.kind` says it."""
        ...

    @property
    def closed(self) -> bool:
        """Whether answers come from a closed set of labels; else they are free text."""
        ...

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the scores that the gate may judge, all within [0, 1] and better when higher; the first is the
        default.
        """
        ...

    def labels(self, splits: Splits, task: TaskConfig) -> list[str]:
        """The closed set that the model is taught, in the order of every score's columns; [] where answers are free.

        Raises UserError where the rows or the recipe do not make one.
        """
        ...

    def choices(self, given: Mapping[str, str], task: TaskConfig, labels: Sequence[str], row: str = "") -> list[str]:
        """The labels that stand open to one input, in the order in which they are shown to it.

        `row`: the id of a row that is learnt from; without one, as served. This, not the whole set, is what `messages`
        and `answer` get as their `labels`. [] where answers are free.
        """
        ...

    def messages(self, given: Mapping[str, str], task: TaskConfig, labels: Sequence[str]) -> list[dict[str, str]]:
        """The conversation that asks for the answer to one input: turns of `role` and `content`, the user's last."""
        ...

    def answer(self, target: str, task: TaskConfig, labels: Sequence[str]) -> str:
        """What the model must say for this target."""
        ...

    def answers(self, task: TaskConfig, labels: Sequence[str]) -> list[str]:
        """Everything that the model may say, each once, over all inputs; [] where answers are free."""
        ...

    def learnable(self, table: pa.Table, task: TaskConfig) -> list[str]:
        """For every row "" or the reason for which it must not be learnt from; `label` drops it with that reason."""
        ...


class Unlabelled:
    """What every job says whose answers come from no closed set."""

    closed = False

    def labels(self, splits: Splits, task: TaskConfig) -> list[str]:
        """None."""
        return []

    def choices(self, given: Mapping[str, str], task: TaskConfig, labels: Sequence[str], row: str = "") -> list[str]:
        """None."""
        return []

    def answers(self, task: TaskConfig, labels: Sequence[str]) -> list[str]:
        """None that could be told beforehand."""
        return []
