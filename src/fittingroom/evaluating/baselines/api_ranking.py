"""A hosted model that orders the goods that our model ranks: what holds no usable number is unscored, never wrong.

It reads the goods in an order drawn by the seed for each question, so that the place of a title tells nothing of how
the shelf ranks it.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from fittingroom.errors import UserError
from fittingroom.evaluating.setting import Ordered, Setting, lot
from fittingroom.models.ordering import ToOrder, asking, order_all
from fittingroom.serving.bundle import SHELF
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.questions import Question
from fittingroom.tasks.recommend import JOB
from fittingroom.tasks.shelf import Shelf


def lists(questions: Sequence[Question], shelf: Shelf, setting: Setting) -> Ordered:
    """On a sample of `evaluate.api.max_rows` questions, with what the bundle's shelf proposes; None for the others, and
    for those without an order. Raises RecipeError for an endpoint that is not on the list, UserError when it cannot be
    asked, or gives no order at all.
    """
    config, endpoint = setting.hosted()
    places = setting.sample([question.id for question in questions], config.max_rows)
    proposing = Shelf.load(setting.bundle.folder.path / SHELF)
    asked = [posed(questions[place], proposing, setting.task, setting.seed) for place in places]
    found = order_all(asked, asking(config.endpoint, endpoint), setting.context)
    unscored = found.orders.count(None)
    if unscored == len(asked):
        told = ", ".join(f"{why} {count}" for why, count in found.faults.items())
        raise UserError(
            f"none of {len(asked)} answers is an order of the goods ({told})",
            f"{len(asked)} 个回答中没有一个是可用的商品次序（{told}）",
            place="evaluate.api",
        )
    ranked: list[list[str] | None] = [None] * len(questions)
    for place, order in zip(places, found.orders, strict=True):
        ranked[place] = order
    return Ordered(ranked, found.facts() | {"unscored": unscored, "median_seconds": round(median(found.seconds), 3)})


def posed(question: Question, shelf: Shelf, task: TaskConfig, seed: int) -> ToOrder:
    """A question as the endpoint is asked: what the model's prompt tells of the customer, without a grade, and the
    goods that the model ranks.
    """
    proposed = question.candidates or shelf.candidates(question.given, task)
    shown = sorted(proposed, key=lambda title: lot(f"{question.id} {title}", seed))
    return ToOrder(question.id, question.unit, JOB.messages(question.given, task, []), proposed, shown)
