"""Rankings: questions instead of rows, judged by what stands in the first ten places, beside three simple rankings.

The model ranks what the bundle's shelf proposes (or, with grades, the titles of the question), and so do the base model
and a hosted one; the simple rankings take everything that training knew. So the model is judged as it is served, and
what its candidates cannot hold counts against it: `candidates` under `facts` says how much that is.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from fittingroom.errors import UserError
from fittingroom.evaluating.baselines import (
    api_ranking,
    bm25,
    champion,
    few_shot_ranking,
    item_knn,
    popularity,
    untuned_ranking,
)
from fittingroom.evaluating.latency import FEWEST, one_at_a_time
from fittingroom.evaluating.setting import FAILURES, Ordered, Setting, unbalanced, untold
from fittingroom.evaluating.slices import Cut, sliced
from fittingroom.statistics.intervals import Resamples, resamples
from fittingroom.statistics.means import bootstrap_means, paired_means
from fittingroom.statistics.ranking import DEPTH, METRICS, coverage, judged, novelty, per_question
from fittingroom.statistics.swaps import swap_p_means
from fittingroom.tables import Table
from fittingroom.tasks.questions import Asked, Question, asked, units_of
from fittingroom.tasks.recommend import HISTORY, apart, joined, settings_of
from fittingroom.tasks.shelf import Shelf
from fittingroom.types import EvalReport, Interval, Score

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fittingroom.serving.ranking import Ranker

    Values = dict[str, NDArray[np.float64]]

BASELINES = {
    "popularity": popularity.lists,
    "item_knn": item_knn.lists,
    "bm25": bm25.lists,
    "untuned": untuned_ranking.lists,
    "few_shot": few_shot_ranking.lists,
    "champion": champion.lists,
    "api": api_ranking.lists,
}
"""Name -> its rankings of the questions. It may raise FittingroomError: its reason is told."""


@dataclass(frozen=True)
class _Exam:
    """Questions with what would be right, and what is resampled."""

    questions: list[Question]
    relevant_from: float
    drawn: Resamples

    @classmethod
    def of(cls, questions: list[Question], relevant_from: float, *, replicates: int, seed: int) -> _Exam:
        drawn = resamples([question.unit for question in questions], replicates=replicates, seed=seed)
        return cls(questions, relevant_from, drawn)

    def values(self, lists: Sequence[Sequence[str]]) -> Values:
        """Metric -> a value per question."""
        wanted = [question.wanted for question in self.questions]
        return per_question(judged(lists, wanted, relevant_from=self.relevant_from))

    def only(self, places: Sequence[int], *, replicates: int, seed: int) -> _Exam:
        """Some of the questions, with draws of their own."""
        chosen = [self.questions[place] for place in places]
        return _Exam.of(chosen, self.relevant_from, replicates=replicates, seed=seed)


def judge(setting: Setting) -> EvalReport:
    """Rank with the bundle and the baselines on one part.

    A question is a customer's moment (or a search) with all that would be right. Those that any order answers alike,
    and those of whose rows none has a title or a grade, are counted in `unscored`: in questions, as `rows` is. Raises
    UserError when no question can be judged.
    """
    task, config, seed = setting.task, setting.config, setting.seed
    settings = settings_of(task)
    found = asked(setting.rows, task, seed=seed)
    if not found.questions:
        raise _nothing_to_rank(setting.part, found)
    exam = _Exam.of(found.questions, settings.relevant_from, replicates=config.replicates, seed=seed)
    said = _said(setting, exam.questions)
    mine = exam.values(said.lists)
    shelf = Shelf.of(unbalanced(setting.splits), task)
    scores, others = _baselines(exam, mine, shelf, setting)
    theirs = {name: one.lists for name, one in others.items()}
    return EvalReport(
        part=setting.part,
        labels=[],
        model=Score(name="model", metrics=bootstrap_means(mine, exam.drawn)),
        baselines=scores,
        confusion=[],
        predictions=_predictions(exam, said.lists, mine, theirs),
        rows=len(exam.questions),
        unscored=found.unrankable + found.untold,
        facts=_facts(setting, found, exam, said, mine, shelf, others),
        timing=said.timing,
    )


class _Said(NamedTuple):
    """What the bundle answered."""

    lists: list[list[str]]
    """Titles, the likeliest first, per question."""
    proposed: list[list[str]]
    """What it chose from."""
    alone: dict[int, list[str]]
    """Place of a question -> what came first when it was asked a second time, by itself."""
    by: str
    """What ranked: the model, or what stands in for it."""
    timing: dict[str, float]


def _said(setting: Setting, questions: Sequence[Question]) -> _Said:
    """All questions at once, then some of them one at a time; the model is let go (see `Setting.predictor`)."""
    started = time.monotonic()
    ranker = setting.predictor().ranker
    proposed = [ranker.candidates(question) for question in questions]
    ranked = ranker.rank(
        [question.given for question in questions],
        proposed,
        lambda done, total: setting.context.progress("answers", done, total),
    )
    seconds = time.monotonic() - started
    timing = {"model_seconds": seconds, "rows_per_second": len(questions) / max(seconds, 1e-9)}
    alone: dict[int, list[str]] = {}
    timing |= _latency(ranker, questions, setting.config.latency_rows, alone)
    return _Said([[title for title, _ in one] for one in ranked], proposed, alone, ranker.by, timing)


def _facts(
    setting: Setting,
    found: Asked,
    exam: _Exam,
    said: _Said,
    mine: Values,
    shelf: Shelf,
    others: Mapping[str, Ordered],
) -> dict[str, Any]:
    """What the report tells beside the scores."""
    train = unbalanced(setting.splits)
    theirs = {name: one.lists for name, one in others.items()}
    shown: dict[str, Sequence[list[str] | None]] = {"model": said.lists, **theirs}
    same = sum(said.lists[at][:DEPTH] == first for at, first in said.alone.items())
    return {
        "groups": exam.drawn.groups,
        "replicates": setting.config.replicates,
        "part_digest": setting.rows.digest,
        "train_rows": train.rows,
        "baseline_facts": {name: one.facts for name, one in others.items() if one.facts},
        "baseline_rows": {name: sum(ranked is not None for ranked in lists) for name, lists in theirs.items()},
        "questions": {
            "judged": len(exam.questions),
            "unrankable": found.unrankable,
            "untold": found.untold,
            "passed_over": found.passed_over,
        },
        "ranked_by": said.by,
        "alone": {"rows": len(said.alone), "same": same},
        "candidates": _ceiling(exam.questions, said.proposed),
        "reach": {name: _reach(lists, shelf) for name, lists in shown.items()},
        "slices": _slices(exam, mine, shelf, units_of(train), setting.seed),
    }


def _latency(ranker: Ranker, questions: Sequence[Question], rows: int, alone: dict[int, list[str]]) -> dict[str, float]:
    """How long one ranking takes, its candidates looked for included; what came first there, a second time and alone,
    goes into `alone` by its place.
    """

    def ask(place: int) -> None:
        question = questions[place]
        [ranked] = ranker.rank([question.given], [ranker.candidates(question)])
        if len(alone) < FEWEST:  # how many more are asked depends on the clock, and facts must not
            alone[place] = [title for title, _ in ranked[:DEPTH]]

    return one_at_a_time(ask, range(len(questions)), rows)


def _baselines(exam: _Exam, mine: Values, shelf: Shelf, setting: Setting) -> tuple[list[Score], dict[str, Ordered]]:
    """Scores of the baselines in the order asked for, and the rankings of those that worked."""
    scores: list[Score] = []
    rankings: dict[str, Ordered] = {}
    for name in setting.config.baselines:
        try:
            rankings[name] = BASELINES[name](exam.questions, shelf, setting)
        except FAILURES as error:
            scores.append(Score(name=name, metrics={}, **untold(error)))
            continue
        lists = rankings[name].lists
        places = [place for place, ranked in enumerate(lists) if ranked is not None]
        part = exam
        if len(places) < len(lists):
            part = exam.only(places, replicates=setting.config.replicates, seed=setting.seed)
        values = part.values([ranked for ranked in lists if ranked is not None])
        same = {metric: column[places] for metric, column in mine.items()}
        scores.append(
            Score(
                name=name,
                metrics=bootstrap_means(values, part.drawn),
                difference=paired_means(same, values, part.drawn),
                p_values=swap_p_means(same, values, part.drawn, seed=setting.seed),
            )
        )
    return scores, rankings


# ---------------------------------------------------------------------------------------------- beside the scores


def _ceiling(questions: Sequence[Question], proposed: Sequence[Sequence[str]]) -> dict[str, float]:
    """How many candidates the model was given on average, and the share of what would be right that was among them: no
    order of them has a higher recall.
    """
    held = [
        len(set(titles) & set(question.wanted)) / len(question.wanted)
        for question, titles in zip(questions, proposed, strict=True)
    ]
    return {"mean": sum(map(len, proposed)) / len(proposed), "recall": sum(held) / len(held)}


def _reach(lists: Sequence[list[str] | None], shelf: Shelf) -> dict[str, float]:
    """Coverage of the goods that training knows, and mean novelty of what is shown."""
    shown = [ranked for ranked in lists if ranked is not None]
    known = [[title for title in ranked if title in shelf.bought] for ranked in shown]
    return {
        f"coverage@{DEPTH}": coverage(known, max(1, len(shelf.titles))),
        f"novelty@{DEPTH}": float(novelty(shown, shelf.bought).mean()),
    }


def _slices(exam: _Exam, values: Values, shelf: Shelf, units: set[str], seed: int) -> list[dict[str, Any]]:
    """The first metric for goods that training met or not, for known and new customers, by what is known of them, and
    by source.
    """
    questions = exam.questions
    goods = ["new" if question.cold_goods(shelf.bought) else "known" for question in questions]
    made = [Cut("goods", goods, ["known", "new"])]
    if any(HISTORY in question.given for question in questions):
        customers = ["new" if question.cold_customer(units) else "known" for question in questions]
        made.append(Cut("customer", customers, ["known", "new"]))
        made.append(Cut("history", [_length(question) for question in questions], ["0", "1 – 3", "> 3"]))
    sources = [question.source for question in questions]
    made.append(Cut("source", sources, sorted(set(sources))))

    def score(places: NDArray[np.int64], drawn: Resamples) -> Interval | None:
        return bootstrap_means({METRICS[0]: values[METRICS[0]][places]}, drawn).get(METRICS[0])

    return sliced(made, [question.unit for question in questions], METRICS[0], score, seed=seed)


def _length(question: Question) -> str:
    many = len(apart(question.given[HISTORY]))
    return "0" if not many else "1 – 3" if many <= 3 else "> 3"


def _predictions(
    exam: _Exam, ours: Sequence[Sequence[str]], values: Values, theirs: dict[str, list[list[str] | None]]
) -> Table:
    """Question by question: id, group, target (what would be right, best first), predicted (the first ten, in their
    order), a column per metric, and the first ten of each baseline (null where it was not asked).
    """
    import pyarrow as pa

    questions = exam.questions
    wanted = [sorted(question.wanted, key=lambda title: (-question.wanted[title], title)) for question in questions]
    columns: dict[str, pa.Array] = {
        "id": pa.array([question.id for question in questions], pa.string()),
        "group": pa.array([question.unit for question in questions], pa.string()),
        "target": pa.array([joined(titles) for titles in wanted], pa.string()),
        "predicted": pa.array([joined(ranked[:DEPTH]) for ranked in ours], pa.string()),
    }
    columns |= {name: pa.array(column, pa.float64()) for name, column in values.items()}
    for name, lists in theirs.items():
        shown = [None if ranked is None else joined(ranked[:DEPTH]) for ranked in lists]
        columns[name] = pa.array(shown, pa.string())
    return Table.of(pa.table(columns))


def _nothing_to_rank(part: str, found: Asked) -> UserError:
    return UserError(
        f"there is nothing to rank: {found.unrankable} questions have no title that is right beside one that is not; "
        f"add rows, raise `split.{part}`, lower `task.recommend.relevant`, or set `task.recommend.strangers`",
        f"没有可以排序的内容：{found.unrankable} 个问题缺少对错可比的标题；请补充数据、调大 `split.{part}`、"
        "调低 `task.recommend.relevant`，或设置 `task.recommend.strangers`",
        place=part,
    )
