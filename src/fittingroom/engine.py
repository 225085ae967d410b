"""Where work runs, and what a stage is told about its surroundings.

This process, or a Ray cluster: the same functions go to either, because a stage sees nothing but its inputs, its
configuration and this `Context`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, model_validator

from fittingroom.errors import RecipeError
from fittingroom.types import Frozen, Text

_NAME = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")

T = TypeVar("T")

Spread = Callable[[Callable[..., Any], Iterable[tuple[Any, ...]]], Iterator[Any]]
"""(function, arguments of each call) -> results in the same order."""

ProgressSink = Callable[[str, float, float], None]
"""(what, done, total): how far the work inside a stage is."""


@dataclass(frozen=True)
class Note:
    """What a stage tells while it works, besides how far it is."""

    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)
    """JSON values."""
    text: Text | None = None
    """A sentence for people, where there is something to say."""
    kept: bool = True
    """Whether it is written to the run's journal; what changes with every step is only shown."""


NoteSink = Callable[[Note], None]


class EngineConfig(Frozen):
    """Where the work of a run is done."""

    kind: Literal["local", "ray", "torchrun"] = "local"
    """`local`: this machine; `ray`: pure work on batches (cleaning, redaction, match keys, sketches) and, with
    `processes` above 1, training are done on a Ray cluster, everything else here; `torchrun`: the same as `local`, but
    the processes that train are started by hand, on any number of machines: the run says the command and waits. The
    result is the same."""
    address: str = ""
    """Address of a running Ray cluster (`auto`, `host:6379`, `ray://host:10001`); empty: one of this machine alone."""
    processes: int = Field(default=1, ge=1, le=4096)
    """Processes that train one model together, one per GPU (on a processor they share its cores). Each takes a share of
    the rows of every optimiser step: loss and gradients are those of one process."""
    sharding: Literal["none", "auto", "full", "tensor"] = "auto"
    """`full`: every process holds a part of each weight, its gradient and its moments (FSDP2); `none`: each holds all
    of them; `auto`: `full` where memory would not hold the whole; `tensor`: each computes all rows with a piece of
    every layer's matrices (transformers' tensor-parallel plans; method full, fast wires)."""
    max_failures: int = Field(default=3, ge=0, le=1000)
    """How often training is started again, from its last checkpoint, after one of its processes or machines died."""

    @model_validator(mode="after")
    def _more_than_one(self) -> EngineConfig:
        if self.kind == "torchrun" and self.processes == 1:
            raise ValueError("kind torchrun is for several processes: set engine.processes")
        if self.sharding in ("full", "tensor") and self.processes == 1:
            raise ValueError(f"sharding {self.sharding} is for several processes: set engine.processes")
        return self

    def spread(self, threads: int) -> Spread:
        """Where this section wants batches to be worked on."""
        return in_this_process if self.kind != "ray" else _cluster(expanded(self.address), threads)


def expanded(text: str) -> str:
    """`${NAME}` replaced from the environment. Raises RecipeError for one that is not set."""

    def value(found: re.Match[str]) -> str:
        name = found.group(1)
        if name not in os.environ:
            raise RecipeError(
                f"the environment variable {name} is not set; set it before the run",
                f"环境变量 {name} 未设置；请在运行前设置",
                place="${" + name + "}",
            )
        return os.environ[name]

    return _NAME.sub(value, text)


def silent(what: str, done: float, total: float) -> None:
    """A progress sink that shows nothing; for tests and library use."""


def unheard(note: Note) -> None:
    """A sink of notes that keeps none; for tests and library use."""


def in_this_process(function: Callable[..., T], arguments: Iterable[tuple[Any, ...]]) -> Iterator[T]:
    """One after the other, here."""
    return (function(*one) for one in arguments)


def _nothing() -> None:
    """Work that shows that there is somebody to do it."""


@cache
def _cluster(address: str, threads: int) -> Spread:
    """One connection for all stages of a process."""
    from fittingroom.cluster import Cluster

    return Cluster(address, threads)


@dataclass(frozen=True)
class Context:
    """What a stage may know beside its inputs and its configuration."""

    root: Path
    """The workspace; relative paths of the recipe start here."""
    scratch: Path
    """A folder of this action alone. It survives a kill (checkpoints live here) and goes once the result is kept."""
    secret: bytes
    """Key of pseudonyms and row ids; comes from the environment, is never stored."""
    progress: ProgressSink = silent
    note: NoteSink = unheard
    threads: int = field(default_factory=lambda: cpu_threads())
    spread: Spread = in_this_process
    """Where pure work on batches is done."""
    engine: EngineConfig = field(default_factory=EngineConfig)
    """Where training is done."""

    def connect(self) -> None:
        """Reach for where work is done, when that is elsewhere, before anybody watches what is reached for."""
        if self.spread is not in_this_process:
            list(self.spread(_nothing, [()]))

    def map(self, function: Callable[..., T], arguments: Iterable[tuple[Any, ...]]) -> Iterator[T]:
        """`function(*one)` for each of `arguments`, in their order; they are taken up as results are asked for.

        `function` must be pure and importable by name, since it may run in another process or on another machine.
        """
        return self.spread(function, arguments)

    def path(self, relative: str) -> Path:
        """A path of the recipe, made absolute."""
        path = Path(expanded(relative)).expanduser()
        return path if path.is_absolute() else self.root / path


def cpu_threads() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
