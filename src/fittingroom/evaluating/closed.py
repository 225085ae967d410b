"""Closed sets: one label per row, scored by what is right and wrong, beside baselines that answer the same rows."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fittingroom.errors import FittingroomError
from fittingroom.evaluating.baselines import api, majority, tfidf, untuned
from fittingroom.evaluating.config import EvaluateConfig
from fittingroom.evaluating.setting import Setting, in_batches, nothing_to_judge, unbalanced, why
from fittingroom.statistics.intervals import confusion_matrix
from fittingroom.statistics.judging import Answers, Exam, Judge, calibration_of, tally
from fittingroom.types import EvalReport, Score

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Baseline = Callable[[Judge, Setting, Exam], Answers]
BASELINES: dict[str, Baseline] = {
    "majority": majority.answers,
    "tfidf": tfidf.answers,
    "untuned": untuned.answers,
    "api": api.answers,
}
"""Name -> what it says to the exam, having seen the labelled train rows. It may raise FittingroomError: its reason is
told, and the others are judged all the same."""


def judge(setting: Setting) -> EvalReport:
    """Score the bundle and its baselines on one part.

    Rows without a target and rows on which the model gives no finite probabilities are counted in `unscored` and judged
    for nobody. A baseline that fails keeps its reason in `error`; the rest of the report stands. Raises UserError when
    no row of the part can be judged.
    """
    rows, task, config = setting.rows, setting.task, setting.config
    exam = Exam.of(rows, task.input, task.target)
    train = Exam.of(unbalanced(setting.splits), task.input, task.target)
    if not len(exam):
        raise nothing_to_judge(setting.part, rows)
    started = time.monotonic()
    predictor = setting.predictor()
    probabilities = in_batches(predictor.score, exam.inputs, f"evaluate.{setting.part}", setting.context)
    seconds = time.monotonic() - started
    exam, probabilities = _judgeable(exam, probabilities)
    if not len(exam):
        raise nothing_to_judge(setting.part, rows)
    labels = list(predictor.labels)
    del predictor  # see Setting.predictor
    labels += sorted({*exam.targets, *train.targets} - set(labels))
    probabilities = _widened(probabilities, len(labels))
    judged = Judge.of(exam, labels, probabilities.argmax(axis=1), replicates=config.replicates, seed=setting.seed)
    scores, answers = _baselines(judged, setting, train)
    return EvalReport(
        part=setting.part,
        labels=labels,
        model=judged.alone(),
        baselines=scores,
        confusion=confusion_matrix(judged.target, judged.ours, len(labels)).tolist(),
        predictions=judged.predictions(probabilities, answers),
        rows=len(exam),
        unscored=rows.rows - len(exam),
        facts=_facts(judged, probabilities, config)
        | {
            "part_digest": rows.digest,
            "train_rows": len(train),
            "baseline_rows": {name: len(said.places) for name, said in answers.items()},
            "baseline_facts": {name: dict(said.facts) for name, said in answers.items() if said.facts},
        },
        timing={"model_seconds": seconds, "rows_per_second": rows.rows / max(seconds, 1e-9)},
    )


def _facts(judge: Judge, probabilities: NDArray[np.float64], config: EvaluateConfig) -> dict[str, Any]:
    """What is known beside the scores: calibration, slices, how the answers are spread."""
    from fittingroom.text.language import script_of

    return {
        "groups": judge.drawn.groups,
        "replicates": config.replicates,
        "calibration": calibration_of(probabilities, judge.target, config.bins),
        "distribution": {"target": tally(judge.target, judge.labels), "predicted": tally(judge.ours, judge.labels)},
        "slices": judge.slices([script_of(text) for text in judge.exam.texts()]),
    }


def _judgeable(exam: Exam, probabilities: NDArray[np.float64]) -> tuple[Exam, NDArray[np.float64]]:
    """The rows on which every probability is a finite number."""
    import numpy as np

    finite = np.flatnonzero(np.isfinite(probabilities).all(axis=1))
    return exam.only(finite.tolist()), probabilities[finite]


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
        except (FittingroomError, ValueError) as error:
            scores.append(Score(name=name, metrics={}, error=why(error)))
            continue
        answers[name] = said
        scores.append(judge.beside(name, said))
    return scores, answers
