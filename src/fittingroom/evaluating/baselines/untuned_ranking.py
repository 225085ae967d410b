"""The base model before tuning, with the same candidates, the same prompts and the same way of scoring."""

from __future__ import annotations

from collections.abc import Sequence

from fittingroom.evaluating.setting import Ordered, Setting
from fittingroom.tasks.questions import Question
from fittingroom.tasks.shelf import Shelf


def lists(questions: Sequence[Question], shelf: Shelf, setting: Setting) -> Ordered:
    """On a sample of `untuned_rows` questions; None for the others."""
    places = setting.sample([question.id for question in questions])
    chosen = [questions[place] for place in places]
    ranker = setting.predictor("base").ranker
    ranked = ranker.rank(
        [question.given for question in chosen],
        [ranker.candidates(question) for question in chosen],
        lambda done, total: setting.context.progress("untuned", done, total),
    )
    found: list[list[str] | None] = [None] * len(questions)
    for place, pairs in zip(places, ranked, strict=True):
        found[place] = [title for title, _ in pairs]
    return Ordered(found)
