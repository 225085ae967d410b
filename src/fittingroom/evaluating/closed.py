"""Closed sets: one label per row, scored by what is right and wrong, beside baselines that answer the same rows."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fittingroom.errors import FittingroomError
from fittingroom.evaluating.baselines import api, champion, encoder, few_shot, head, majority, tfidf, untuned
from fittingroom.evaluating.latency import one_at_a_time
from fittingroom.evaluating.setting import Setting, in_batches, nothing_to_judge, truncated, unbalanced, why
from fittingroom.evaluating.slices import cuts, sliced
from fittingroom.statistics.intervals import Resamples, bootstrap, confusion_matrix
from fittingroom.statistics.judging import Answers, Exam, Judge, calibration_of, indices, tally
from fittingroom.types import EvalReport, Interval, Score

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fittingroom.serving.predictor import Predictor

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
    no row of the part can be judged.
    """
    rows, task, config = setting.rows, setting.task, setting.config
    exam = Exam.of(rows, task.input, task.target)
    train = Exam.of(unbalanced(setting.splits), task.input, task.target)
    if not len(exam):
        raise nothing_to_judge(setting.part, rows)
    predictor = setting.predictor()
    probabilities, timing = _asked(predictor, exam, setting)
    cut = truncated([predictor.prompt_ids(given)[1] for given in exam.inputs])
    whole, labels = exam, list(predictor.labels)
    exam, probabilities = _judgeable(exam, probabilities)
    if not len(exam):
        raise nothing_to_judge(setting.part, rows)
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
        facts=_facts(judged, probabilities, train, setting)
        | {
            "part_digest": rows.digest,
            "train_rows": len(train),
            "truncated": cut,
            "unscored": {"no target": rows.rows - len(whole), "no finite probabilities": len(whole) - len(exam)},
            "baseline_rows": {name: len(said.places) for name, said in answers.items()},
            "baseline_facts": {name: said.facts for name, said in answers.items() if said.facts},
        },
        timing=timing,
    )


def _asked(predictor: Predictor, exam: Exam, setting: Setting) -> tuple[NDArray[np.float64], dict[str, float]]:
    """[n, k] probabilities of all rows, and how long that took: in batches, and one row at a time."""
    started = time.monotonic()
    probabilities = in_batches(predictor.score, exam.inputs, f"evaluate.{setting.part}", setting.context)
    seconds = time.monotonic() - started
    timing = {"model_seconds": seconds, "rows_per_second": len(exam) / max(seconds, 1e-9)}
    timing |= one_at_a_time(lambda given: predictor.classify([given]), exam.inputs, setting.config.latency_rows)
    return probabilities, timing


def _facts(judge: Judge, probabilities: NDArray[np.float64], train: Exam, setting: Setting) -> dict[str, Any]:
    """What is known beside the scores: calibration, slices, how the answers are spread."""
    config, many = setting.config, len(judge.labels)
    support = tally(indices(train.targets, judge.labels), judge.labels)

    def accuracy(places: NDArray[np.int64], drawn: Resamples) -> Interval:
        return bootstrap(judge.target[places], judge.ours[places], many, drawn)["accuracy"]

    made = cuts(judge.exam, rare=support, rare_below=config.rare_below)
    return {
        "groups": judge.drawn.groups,
        "replicates": config.replicates,
        "calibration": calibration_of(probabilities, judge.target, config.bins),
        "distribution": {"target": tally(judge.target, judge.labels), "predicted": tally(judge.ours, judge.labels)},
        "train_support": support,
        "slices": sliced(made, judge.exam.units, "accuracy", accuracy, seed=setting.seed),
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
