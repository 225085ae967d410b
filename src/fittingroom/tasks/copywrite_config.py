"""The section `task.copywrite` of a recipe."""

from __future__ import annotations

from fittingroom.types import Frozen


class CopywriteConfig(Frozen):
    """Settings of a task of the kind `copywrite`."""
