"""What a pitfall is: its finding, its remedy, its page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import Field

from fittingroom.types.plain import Frozen, Text


class Severity(StrEnum):
    """BLOCK ends an attempt before training; WARN is a candidate cause; INFO is only told."""

    BLOCK = "block"
    WARN = "warn"
    INFO = "info"


class Safety(StrEnum):
    """AUTOMATIC is applied in the loop, ASK waits for a person, ADVICE is only told."""

    AUTOMATIC = "automatic"
    ASK = "ask"
    ADVICE = "advice"


class Finding(Frozen):
    """A pitfall was met: what was measured, against which limit, with examples (row ids, never texts)."""

    pitfall: str = ""
    """Id of the pitfall; filled in by the runner."""
    stage: str = ""
    """The stage after which it was found; filled in by the runner."""
    severity: Severity
    summary: Text
    measured: dict[str, float] = Field(default_factory=dict)
    limits: dict[str, float] = Field(default_factory=dict)
    examples: tuple[str, ...] = ()
    strength: float = 1.0
    """How far beyond the limit, in multiples of it; ranks findings of one kind."""
    proven: bool = False
    """Whether another training, changed in this one thing, did better: a proven cause goes before suspected ones."""


class Expected(Frozen):
    """What a change should do to a score, as a number: said before the attempt, compared after it."""

    change: float
    """By how much the metric rises at least (falls, when negative)."""
    metric: str = ""
    """A metric of the dev part; empty: the score that training watches (see `diagnose.in_its_unit`)."""


class Came(Frozen):
    """What a change did to the score it was made for."""

    metric: str
    """As in `Attempt.metrics`, such as `dev.macro_f1`."""
    before: float
    """Of the attempt that was changed."""
    after: float
    met: bool
    """Whether it came as expected, or better."""

    @property
    def change(self) -> float:
        """After minus before."""
        return self.after - self.before


class Remedy(Frozen):
    """A bounded change of the configuration: dotted path -> new value."""

    title: Text
    safety: Safety
    patch: dict[str, Any] = Field(default_factory=dict)
    expectation: Text | None = None
    """What else is expected of it, in words."""
    expected: Expected | None = None
    """What is expected of the score, as a number."""


class Page(Frozen):
    """A pitfall's page in the catalogue, by section, in one language."""

    title: str
    what_goes_wrong: str
    why_it_hurts: str
    how_it_is_detected: str
    what_the_remedy_does: str
    not_detected: str
    source: str


Detect = Callable[..., Iterator[Finding]]
"""detect(output_of_the_stage, settings) -> findings; it never sees a configured value."""


Cure = Callable[[Finding, Mapping[str, Any]], Remedy | None]
"""remedy(finding, used): `used` is the configuration as nested mappings, every `auto` replaced by the value used."""


@dataclass(frozen=True)
class Pitfall:
    """One pit: where to look, how to see it, what to do. `rank` orders causes: a smaller one is nearer to the root."""

    id: str
    after: str
    settings: Frozen
    detect: Detect
    remedy: Cure
    zh: Page
    """The page in Chinese; the English page is the module's docstring."""
    rank: int = 50
    guards: bool = False
    """Whether nothing may be trained unless this detector has looked: when it raises, the attempt is blocked."""
    moves: tuple[str, ...] = ("score",)
    """Which conditions of the gate its remedy can move: score, forgetting, latency."""
