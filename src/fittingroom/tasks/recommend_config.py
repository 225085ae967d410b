"""The section `task.recommend` of a recipe."""

from __future__ import annotations

from fittingroom.types import Frozen


class RecommendConfig(Frozen):
    """Settings of a task of the kind `recommend`."""
