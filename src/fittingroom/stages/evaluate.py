"""Evaluate: one part of the data, judged through the road that serves it, beside baselines on the same rows.

A score alone says little: the report sets it beside the most frequent answer, a linear model on TF-IDF features that
trains in seconds, and the base model before tuning. Each comparison is paired (both on the same rows and the same
bootstrap replicates), so that a small difference can be told from luck.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator

from fittingroom.engine import Context
from fittingroom.errors import FittingroomError, ModelError, UserError
from fittingroom.statistics.intervals import confusion_matrix
from fittingroom.statistics.judging import Answers, Exam, Judge, calibration_of, indices, tally
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.types import Bundle, EvalReport, Frozen, Score, Splits

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fittingroom.serving.predictor import Predictor

VERSION = 1
LIBRARIES = ("torch", "transformers", "scikit-learn")
BaselineName = Literal["majority", "tfidf", "untuned"]
_BATCH = 128  # rows handed to the predictor at a time: enough to sort by length, few enough to show progress


class EvaluateConfig(Frozen):
    """The section `evaluate` of a recipe."""

    baselines: list[BaselineName] = Field(default=["majority", "tfidf", "untuned"])
    """majority: the most frequent answer of train; tfidf: a linear model on the same train rows; untuned: the base
    model with the same prompts and labels, before tuning."""
    replicates: int = Field(default=1000, ge=200, le=20_000)
    """Bootstrap replicates behind every interval."""
    bins: int = Field(default=10, ge=2, le=50)
    """Bins of the reliability table (equal width)."""
    untuned_rows: int = Field(default=400, ge=20)
    """At most this many rows go through the untuned model, which is as slow as ours: a sample fixed by the seed. Its
    comparison is paired on those rows only; `facts` says how many there were."""

    @field_validator("baselines")
    @classmethod
    def _once(cls, value: list[BaselineName]) -> list[BaselineName]:
        if len(set(value)) != len(value):
            raise ValueError("the same baseline stands twice")
        return value


@dataclass(frozen=True)
class _Setting:
    """What a baseline may use."""

    bundle: Bundle
    train: Exam
    config: EvaluateConfig
    seed: int
    context: Context


def evaluate(
    bundle: Bundle,
    splits: Splits,
    *,
    evaluate: EvaluateConfig,
    task: TaskConfig,
    seed: int,
    part: Literal["dev", "test"],
    context: Context,
) -> EvalReport:
    """Score the bundle and its baselines on one part.

    Rows without a target and rows on which the model gives no finite probabilities are counted in `unscored` and judged
    for nobody. A baseline that fails keeps its reason in `error`; the rest of the report stands. Raises UserError when
    no row of the part can be judged.
    """
    from fittingroom.serving.predictor import Predictor

    rows = splits.parts()[part]
    exam, train = Exam.of(rows, task.input, task.target), Exam.of(_unbalanced(splits), task.input, task.target)
    if not len(exam):
        raise _nothing_to_judge(part, rows)
    started = time.monotonic()
    predictor = Predictor.load(bundle.folder.path, threads=context.threads, root=context.root)
    probabilities = _probabilities(predictor, exam.inputs, f"evaluate.{part}", context)
    seconds = time.monotonic() - started
    exam, probabilities = _judgeable(exam, probabilities)
    if not len(exam):
        raise _nothing_to_judge(part, rows)
    labels = list(predictor.labels)
    del predictor  # two large models at once would not fit a card: the untuned one is a baseline
    labels += sorted({*exam.targets, *train.targets} - set(labels))
    probabilities = _widened(probabilities, len(labels))
    judge = Judge.of(exam, labels, probabilities.argmax(axis=1), replicates=evaluate.replicates, seed=seed)
    scores, answers = _baselines(judge, _Setting(bundle, train, evaluate, seed, context))
    return EvalReport(
        part=part,
        labels=labels,
        model=judge.alone(),
        baselines=scores,
        confusion=confusion_matrix(judge.target, judge.ours, len(labels)).tolist(),
        predictions=judge.predictions(probabilities, answers),
        rows=len(exam),
        unscored=rows.rows - len(exam),
        facts=_facts(judge, probabilities, evaluate)
        | {
            "part_digest": rows.digest,
            "train_rows": len(train),
            "baseline_rows": {name: len(said.places) for name, said in answers.items()},
        },
        timing={"model_seconds": seconds, "rows_per_second": rows.rows / max(seconds, 1e-9)},
    )


def _unbalanced(splits: Splits) -> Table:
    """Train as it was before it was balanced: baselines learn from the classes as they come, each row once."""
    import polars as pl

    train = splits.train.frame()
    copied = pl.col("edits").list.eval(pl.element().struct.field("rule") == "oversampled").list.any()
    left_out = splits.dropped.frame().filter(pl.col("reason") == "undersampled")
    return Table.of(pl.concat([train.filter(~copied.fill_null(False)), left_out.select(train.columns)]))


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


def _probabilities(
    predictor: Predictor, inputs: list[dict[str, str]], what: str, context: Context
) -> NDArray[np.float64]:
    """[n, k] in the order of `predictor.labels`, in batches so that progress can be seen.

    Rounded to six digits: what is left differs between machines in the order of additions only.
    """
    import numpy as np

    done: list[NDArray[np.float64]] = []
    for start in range(0, len(inputs), _BATCH):
        done.append(np.asarray(predictor.score(inputs[start : start + _BATCH]), dtype=np.float64))
        context.progress(what, min(start + _BATCH, len(inputs)), len(inputs))
    together: NDArray[np.float64] = np.concatenate(done)
    return together.round(6)


def _judgeable(exam: Exam, probabilities: NDArray[np.float64]) -> tuple[Exam, NDArray[np.float64]]:
    """The rows on which every probability is a finite number."""
    import numpy as np

    finite = np.flatnonzero(np.isfinite(probabilities).all(axis=1))
    return exam.only(finite.tolist()), probabilities[finite]


def _widened(probabilities: NDArray[np.float64], many: int) -> NDArray[np.float64]:
    """[n, many]: labels that the model does not know have probability 0."""
    import numpy as np

    return np.pad(probabilities, ((0, 0), (0, many - probabilities.shape[1])))


def _nothing_to_judge(part: str, rows: Table) -> UserError:
    return UserError(
        f"none of its {rows.rows} rows can be judged: add labelled rows, or raise `split.{part}`",
        f"{rows.rows} 行中没有一行可以评判：请补充带标签的数据，或调大 `split.{part}`",
        place=part,
    )


# ---------------------------------------------------------------------------------------------- baselines


def _baselines(judge: Judge, setting: _Setting) -> tuple[list[Score], dict[str, Answers]]:
    """Scores of the baselines in the order asked for, and what those that worked said."""
    scores: list[Score] = []
    answers: dict[str, Answers] = {}
    for name in setting.config.baselines:
        try:
            said = _BASELINES[name](judge, setting)
        except (FittingroomError, ValueError) as error:
            scores.append(Score(name=name, metrics={}, error=_why(error)))
            continue
        answers[name] = said
        scores.append(judge.beside(name, said))
    return scores, answers


def _why(error: Exception) -> str:
    """One line; of a foreign error the class alone, for its text may quote a customer's words."""
    if isinstance(error, FittingroomError):
        return " ".join(str(error).split())
    return f"internal error: {type(error).__name__}"


def _majority(judge: Judge, setting: _Setting) -> Answers:
    """The most frequent label of train for every row; of equally frequent ones the first in alphabetical order."""
    import numpy as np

    counts: dict[str, int] = {}
    for label in setting.train.targets:
        counts[label] = counts.get(label, 0) + 1
    if not counts:
        raise UserError("train has no labelled rows", "训练集里没有带标签的数据", place="train")
    most = min(counts, key=lambda label: (-counts[label], label))
    many = len(judge.exam)
    return Answers(np.arange(many), np.full(many, judge.labels.index(most)))


def _tfidf(judge: Judge, setting: _Setting) -> Answers:
    """A linear model on TF-IDF n-grams, fitted to the same train rows."""
    import numpy as np

    from fittingroom.statistics.linear import fit_linear

    train = setting.train
    fitted = fit_linear(train.texts(), train.targets, seed=setting.seed, groups=train.units)
    said = fitted.predict(judge.exam.texts())
    return Answers(np.arange(len(said)), indices(said, judge.labels))


def _untuned(judge: Judge, setting: _Setting) -> Answers:
    """The base model before tuning, through the same prompts and scoring."""
    import numpy as np

    from fittingroom.serving.predictor import Predictor

    ids = judge.exam.ids
    order = sorted(range(len(ids)), key=lambda place: _lot(ids[place], setting.seed))
    places = sorted(order[: setting.config.untuned_rows])
    folder, context = setting.bundle.folder.path, setting.context
    base = Predictor.load(folder, threads=context.threads, weights="base", root=context.root)
    inputs = [judge.exam.inputs[place] for place in places]
    probabilities = _probabilities(base, inputs, "evaluate.untuned", context)
    if not np.isfinite(probabilities).all():
        raise ModelError("the untuned model gave values that are not numbers", "未微调模型给出的值不是数字")
    said = [base.labels[index] for index in probabilities.argmax(axis=1).tolist()]
    return Answers(np.asarray(places, dtype=np.int64), indices(said, judge.labels))


_BASELINES: dict[str, Callable[[Judge, _Setting], Answers]] = {
    "majority": _majority,
    "tfidf": _tfidf,
    "untuned": _untuned,
}


def _lot(row: str, seed: int) -> str:
    """A row's place in the draw: the same in every run, in no relation to its content."""
    return hashlib.blake2b(f"{seed}:{row}".encode(), digest_size=8).hexdigest()
