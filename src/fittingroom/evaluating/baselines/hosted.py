"""A hosted model's free answers, through the prompt of the task: what it does not answer is unscored."""

from __future__ import annotations

from statistics import median

from fittingroom.errors import UserError
from fittingroom.evaluating.setting import Setting, Spoken
from fittingroom.models.answering import answer_all, asking
from fittingroom.models.endpoint_batch import Question
from fittingroom.statistics.judging import Exam
from fittingroom.tasks.jobs import job_of


def answers(exam: Exam, setting: Setting, train: Exam) -> Spoken:
    """What is said on a sample of `evaluate.api.max_rows` rows, with its account. Raises UserError when it cannot be
    asked, or says nothing.
    """
    config, endpoint = setting.hosted()
    job, places = job_of(setting.task), setting.sample(exam.ids, config.max_rows)
    questions = [
        Question(exam.ids[place], exam.units[place], job.messages(exam.inputs[place], setting.task, []))
        for place in places
    ]
    found = answer_all(questions, asking(config.endpoint, endpoint, config.max_tokens), setting.context)
    said = [(place, text) for place, text in zip(places, found.texts, strict=True) if text is not None]
    if not said:
        told = ", ".join(f"{fault} {count}" for fault, count in found.faults.items())
        raise UserError(
            f"none of {len(questions)} questions was answered ({told})",
            f"{len(questions)} 个问题都没有得到回答（{told}）",
            place="evaluate.api",
        )
    facts = found.facts() | {"unscored": len(questions) - len(said), "median_seconds": round(median(found.seconds), 3)}
    return Spoken([place for place, _ in said], [text for _, text in said], facts)
