"""The report that the stage `evaluate` would write about a small training, beside a baseline on the same rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fittingroom.statistics.intervals import confusion_matrix
from fittingroom.statistics.judging import Answers, Exam, Judge
from fittingroom.types import EvalReport, Examination
from pitfalls.small_training import Data


def report(data: Data, said: NDArray[np.intp], baselines: Mapping[str, NDArray[np.intp]]) -> EvalReport:
    """Our answers `said` [n] on dev and those of the baselines, judged as the stage judges them."""
    labels = [f"class{index}" for index in range(data.classes)]
    many = len(data.dev[1])
    ids = [f"row{number:05d}" for number in range(many)]
    exam = Exam(ids, ids, ["made"] * many, [{"text": name} for name in ids], [labels[index] for index in data.dev[1]])
    judge = Judge.of(exam, labels, said, replicates=400, seed=0)
    answers = {name: Answers(np.arange(many), classes) for name, classes in baselines.items()}
    return EvalReport(
        part="dev",
        labels=labels,
        model=judge.alone(),
        baselines=[judge.beside(name, answer) for name, answer in answers.items()],
        confusion=confusion_matrix(judge.target, judge.ours, len(labels)).tolist(),
        predictions=judge.predictions(np.eye(data.classes)[said], answers),
        rows=many,
    )


def with_classes(examined: Examination, report: EvalReport) -> Examination:
    """The examination of the training that `report` judges, as the stage would fill in the classes."""
    classes = {}
    for place, label in enumerate(report.labels):
        told = report.model.per_class[label]
        classes[label] = {
            "rows": 100.0,
            "weight": 100.0,
            "support": float(sum(report.confusion[place])),
            "answered": float(sum(line[place] for line in report.confusion)),
            **{name: told[name] for name in ("recall", "precision", "f1")},
        }
    return examined.model_copy(update={"classes": classes})


def majority(data: Data) -> NDArray[np.intp]:
    """The most frequent label of train for every row of dev."""
    return np.full(len(data.dev[1]), np.bincount(data.train[1]).argmax())


def centroids(data: Data) -> NDArray[np.intp]:
    """The class whose mean row is most alike: a linear baseline that trains in no time."""
    words, labels = data.train
    means = np.stack([words[labels == index].mean(axis=0) for index in range(data.classes)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    return np.asarray((data.dev[0] @ means.T).argmax(axis=1))
