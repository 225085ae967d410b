"""Free answers: generated through the serving path, measured row by row, beside answers that cost nothing.

Generating is slow (a token at a time), so a sample of rows fixed by the seed is judged, in batches. Intervals, paired
differences and p-values are those of means over rows, with whole customers or conversations resampled.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from fittingroom.errors import UserError
from fittingroom.evaluating.baselines import champion, few_shot_writing, hosted, retrieval, template
from fittingroom.evaluating.latency import one_at_a_time
from fittingroom.evaluating.measures import Measure
from fittingroom.evaluating.setting import FAILURES, Setting, Spoken, nothing_to_judge, truncated, untold
from fittingroom.evaluating.slices import cuts, sliced
from fittingroom.models.formats import THINK_END
from fittingroom.statistics.intervals import Resamples, resamples
from fittingroom.statistics.judging import Exam
from fittingroom.statistics.means import bootstrap_means, paired_means
from fittingroom.statistics.swaps import swap_p_means
from fittingroom.tables import Table
from fittingroom.tasks.jobs import job_of
from fittingroom.types import EvalReport, Interval, Score

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fittingroom.serving.predictor import Predictor

    Values = dict[str, NDArray[np.float64]]

Baseline = Callable[[Exam, Setting, Exam], Spoken]


def _untuned(exam: Exam, setting: Setting, train: Exam) -> Spoken:
    """The base model before tuning, through the same prompts, on a sample of `untuned_rows` rows."""
    places = setting.sample(exam.ids)
    inputs = [exam.inputs[place] for place in places]
    said, cut = _generated(setting.predictor("base"), inputs, "untuned", setting)
    return Spoken(places, said, cut.facts())


def _few_shot(exam: Exam, setting: Setting, train: Exam) -> Spoken:
    """The same with examples from train in its prompt, on the same rows."""
    places, base = setting.sample(exam.ids), setting.predictor("base")
    inputs = [exam.inputs[place] for place in places]
    asked, shown = few_shot_writing.conversations(base, inputs, train, setting)
    made = base.generate(inputs, lambda done, total: setting.context.progress("few_shot", done, total), asked=asked)
    said, cut = _spoken(base, made)
    return Spoken(places, said, {**shown, **cut.facts()})


def _champion(exam: Exam, setting: Setting, train: Exam) -> Spoken:
    """The release that the alias points at, through its own bundle, on all the rows that were drawn."""
    predictor, _ = champion.former(setting, exam.inputs[0])
    said, cut = _generated(predictor, exam.inputs, "champion", setting)
    return Spoken(list(range(len(exam))), said, cut.facts())


BASELINES: dict[str, Baseline] = {
    "retrieval": retrieval.answers,
    "template": template.answers,
    "untuned": _untuned,
    "few_shot": _few_shot,
    "api": hosted.answers,
    "champion": _champion,
}
"""Name -> what it says to the exam, having seen the training rows."""


@dataclass(frozen=True)
class _Judged:
    """The exam with our answers on it."""

    exam: Exam
    measure: Measure
    values: Values
    drawn: Resamples
    seed: int


def judge(setting: Setting) -> EvalReport:
    """Score the bundle and its baselines on a sample of one part.

    Rows without an answer are counted in `unscored`; how many of the others were drawn stands in `facts`. A baseline
    that fails keeps its reason in `error`; the rest of the report stands. Blank answers score 0 and are counted. Raises
    UserError when no row of the part can be judged.
    """
    rows, task, config = setting.rows, setting.task, setting.config
    whole = Exam.of(rows, task.input, task.target)
    train = Exam.of(setting.splits.train, task.input, task.target)
    if not len(whole):
        raise nothing_to_judge(setting.part, rows)
    drawn_rows = replace(setting, config=config.model_copy(update={"untuned_rows": config.generated_rows}))
    exam = whole.only(drawn_rows.sample(whole.ids))
    measure = Measure.of(task, train)
    started = time.monotonic()
    predictor = setting.predictor()
    said, cut = _generated(predictor, exam.inputs, "answers", setting)
    seconds = time.monotonic() - started
    timing = {"model_seconds": seconds, "rows_per_second": len(exam) / max(seconds, 1e-9)}
    alone: dict[int, str] = {}
    timing |= _latency(predictor, exam, config.latency_rows, alone)
    shortened = truncated([predictor.prompt_ids(given)[1] for given in exam.inputs])
    del predictor  # see Setting.predictor
    drawn = resamples(exam.units, replicates=config.replicates, seed=setting.seed)
    judged = _Judged(exam, measure, measure.values(exam, said), drawn, setting.seed)
    scores, others = _baselines(judged, setting, train)
    return EvalReport(
        part=setting.part,
        labels=[],
        model=Score(name="model", metrics=bootstrap_means(judged.values, drawn)),
        baselines=scores,
        confusion=[],
        predictions=_predictions(judged, said, others),
        rows=len(exam),
        unscored=rows.rows - len(whole),
        facts={
            "groups": drawn.groups,
            "replicates": config.replicates,
            "part_digest": rows.digest,
            "train_rows": len(train),
            "baseline_rows": {name: len(one.places) for name, one in others.items()},
            "baseline_facts": {name: one.facts for name, one in others.items() if one.facts},
            "drawn_from": len(whole),
            "length_window": list(measure.window),
            "truncated": shortened,
            **cut.facts(),
            "again": {"rows": len(alone), "differing": sum(said[place] != text for place, text in alone.items())},
            "slices": _slices(judged, job_of(task).metrics[0]),
            "model": measure.told(exam, said),
            "baselines": {name: measure.told(exam.only(one.places), one.texts) for name, one in sorted(others.items())},
            "notes": _notes(measure.told(exam, said), len(exam)),
        },
        timing=timing,
    )


_TWICE = 10
"""Rows that are answered twice, at most."""


class _Cut(NamedTuple):
    """Answers that reached the longest answer of training before they ended."""

    answers: int
    thoughts: int
    """Of them, those that never came to speak: nothing but an unfinished thought, judged as blank."""

    def facts(self) -> dict[str, int]:
        """JSON values."""
        return {"cut_answers": self.answers, "truncated_thoughts": self.thoughts}


def _generated(
    predictor: Predictor, inputs: Sequence[dict[str, str]], what: str, setting: Setting
) -> tuple[list[str], _Cut]:
    """What was said, without what was thought before it, and what was cut."""
    told = setting.context.progress
    return _spoken(predictor, predictor.generate(inputs, lambda done, total: told(what, done, total)))


def _spoken(predictor: Predictor, made: Sequence[tuple[str, str]]) -> tuple[list[str], _Cut]:
    thinks = predictor.renderer.think == "keep"
    unspoken = [thinks and reason == "length" and THINK_END not in text for text, reason in made]
    said = ["" if mute else text.rpartition(THINK_END)[2].strip() if thinks else text
            for (text, _), mute in zip(made, unspoken, strict=True)]  # fmt: skip
    return said, _Cut(sum(reason == "length" for _, reason in made), sum(unspoken))


def _latency(predictor: Predictor, exam: Exam, rows: int, alone: dict[int, str]) -> dict[str, float]:
    """The time of one answer; what is said there, a second time and alone, goes into `alone` by its place."""
    places = {id(given): place for place, given in enumerate(exam.inputs)}

    def ask(given: dict[str, str]) -> None:
        text = _spoken(predictor, predictor.generate([given]))[0][0]
        if len(alone) < _TWICE:  # how many more are asked depends on the clock, and facts must not
            alone[places[id(given)]] = text

    return one_at_a_time(ask, exam.inputs, rows)


def _baselines(judged: _Judged, setting: Setting, train: Exam) -> tuple[list[Score], dict[str, Spoken]]:
    """Scores of the baselines in the order asked for, and what those that worked said."""
    scores: list[Score] = []
    said: dict[str, Spoken] = {}
    for name in setting.config.baselines:
        try:
            if name not in BASELINES:
                raise _not_offered(name, setting.task.kind)
            said[name] = BASELINES[name](judged.exam, setting, train)
        except FAILURES as error:
            scores.append(Score(name=name, metrics={}, **untold(error)))
            continue
        scores.append(_beside(judged, name, said[name].places, said[name].texts))
    return scores, said


def _not_offered(name: str, kind: str) -> UserError:
    known = ", ".join(BASELINES)
    return UserError(
        f"answers of kind {kind} are free text; they can be set beside: {known}",
        f"{kind} 的答案是自由文本，可以对比的基线有：{known}",
        place=f"evaluate.baselines: {name}",
    )


def _beside(judged: _Judged, name: str, places: list[int], texts: list[str]) -> Score:
    """A baseline's score and our difference to it, both on the rows that it answered only."""
    exam, drawn = judged.exam, judged.drawn
    if len(places) < len(exam):
        units = [exam.units[place] for place in places]
        drawn = resamples(units, replicates=len(drawn.weights), seed=judged.seed)
    theirs = judged.measure.values(exam.only(places), texts)
    ours = {metric: column[places] for metric, column in judged.values.items()}
    return Score(
        name=name,
        metrics=bootstrap_means(theirs, drawn),
        difference=paired_means(ours, theirs, drawn),
        p_values=swap_p_means(ours, theirs, drawn, seed=judged.seed),
    )


def _slices(judged: _Judged, metric: str) -> list[dict[str, Any]]:
    column = judged.values[metric]

    def score(places: NDArray[np.int64], drawn: Resamples) -> Interval | None:
        return bootstrap_means({metric: column[places]}, drawn).get(metric)

    return sliced(cuts(judged.exam), judged.exam.units, metric, score, seed=judged.seed)


def _notes(told: dict[str, object], rows: int) -> list[dict[str, str]]:
    """What a person must be told before they read the scores."""
    notes = []
    if blank := told["blank"]:
        notes.append(
            {
                "en": f"{blank} of {rows} answers hold no word at all; they count as wrong in every metric",
                "zh": f"{rows} 个答案中有 {blank} 个没有任何文字；它们在所有指标上都按错误计",
            }
        )
    if none := told.get("rows_without_facts", 0):
        notes.append(
            {
                "en": f"{none} of {rows} rows were given no fact: any number in their answers counts as made up",
                "zh": f"{rows} 行中有 {none} 行没有给出任何事实：其答案中的数字一律按编造计",
            }
        )
    return notes


def _predictions(judged: _Judged, said: Sequence[str], others: dict[str, Spoken]) -> Table:
    """Row by row: id, group, target, predicted, a column per metric (null where it does not apply), one per baseline
    (null where it was not asked).
    """
    import numpy as np
    import pyarrow as pa

    exam = judged.exam
    columns: dict[str, pa.Array] = {
        "id": pa.array(exam.ids, pa.string()),
        "group": pa.array(exam.units, pa.string()),
        "target": pa.array(exam.targets, pa.string()),
        "predicted": pa.array(list(said), pa.string()),
    }
    for name, values in judged.values.items():
        columns[name] = pa.array(values, pa.float64(), mask=~np.isfinite(values))
    for name, one in others.items():
        column: list[str | None] = [None] * len(exam)
        for place, text in zip(one.places, one.texts, strict=True):
            column[place] = text
        columns[name] = pa.array(column, pa.string())
    return Table.of(pa.table(columns))
