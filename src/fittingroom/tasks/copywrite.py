"""Copywrite: title, description or promotion of an article, from its attributes and for an audience."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fittingroom.statistics.generation.attributes import attributes, coverage, faithfulness
from fittingroom.statistics.generation.habits import unrepeated
from fittingroom.statistics.generation.lawful import lawful
from fittingroom.statistics.generation.tokens import tokens
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.copywrite_config import CopywriteConfig
from fittingroom.tasks.job import Job, Unlabelled
from fittingroom.tasks.rows import inputs_of, targets

if TYPE_CHECKING:
    import pyarrow as pa

NO_ATTRIBUTES, BLANK, FORBIDDEN = "no attributes", "blank answer", "forbidden words"


def settings(task: TaskConfig) -> CopywriteConfig:
    """The section `task.copywrite`, or its defaults."""
    return task.copywrite or CopywriteConfig()


def attributes_of(given: Mapping[str, str], task: TaskConfig) -> list[tuple[str, str]]:
    """(name, value) of the attributes of one article."""
    config = settings(task)
    names = config.attributes or [name for name in task.input if name != config.audience]
    return attributes({name: given.get(name, "") for name in names})


def quality(copy: str, given: Mapping[str, str], task: TaskConfig, known: Sequence[str]) -> float:
    """How good a draft is without a reference, in [0, 1]: a forbidden word rules it out; else the mean of attribute
    coverage, faithfulness to them (`known`: values of other articles) and freedom from repetition.
    """
    config = settings(task)
    if not tokens(copy) or not lawful(copy, config.forbidden, config.allowed):
        return 0.0
    own = attributes_of(given, task)
    return (coverage(copy, own) + faithfulness(copy, own, known) + unrepeated(copy)) / 3


def why_not(given: Mapping[str, str], target: str | None, task: TaskConfig) -> str:
    """Why a row must not be learnt from; "" for a good one."""
    config = settings(task)
    if not tokens(target or ""):
        return BLANK
    if not attributes_of(given, task):
        return NO_ATTRIBUTES
    return "" if lawful(target or "", config.forbidden, config.allowed) else FORBIDDEN


class _Copywrite(Unlabelled):
    """The job; see `Job` for what each part says."""

    kind = "copywrite"
    metrics = (
        "coverage",
        "faithfulness",
        "lawful",
        "rouge_l",
        "bleu",
        "chrf",
        "distinct_2",
        "own_words",
        "length_fits",
        "unrepeated",
    )

    def messages(self, given: Mapping[str, str], task: TaskConfig, labels: Sequence[str]) -> list[dict[str, str]]:
        """The instruction in the system turn, the fields in the user's: one alone, several by name, one a line."""
        asked = [{"role": "system", "content": task.instruction}] if task.instruction else []
        if len(task.input) == 1:
            text = given.get(task.input[0], "").strip()
        else:
            text = "\n".join(f"{name}: {given[name].strip()}" for name in task.input if given.get(name, "").strip())
        return [*asked, {"role": "user", "content": text}]

    def answer(self, target: str, task: TaskConfig, labels: Sequence[str]) -> str:
        return target.strip()

    def learnable(self, table: pa.Table, task: TaskConfig) -> list[str]:
        rows = zip(inputs_of(table), targets(table, task), strict=True)
        return [why_not(given, target, task) for given, target in rows]


JOB: Job = _Copywrite()
