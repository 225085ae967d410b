"""A hosted model, asked for a label of the set in JSON: what it does not answer so is unscored, never wrong."""

from __future__ import annotations

from statistics import median

from fittingroom.errors import UserError
from fittingroom.evaluating.setting import Setting
from fittingroom.models.labelling import ToLabel, asking, label_all
from fittingroom.statistics.judging import Answers, Exam, Judge, indices
from fittingroom.tasks.jobs import job_of
from fittingroom.tasks.labeller import conversation_of


def answers(judge: Judge, setting: Setting, train: Exam) -> Answers:
    """On a sample of `evaluate.api.max_rows` rows. Raises UserError when it cannot be asked, or says nothing usable."""
    import numpy as np

    config, endpoint = setting.hosted()
    exam, task = judge.exam, setting.task
    places, job = setting.sample(exam.ids, config.max_rows), job_of(task)
    asked = [
        ToLabel(
            exam.ids[place],
            exam.units[place],
            conversation_of(exam.inputs[place], task),
            job.choices(exam.inputs[place], task, judge.labels),
        )
        for place in places
    ]
    found = label_all(asked, asking(config.endpoint, endpoint, "baseline"), setting.context)
    scored = [(place, label) for place, label in zip(places, found.labels, strict=True) if label is not None]
    if not scored:
        told = ", ".join(f"{why} {count}" for why, count in found.faults.items())
        raise UserError(
            f"none of {len(asked)} answers is a label of the set ({told})",
            f"{len(asked)} 个回答中没有一个是可用的标签（{told}）",
            place="evaluate.api",
        )
    facts = found.facts() | {"unscored": len(asked) - len(scored), "median_seconds": round(median(found.seconds), 3)}
    chosen = np.asarray([place for place, _ in scored], dtype=np.int64)
    return Answers(chosen, indices([label for _, label in scored], judge.labels), facts=facts)
