"""The most bought goods for everybody."""

from __future__ import annotations

from collections.abc import Sequence

from fittingroom.evaluating.setting import Ordered, Setting
from fittingroom.statistics.ranking import DEPTH
from fittingroom.tasks.questions import Question
from fittingroom.tasks.shelf import Shelf, Way


def lists(questions: Sequence[Question], shelf: Shelf, setting: Setting) -> Ordered:
    """Without those that a customer has, where goods are not bought again."""
    return by(questions, shelf, setting, "popularity")


def by(questions: Sequence[Question], shelf: Shelf, setting: Setting, way: Way) -> Ordered:
    """One way of the shelf: over all its goods, or over the titles of a question that has its own."""
    wide = shelf.knowing(title for question in questions for title in question.candidates or ())
    return Ordered(
        [
            wide.among(way, question.given, question.candidates)
            if question.candidates
            else shelf.ranked(way, question.given, setting.task, most=DEPTH)
            for question in questions
        ]
    )
