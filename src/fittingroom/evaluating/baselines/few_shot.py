"""The base model before tuning, shown some examples of each class from train in its prompt.

What prompting alone reaches: when it is as much, nothing need be tuned. The examples stand as earlier turns of the
conversation, the same for every row, so that they are computed once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fittingroom.errors import ModelError, UserError
from fittingroom.evaluating.setting import Setting, in_batches, lot
from fittingroom.statistics.judging import Answers, Exam, Judge, indices
from fittingroom.tasks.jobs import job_of

if TYPE_CHECKING:
    from fittingroom.serving.predictor import Predictor

Turns = list[dict[str, str]]


def answers(judge: Judge, setting: Setting, train: Exam) -> Answers:
    """On a sample of `untuned_rows` rows. Raises UserError when not one example fits."""
    import numpy as np

    places = setting.sample(judge.exam.ids)
    inputs = [judge.exam.inputs[place] for place in places]
    base = setting.predictor("base")
    drawn = _drawn(train, setting)
    shown = _fitting(base, drawn, inputs, train, setting)
    before = [turn for turns in shown for turn in turns]
    probabilities = in_batches(lambda some: base.score(some, before=before), inputs, "few_shot", setting.context)
    if not np.isfinite(probabilities).all():
        raise ModelError("the untuned model gave values that are not numbers", "未微调模型给出的值不是数字")
    said = [base.labels[index] for index in probabilities.argmax(axis=1).tolist()]
    told = {"examples": len(shown), "wanted": len(drawn), "classes": len(set(train.targets))}
    return Answers(np.asarray(places, dtype=np.int64), indices(said, judge.labels), facts=told)


def _drawn(train: Exam, setting: Setting) -> list[int]:
    """Places of train rows: one of each class in turn, so that whatever is left out, the classes stay even."""
    by_class: dict[str, list[int]] = {}
    for place in sorted(range(len(train)), key=lambda place: lot(train.ids[place], setting.seed)):
        by_class.setdefault(train.targets[place], []).append(place)
    rounds = range(setting.config.few_shot.examples)
    return [by_class[label][turn] for turn in rounds for label in sorted(by_class) if turn < len(by_class[label])]


def _fitting(
    base: Predictor, drawn: list[int], inputs: list[dict[str, str]], train: Exam, setting: Setting
) -> list[Turns]:
    """The examples that the model can read in front of the longest question; one that is too long is passed over."""
    task, job = setting.task, job_of(setting.task)
    room = base.reads - max(len(base.prompt_ids(given)[0]) for given in inputs)
    bare = len(base.renderer.prompt_ids([{"role": "user", "content": ""}]))
    shown: list[Turns] = []
    for place in drawn:
        given = train.inputs[place]
        choices = base.shown(given)
        said = job.answer(train.targets[place], task, choices)
        question = [turn for turn in job.messages(given, task, choices) if turn["role"] != "system"]
        turns = [*question, {"role": "assistant", "content": said}]
        needs = len(base.renderer.prompt_ids([*turns, {"role": "user", "content": ""}])) - bare
        if needs <= room:
            shown.append(turns)
            room -= needs
    if not shown:
        raise UserError(
            f"the base model reads {base.reads} tokens, which leaves no room for a single example",
            f"基座模型最多读取 {base.reads} 个 token，放不下一个示例",
            place="evaluate.few_shot",
        )
    return shown
