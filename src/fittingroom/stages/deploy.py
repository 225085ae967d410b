"""Deploy: give a bundle its version number and move the alias.

Nothing is computed here, so nothing is recalled from the store: a deployment is an act. It is safe to do twice; a run
that was killed between the two steps and resumed ends with the same version and the same alias.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, field_validator

from fittingroom.serving.registry import (
    CHAMPION,
    PREVIOUS,
    Alias,
    Move,
    alias_target,
    aliases,
    move_alias,
    register,
    release_of,
    releases,
    rollback,
)
from fittingroom.types import Frozen, Release

__all__ = [
    "CHAMPION",
    "PREVIOUS",
    "Alias",
    "DeployConfig",
    "Move",
    "alias_target",
    "aliases",
    "deploy",
    "move_alias",
    "register",
    "release_of",
    "releases",
    "rollback",
]

VERSION = 1
LIBRARIES: tuple[str, ...] = ()


class DeployConfig(Frozen):
    """The section `deploy` of a recipe."""

    alias: str = Field(default=CHAMPION, pattern=r"^[a-z][a-z0-9._-]{0,62}$")
    """Which alias points at the release when the gate passes; `champion` is what is served."""

    @field_validator("alias")
    @classmethod
    def _not_reserved(cls, value: str) -> str:
        if value == PREVIOUS:
            raise ValueError("`previous` follows from the moves of `champion` and cannot be moved itself")
        return value


def deploy(
    root: Path, *, deploy: DeployConfig, bundle: str, run: str, name: str, base: str, metrics: Mapping[str, float]
) -> Release:
    """Register the bundle (by its digest in the store) and move the alias to the release.

    `metrics` are the scores of the last judged part, such as `test.macro_f1`. Raises StoreError when the registry is
    damaged; then nothing has moved.
    """
    release = register(root, bundle=bundle, run=run, name=name, base=base, metrics=metrics)
    return move_alias(root, deploy.alias, release.version)
