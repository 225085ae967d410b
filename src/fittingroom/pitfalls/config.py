"""The section `pitfalls` of a recipe: which checks are left out, and whose limits are moved."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from fittingroom.types import Frozen


class PitfallsConfig(Frozen):
    """Every pitfall is watched for unless it is named here; the report lists what was switched off."""

    disable: list[str] = Field(default_factory=list)
    """Ids of pitfalls that are not looked for."""
    settings: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Id -> settings that differ from the pitfall's own."""
