"""Several questions asked of one text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fittingroom.errors import UserError
from fittingroom.tasks.config import QUESTION

if TYPE_CHECKING:
    from fittingroom.serving.answers import Prediction
    from fittingroom.serving.predictor import Predictor


def ask_each(predictor: Predictor, given: Mapping[str, str]) -> dict[str, Prediction]:
    """Question -> answer, to one text as users send it (without the field `question`). One pass: the text stands before
    the question, so that it is computed once. Raises UserError where the task has no questions.
    """
    names = list(predictor.info.task.questions)
    if not names:
        raise UserError(
            "the task of this model asks no several questions: classify the message",
            "该模型的任务没有多个问题：请直接分类",
            place="input",
        )
    asked = [{**given, QUESTION: name} for name in names]
    return dict(zip(names, predictor.classify(asked), strict=True))
