"""Reads a Dockerfile, so that its steps can be tested where no engine builds it."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

_KNOWN = {
    "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "RUN", "USER", "VOLUME", "WORKDIR"
}  # fmt: skip


@dataclass
class Stage:
    """A stage: what it starts from, and its instructions in order, arguments of the build put in."""

    name: str
    base: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def all(self, word: str) -> list[str]:
        """What follows each instruction of one kind."""
        return [rest for kind, rest in self.steps if kind == word]


@dataclass
class Dockerfile:
    """The stages by name."""

    stages: dict[str, Stage]

    @classmethod
    def read(cls, path: Path) -> Dockerfile:
        """Parse; an instruction that is not known is an AssertionError that names it."""
        lines = [line for line in path.read_text("utf-8").splitlines() if not line.lstrip().startswith("#")]
        text = re.sub(r"\\\n", " ", "\n".join(lines))
        stages: dict[str, Stage] = {}
        now: Stage | None = None
        known: dict[str, str] = {}
        for line in filter(None, map(str.strip, text.split("\n"))):
            word, rest = line.split(None, 1)
            assert word in _KNOWN, f"not an instruction that these tests know: {line}"
            if word == "ARG":
                name, _, value = rest.partition("=")
                known[name] = value
            if word in ("FROM", "ENV"):
                rest = re.sub(r"\$\{(\w+)\}", lambda found: known[found[1]], rest)
            if word == "FROM":
                base, _, name = rest.partition(" AS ")
                now = stages[name] = Stage(name, base)
            elif now is not None:
                now.steps.append((word, rest))
        return cls(stages)

    @property
    def default(self) -> Stage:
        """What is built when no target is named: the last."""
        return list(self.stages.values())[-1]

    def line(self, name: str) -> list[Stage]:
        """A stage and what it comes from, the outermost first."""
        stage = self.stages[name]
        return [*(self.line(stage.base) if stage.base in self.stages else []), stage]

    def last(self, name: str, word: str) -> str:
        """The instruction of one kind that holds in a stage: its own last one, or that of what it comes from."""
        said = [rest for stage in self.line(name) for rest in stage.all(word)]
        assert said, f"{name} has no {word}"
        return said[-1]

    def command(self, name: str, word: str) -> list[str]:
        """ENTRYPOINT, CMD or the command of HEALTHCHECK, which must be in the form of a list (no shell)."""
        found: list[str] = json.loads(re.sub(r"^--.*?CMD ", "", self.last(name, word)))
        return found

    def environment(self, name: str) -> dict[str, str]:
        """The variables that are set in a stage."""
        pairs = [pair for stage in self.line(name) for rest in stage.all("ENV") for pair in shlex.split(rest)]
        return dict(pair.split("=", 1) for pair in pairs)


def entering(patterns: list[str], path: str) -> bool:
    """Whether `.dockerignore` lets a path into the build: the last line that matches decides."""
    inside = True
    for line in patterns:
        pattern = line.removeprefix("!")
        if pattern == "*" or re.match(_expression(pattern), path):
            inside = line.startswith("!")
    return inside


def _expression(pattern: str) -> str:
    """A pattern also covers what lies below it; `**/` is any number of folders."""
    return re.escape(pattern).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*") + "(/|$)"
