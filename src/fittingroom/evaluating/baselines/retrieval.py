"""The answer of the training row whose input is most alike: what a search in old answers would say."""

from __future__ import annotations

from collections.abc import Mapping

from fittingroom.errors import UserError
from fittingroom.evaluating.setting import Setting, Spoken
from fittingroom.statistics.generation.tokens import grams, tokens
from fittingroom.statistics.judging import Exam
from fittingroom.tasks import reply
from fittingroom.tasks.config import TaskConfig

_AT_ONCE = 256
"""Rows of the exam compared at a time with all training rows."""


def answers(exam: Exam, setting: Setting, train: Exam) -> Spoken:
    """Places in the exam, and what is said there. TF-IDF of words and pairs of words (Chinese by character), cosine; of
    equally near rows the smallest id, and where nothing is shared that of all.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    if not len(train):
        raise UserError("train has no answers", "训练集里没有答案", place="train")
    vectors = TfidfVectorizer(analyzer=_features, sublinear_tf=True)
    known = vectors.fit_transform([_asked(given, setting.task) for given in train.inputs])
    asked = vectors.transform([_asked(given, setting.task) for given in exam.inputs])
    said: list[str] = []
    for start in range(0, len(exam), _AT_ONCE):
        nearest = (asked[start : start + _AT_ONCE] @ known.T).toarray().round(9).argmax(axis=1)
        said += [train.targets[row] for row in nearest.tolist()]
    return Spoken(list(range(len(exam))), said)


def _asked(given: Mapping[str, str], task: TaskConfig) -> str:
    """The question with what the customer said before; of a copy, all that is given."""
    if task.kind == "reply":
        return "\n".join(reply.said_by_customer(given, task))
    return "\n".join(given.values())


def _features(text: str) -> list[str]:
    words = tokens(text) or ["\x00"]  # a text without a word must not stop the others
    return [*words, *(" ".join(pair) for pair in grams(words, 2))]
