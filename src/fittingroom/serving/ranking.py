"""Ranking: titles in the order in which the model, told what is known, finds them likely.

A title's log-probability alone favours short titles and what is bought most. Several ways put that right; which one
is taken is measured when the bundle is made, on rows that are neither learnt nor the test:

    likelihood      log p(title | what is known)
    per_token       the same, divided by the title's tokens
    lift            log p(title | what is known) - log p(title | nothing): pointwise mutual information
    lift_popular    lift + log of the share that the goods have of all that was bought: Bayes with a counted prior
    contrast        log p(title | asked, best grade) - log p(title | asked, worst grade); only where rows have grades
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from fittingroom.errors import ModelError, UserError
from fittingroom.serving.bundle import By
from fittingroom.statistics.ranking import METRICS, judged, per_question
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.questions import Question
from fittingroom.tasks.recommend import JOB, asked_for, joined, settings_of, title_of
from fittingroom.tasks.shelf import Shelf
from fittingroom.types import Frozen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fittingroom.models.render import Message, Renderer

    Floats = NDArray[np.float64]

BYS: tuple[By, ...] = get_args(By)
_KEPT = 100_000
"""Titles whose prior is kept."""
Progress = Callable[[int, int], None]


class Ranked(Frozen):
    """Titles in their order, best first, and what each was ordered by."""

    titles: list[str]
    scores: list[float]
    """Natural logarithms; comparable within one ranking only."""
    input: dict[str, str]
    """What the model was given: cleaned and redacted."""


RawQuestion = str | Mapping[str, str | Sequence[str]]
"""What a shop sends: the text alone where the task asks for one field, else field -> text, or titles newest first."""


def fields_of(raw: RawQuestion, task: TaskConfig) -> dict[str, str]:
    """Field -> text, in the task's order, without the grade (the best is asked for); what is not sent is not known.

    Raises UserError for a field that is none of the task's.
    """
    names = [name for name in task.input if name != settings_of(task).grade]
    if isinstance(raw, str):
        if len(names) > 1:
            raise UserError(
                f"must be an object with {', '.join(names)}", f"必须是包含 {', '.join(names)} 的对象", place="input"
            )
        raw = {names[0]: raw}
    if set(raw) - set(names):
        # The name of the unknown field is the sender's text and is not repeated.
        raise UserError(
            f"holds a field that is none of {', '.join(names)}", f"含有 {', '.join(names)} 以外的字段", place="input"
        )
    texts = {name: raw.get(name, "") for name in names}
    return {name: one if isinstance(one, str) else joined(_titles(one)) for name, one in texts.items()}


def candidates_of(titles: Sequence[str]) -> list[str]:
    """Titles to rank as a shop sends them, each once. Raises UserError where none is left, or one is empty."""
    found = _titles(titles)
    if not found or not all(title_of(title) for title in titles):
        raise UserError(
            "needs at least one title, and none that is empty", "至少需要一个标题，且不能有空标题", place="candidates"
        )
    return found


def _titles(titles: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(title for one in titles if (title := title_of(one))))


class _Expected(NamedTuple):
    """What the model finds of the candidates of one question, arrays [k]."""

    likelihood: Floats
    tokens: Floats
    prior: Floats
    worst: Floats | None


class Ranker:
    """A model that ranks. Safe to share between threads: the model works on one request at a time."""

    def __init__(
        self, model: Any, renderer: Renderer, task: TaskConfig, shelf: Shelf, *, prompt_limit: int,
        by: By = "likelihood", lock: threading.Lock | None = None,
    ) -> None:  # fmt: skip
        """`prompt_limit`: tokens at which training cut its prompts; `lock`: what guards the model."""
        self.shelf, self.task, self.by = shelf, task, by
        self._model, self._renderer, self._limit = model, renderer, prompt_limit
        self._lock = lock or threading.Lock()
        self._before: list[Message] = []
        self._priors: dict[str, float] = {}

    def after(self, before: Sequence[Mapping[str, str]]) -> Ranker:
        """The same model, asked with these turns between the system turn and the question, such as examples with their
        answers; as much of them is kept as the model reads, the oldest going first.
        """
        reads = int(self._model.config.max_position_embeddings)
        other = Ranker(
            self._model, self._renderer, self.task, self.shelf, prompt_limit=reads, by=self.by, lock=self._lock
        )
        other._before = [dict(turn) for turn in before]  # what it expects where nothing is known is its own, too
        return other

    def rank(
        self, given: Sequence[Mapping[str, str]], candidates: Sequence[Sequence[str]], progress: Progress | None = None
    ) -> list[list[tuple[str, float]]]:
        """For each question its candidates with their scores, best first. Of equal ones the one bought more often
        comes first, then the alphabet decides. Raises UserError for a question without candidates, ModelError where
        the model gives no finite number.
        """
        found = self._expected(given, candidates, [self.by], progress)
        return [self._order(self.by, titles, one) for titles, one in zip(candidates, found, strict=True)]

    def choose(self, questions: Sequence[Question], progress: Progress | None = None) -> dict[str, float]:
        """Way -> mean of the first metric on these questions; the best one (of equal ones the first) is taken from now
        on. No question: nothing is measured, and nothing changes.
        """
        if not questions:
            return {}
        settings = settings_of(self.task)
        ways = [way for way in BYS if way != "contrast" or settings.grade]
        candidates = [self.candidates(question) for question in questions]
        found = self._expected([question.given for question in questions], candidates, ways, progress)
        wanted = [question.wanted for question in questions]
        means: dict[str, float] = {}
        for way in ways:
            lists = [
                [title for title, _ in self._order(way, titles, one)]
                for titles, one in zip(candidates, found, strict=True)
            ]
            laid = judged(lists, wanted, relevant_from=settings.relevant_from)
            means[way] = round(float(per_question(laid)[METRICS[0]].mean()), 6)
        self.by = max(ways, key=lambda way: means[way])
        return means

    def candidates(self, question: Question) -> list[str]:
        """The titles of a question: its own, or those that the shelf proposes."""
        return question.candidates or self.shelf.candidates(question.given, self.task)

    # ------------------------------------------------------------------------------------------ inside

    def _expected(
        self, given: Sequence[Mapping[str, str]], candidates: Sequence[Sequence[str]], ways: Sequence[By],
        progress: Progress | None,
    ) -> list[_Expected]:  # fmt: skip
        import numpy as np

        for at, titles in enumerate(candidates):
            if not titles:
                raise UserError(
                    "there is no candidate to rank: give some, or sell more goods than the customer has",
                    "没有可排序的候选商品：请提供候选，或上架客户尚未购买的商品",
                    place=f"candidates.{at}",
                )
        answers = [[self._answer(title) for title in titles] for titles in candidates]
        best = self._scored([asked_for(one, self.task) for one in given], answers, progress)
        worst: list[Floats] | None = None
        if "contrast" in ways:
            low = settings_of(self.task).worst
            worst = self._scored([asked_for(one, self.task, low) for one in given], answers, progress)
        if {"lift", "lift_popular"} & set(ways):
            self._learn_priors(list(dict.fromkeys(title for titles in candidates for title in titles)))
        return [
            _Expected(
                best[row],
                np.array([len(answer) for answer in answers[row]], dtype=np.float64),
                np.array([self._priors.get(title, 0.0) for title in titles]),
                worst[row] if worst else None,
            )
            for row, titles in enumerate(candidates)
        ]

    def _order(self, way: By, titles: Sequence[str], found: _Expected) -> list[tuple[str, float]]:
        bought = self.shelf.bought
        scores = _scores(way, found, self._shares(titles))
        pairs = [(title, round(float(score), 6)) for title, score in zip(titles, scores, strict=True)]
        return sorted(pairs, key=lambda pair: (-pair[1], -bought.get(pair[0], 0), pair[0]))

    def _shares(self, titles: Sequence[str]) -> Floats:
        """Log of the share that each has of all purchases; every title counts as bought once more than it was."""
        import numpy as np

        bought = self.shelf.bought
        total = sum(bought.values()) + len(bought) + 1
        return np.array([math.log((bought.get(title, 0) + 1) / total) for title in titles])

    def _learn_priors(self, titles: Sequence[str]) -> None:
        """What the model expects of titles where nothing is known."""
        if len(self._priors) + len(titles) > _KEPT:
            self._priors.clear()
        new = [title for title in titles if title not in self._priors]
        if new:
            nothing = asked_for(dict.fromkeys(self.task.input, ""), self.task)
            found = self._scored([nothing], [[self._answer(title) for title in new]], None)[0]
            self._priors.update(zip(new, found.tolist(), strict=True))

    def _answer(self, title: str) -> list[int]:
        return self._renderer.answer_ids(JOB.answer(title, self.task, []))

    def _scored(
        self, given: Sequence[Mapping[str, str]], answers: Sequence[Sequence[Sequence[int]]], progress: Progress | None
    ) -> list[Floats]:
        import numpy as np

        from fittingroom.models.branches import score_branches

        reads = int(self._model.config.max_position_embeddings)
        prompts = []
        for at, (one, of_one) in enumerate(zip(given, answers, strict=True)):
            room = min(self._limit, reads - max(len(answer) for answer in of_one))
            prompts.append(self._prompt(one, room))
            if len(prompts[-1]) > max(room, 1):
                raise UserError(
                    f"a title is too long: prompt and title must fit into the {reads} tokens that the model reads",
                    f"标题过长：提示与标题合计须在模型可读的 {reads} 个 token 之内",
                    place=f"candidates.{at}",
                )
        with self._lock:
            found = score_branches(self._model, prompts, answers, progress=progress)
        if not all(np.isfinite(one).all() for one in found):
            raise ModelError("the model gave values that are not numbers", "模型给出的值不是数字")
        return found

    def _prompt(self, given: Mapping[str, str], room: int) -> list[int]:
        asked = JOB.messages(given, self.task, [])
        return self._renderer.prompt_ids([*asked[:-1], *self._before, *asked[-1:]], room)


def _scores(way: By, found: _Expected, shares: Floats) -> Floats:
    """[k] what candidates are ordered by."""
    if way == "per_token":
        return found.likelihood / found.tokens
    if way == "lift":
        return found.likelihood - found.prior
    if way == "lift_popular":
        return found.likelihood - found.prior + shares
    if way == "contrast":
        if found.worst is None:
            raise ValueError("without grades there is no worst one to set against the best")
        return found.likelihood - found.worst
    return found.likelihood
