"""Closed sets: one label per row, scored by what is right and wrong, beside baselines that answer the same rows."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from fittingroom.errors import UserError
from fittingroom.evaluating.baselines import api, champion, encoder, few_shot, head, majority, tfidf, untuned
from fittingroom.evaluating.latency import FEWEST, one_at_a_time
from fittingroom.evaluating.setting import (
    FAILURES,
    Setting,
    in_batches,
    nothing_finite,
    nothing_to_judge,
    truncated,
    unbalanced,
    untold,
)
from fittingroom.evaluating.slices import cuts, sliced
from fittingroom.serving.order import order_facts
from fittingroom.statistics.intervals import Resamples, bootstrap, confusion_matrix
from fittingroom.statistics.judging import Answers, Exam, Judge, calibration_of, indices, tally
from fittingroom.tasks.abstaining import Abstention, out_of_scope, told
from fittingroom.tasks.aspects import per_question
from fittingroom.types import EvalReport, Interval, Score

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Baseline = Callable[[Judge, Setting, Exam], Answers]
BASELINES: dict[str, Baseline] = {
    "majority": majority.answers,
    "tfidf": tfidf.answers,
    "untuned": untuned.answers,
    "few_shot": few_shot.answers,
    "encoder": encoder.answers,
    "head": head.answers,
    "champion": champion.answers,
    "api": api.answers,
}
"""Name -> what it says to the exam, having seen the labelled train rows. It may raise FittingroomError: its reason is
told, and the others are judged all the same."""


def judge(setting: Setting) -> EvalReport:
    """Score the bundle and its baselines on one part.

    Rows without a target and rows on which the model gives no finite probabilities are counted in `unscored` and judged
    for nobody. A baseline that fails keeps its reason in `error`; the rest of the report stands. Raises UserError when
    no row of the part has a target, or none got a finite probability.
    """
    rows, task, config = setting.rows, setting.task, setting.config
    exam = Exam.of(rows, task.input, task.target)
    train = Exam.of(unbalanced(setting.splits), task.input, task.target)
    if not len(exam):
        raise nothing_to_judge(setting.part, rows)
    asked = _ask(setting, exam)
    exam = exam.only(asked.judged)
    labels = asked.labels + sorted({*exam.targets, *train.targets, *asked.said} - set(asked.labels))
    probabilities = _widened(asked.probabilities, len(labels))
    ours = indices(asked.said, labels)
    judged = Judge.of(exam, labels, ours, replicates=config.replicates, seed=setting.seed)
    scores, answers = _baselines(judged, setting, train)
    unscored = {"no target": rows.rows - asked.rows, "no finite probabilities": asked.rows - len(exam)}
    return EvalReport(
        part=setting.part,
        labels=labels,
        model=judged.alone(),
        baselines=scores,
        confusion=confusion_matrix(judged.target, judged.ours, len(labels)).tolist(),
        predictions=judged.predictions(probabilities, answers, asked.abstained),
        rows=len(exam),
        unscored=rows.rows - len(exam),
        facts=_facts(judged, probabilities, train, setting)
        | _withheld(judged, asked, setting)
        | asked.facts
        | {
            "part_digest": rows.digest,
            "train_rows": len(train),
            "unscored": unscored,
            "baseline_rows": {name: len(said.places) for name, said in answers.items()},
            "baseline_facts": {name: said.facts for name, said in answers.items() if said.facts},
        },
        timing=asked.timing,
    )


class _Asked(NamedTuple):
    """What our model said, once it is gone from memory."""

    labels: list[str]
    rows: int
    """Rows that were asked."""
    judged: list[int]
    """Places of those on which every probability is a number; all that follows is about these."""
    probabilities: NDArray[np.float64]
    said: list[str]
    abstained: list[bool] | None
    """None where the bundle never abstains."""
    abstention: Abstention | None
    facts: dict[str, Any]
    timing: dict[str, float]


def _ask(setting: Setting, exam: Exam) -> _Asked:
    """All rows in batches, a sample one at a time, another one under other orders of the options. Raises UserError when
    on no row every probability is a number.
    """
    import numpy as np

    predictor, inputs = setting.predictor(), exam.inputs
    started = time.monotonic()
    found = in_batches(predictor.score, inputs, "answers", setting.context)
    seconds = time.monotonic() - started
    judged = np.flatnonzero(np.isfinite(found).all(axis=1))
    if not len(judged):
        raise nothing_finite(setting.part, len(exam))
    timing = {"model_seconds": seconds, "rows_per_second": len(exam) / max(seconds, 1e-9)}
    alone: dict[int, str] = {}

    def ask(place: int) -> None:
        with contextlib.suppress(UserError):  # no text is left of it when it is prepared once more: nothing to time
            alone[place] = predictor.classify([inputs[place]])[0].label

    timing |= one_at_a_time(ask, range(len(inputs)), setting.config.latency_rows)
    decided = predictor.decide(found[judged])
    together = {place: label for place, (label, _) in zip(judged.tolist(), decided, strict=True)}
    abstention = predictor.info.abstention
    return _Asked(
        list(predictor.labels),
        len(exam),
        judged.tolist(),
        found[judged],
        [label for label, _ in decided],
        [withheld for _, withheld in decided] if abstention is not None else None,
        abstention,
        {
            "truncated": truncated([predictor.prompt_ids(given)[1] for given in inputs]),
            "order": order_facts(predictor, inputs, seed=setting.seed),
            "alone": _alone(alone, together),
        },
        timing,
    )


def _alone(alone: dict[int, str], together: dict[int, str]) -> dict[str, int]:
    """Of the rows that were asked one at a time: how many, and how many got the answer that they got in a batch.

    Padding that is read, or an input that changes when it is prepared once more, shows here.
    """
    # How many were asked depends on how fast this machine is; these were in any case.
    both = [place for place in sorted(alone)[:FEWEST] if place in together]
    return {"rows": len(both), "same": sum(alone[place] == together[place] for place in both)}


def _withheld(judge: Judge, asked: _Asked, setting: Setting) -> dict[str, Any]:
    """How abstaining fared; "none of these", and each of several questions, judged on its own."""
    facts: dict[str, Any] = {}
    if asked.abstention is not None:
        # Of the likeliest label, as the threshold was chosen: what is withheld may be called "none of these".
        right = asked.probabilities.argmax(axis=1) == judge.target
        facts["abstention"] = told(asked.probabilities.max(axis=1), right, asked.abstention)
    if setting.task.none_of_these is not None:
        facts["none_of_these"] = out_of_scope(judge.exam.targets, asked.said, setting.task.none_of_these)
    if setting.task.questions:
        facts["questions"] = per_question(judge.exam.inputs, judge.exam.targets, asked.said)
    return facts


def _facts(judge: Judge, probabilities: NDArray[np.float64], train: Exam, setting: Setting) -> dict[str, Any]:
    """What is known beside the scores: calibration, slices, how the answers are spread."""
    config, many = setting.config, len(judge.labels)
    support = tally(indices(train.targets, judge.labels), judge.labels)

    def accuracy(places: NDArray[np.int64], drawn: Resamples) -> Interval:
        return bootstrap(judge.target[places], judge.ours[places], many, drawn)["accuracy"]

    outside = setting.task.none_of_these or ""
    made = cuts(judge.exam, rare=support, rare_below=config.rare_below, outside=outside)
    return {
        "groups": judge.drawn.groups,
        "replicates": config.replicates,
        "calibration": calibration_of(probabilities, judge.target, config.bins),
        "distribution": {"target": tally(judge.target, judge.labels), "predicted": tally(judge.ours, judge.labels)},
        "train_support": support,
        "slices": sliced(made, judge.exam.units, "accuracy", accuracy, seed=setting.seed),
    }


def _widened(probabilities: NDArray[np.float64], many: int) -> NDArray[np.float64]:
    """[n, many]: labels that the model does not know have probability 0."""
    import numpy as np

    return np.pad(probabilities, ((0, 0), (0, many - probabilities.shape[1])))


def _baselines(judge: Judge, setting: Setting, train: Exam) -> tuple[list[Score], dict[str, Answers]]:
    """Scores of the baselines in the order asked for, and what those that worked said."""
    scores: list[Score] = []
    answers: dict[str, Answers] = {}
    for name in setting.config.baselines:
        try:
            said = BASELINES[name](judge, setting, train)
        except FAILURES as error:
            scores.append(Score(name=name, metrics={}, **untold(error)))
            continue
        answers[name] = said
        scores.append(judge.beside(name, said))
    return scores, answers
