"""Titles that share the rarest words with what is known."""

from __future__ import annotations

from collections.abc import Sequence

from fittingroom.evaluating.baselines.popularity import by
from fittingroom.evaluating.setting import Ordered, Setting
from fittingroom.tasks.questions import Question
from fittingroom.tasks.shelf import Shelf


def lists(questions: Sequence[Question], shelf: Shelf, setting: Setting) -> Ordered:
    """Where no word is shared, the more popular goods come first."""
    return by(questions, shelf, setting, "bm25")
