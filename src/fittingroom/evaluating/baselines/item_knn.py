"""Item-item nearest neighbours of what the customer has."""

from __future__ import annotations

from collections.abc import Sequence

from fittingroom.errors import UserError
from fittingroom.evaluating.baselines.popularity import by
from fittingroom.evaluating.setting import Ordered, Setting
from fittingroom.tasks.questions import Question
from fittingroom.tasks.recommend import HISTORY
from fittingroom.tasks.shelf import Shelf


def lists(questions: Sequence[Question], shelf: Shelf, setting: Setting) -> Ordered:
    """Raises UserError where no question tells what was bought before."""
    if not any(question.given.get(HISTORY) for question in questions):
        raise UserError(
            "neighbours of what a customer has need the field `history`, and no row has one",
            "近邻推荐需要字段 `history`，但没有任何一行带有购买历史",
            place="evaluate.baselines",
        )
    return by(questions, shelf, setting, "item_knn")
