"""The section `task.reply` of a recipe."""

from __future__ import annotations

from fittingroom.types import Frozen


class ReplyConfig(Frozen):
    """Settings of a task of the kind `reply`."""
