"""The base model before tuning, through the same prompts and scoring."""

from __future__ import annotations

from fittingroom.errors import ModelError
from fittingroom.evaluating.setting import Setting, in_batches
from fittingroom.statistics.judging import Answers, Exam, Judge, indices


def answers(judge: Judge, setting: Setting, train: Exam) -> Answers:
    """On a sample of `untuned_rows` rows."""
    import numpy as np

    places = setting.sample(judge.exam.ids)
    base = setting.predictor("base")
    inputs = [judge.exam.inputs[place] for place in places]
    probabilities = in_batches(base.score, inputs, "untuned", setting.context)
    if not np.isfinite(probabilities).all():
        raise ModelError("the untuned model gave values that are not numbers", "未微调模型给出的值不是数字")
    said = [base.labels[index] for index in probabilities.argmax(axis=1).tolist()]
    return Answers(np.asarray(places, dtype=np.int64), indices(said, judge.labels))
