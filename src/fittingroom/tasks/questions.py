"""Rows of one part as questions: one per customer and moment (or per search), with all that would be right there.

A ranking is judged against everything that fits, so the rows of one moment, which share what was known and differ in
the title, are put together again. With grades a question is what is asked, and its graded titles are its candidates.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.recommend import HISTORY, apart, grade_of, settings_of, title_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass
class Question:
    """One ranking to make."""

    id: str
    """The smallest id of its rows."""
    unit: str
    """What is resampled: the customer, else the question itself."""
    source: str
    given: dict[str, str]
    """What is known, without a grade."""
    wanted: dict[str, float] = field(default_factory=dict)
    """Title -> gain in (0, 1]; what stands elsewhere is worth nothing."""
    candidates: list[str] | None = None
    """With grades: the titles to rank, in alphabetical order."""
    grades: set[float] = field(default_factory=set)

    def cold_customer(self, units: set[str]) -> bool:
        """Whether training knows nothing of whoever asks: no row of theirs, and nothing that they had before."""
        return self.unit not in units and not apart(self.given.get(HISTORY))

    def cold_goods(self, known: dict[str, int]) -> bool:
        """Whether none of what would be right was ever met in training."""
        return not any(title in known for title in self.wanted)


@dataclass(frozen=True)
class Asked:
    """The questions of a part, in the order of their ids."""

    questions: list[Question]
    unrankable: int
    """Questions that any order answers alike: no title that is right, or none beside it."""
    passed_over: int
    """Questions beyond `task.recommend.questions`."""
    untold: int = 0
    """Questions none of whose rows has a title, or a grade on the scale."""


def asked(rows: Table, task: TaskConfig, *, seed: int) -> Asked:
    """The questions of a part. Rows without a title, or with a grade outside the scale, make none."""
    settings = settings_of(task)
    found, untold = _by_moment(rows, task)
    if settings.grade:
        strangers = sorted({title for question in found for title in question.candidates or ()})
        for question in found:
            _join_strangers(question, strangers, settings.strangers, seed)
    usable = [question for question in found if _rankable(question, settings.relevant_from)]
    drawn = sorted(usable, key=lambda question: _lot(question.id, seed))[: settings.questions]
    in_order = sorted(drawn, key=lambda question: question.id)
    return Asked(in_order, len(found) - len(usable), len(usable) - len(drawn), untold)


def units_of(rows: Table) -> set[str]:
    """The customers of a part."""
    return {group for group in rows.column("group").to_pylist() if group}


def moments_of(rows: Table) -> NDArray[np.int64]:
    """[rows] a number for each customer and time, -1 where a row lacks one of them: what was bought in one moment is
    one question, and no split may tear it.
    """
    import numpy as np
    import pyarrow.compute as pc

    groups, times = rows.column("group"), rows.column("time").cast("int64")
    both = pc.binary_join_element_wise(groups, times.cast("string"), " ").combine_chunks()
    return np.asarray(both.dictionary_encode().indices.fill_null(-1), dtype=np.int64)


def _by_moment(rows: Table, task: TaskConfig) -> tuple[list[Question], int]:
    """One question per customer, time and input; with grades, per input alone (who graded is not who asked). And how
    many there would be beside them, had their rows a title and a grade on the scale.
    """
    settings = settings_of(task)
    found: dict[tuple[Any, ...], Question] = {}
    untold: set[tuple[Any, ...]] = set()
    columns = ("id", "source", "group", "time", "input", "target")
    for batch in rows.batches():
        for row in zip(*(batch.column(name).to_pylist() for name in columns), strict=True):
            row_id, source, group, time, fields, target = row
            given = {name: fields[name] or "" for name in task.input if name != settings.grade}
            said = tuple(given.values())
            key = said if settings.grade else (group, time, said) if group else (row_id,)
            title = title_of(target[task.target])
            grade: float | None = settings.best
            if settings.grade:
                grade = grade_of(fields[settings.grade], settings)
            if not title or grade is None:
                untold.add(key)
                continue
            question = found.setdefault(key, Question(row_id, group or row_id, source, given))
            question.id = min(question.id, row_id)
            _add(question, title, settings.gain(grade), graded=bool(settings.grade))
    return sorted(found.values(), key=lambda question: question.id), len(untold - found.keys())


def _add(question: Question, title: str, gain: float, *, graded: bool) -> None:
    """A title that was graded twice has the better of its grades."""
    if gain > 0:
        question.wanted[title] = max(gain, question.wanted.get(title, 0.0))
    if graded:
        question.candidates = sorted({*(question.candidates or ()), title})


def _join_strangers(question: Question, titles: Sequence[str], many: int, seed: int) -> None:
    own = question.candidates or []
    if many and titles:
        drawn = sorted(titles, key=lambda title: _lot(f"{question.id} {title}", seed))[: many + len(own)]
        own = sorted({*own, *[title for title in drawn if title not in own][:many]})
    question.candidates = own


def _rankable(question: Question, relevant_from: float) -> bool:
    """Whether an order can be right or wrong: something is, and not all there is is worth the same."""
    if not any(gain >= relevant_from for gain in question.wanted.values()):
        return False
    if question.candidates is None:
        return True
    return len({question.wanted.get(title, 0.0) for title in question.candidates}) > 1


def _lot(name: str, seed: int) -> str:
    """A place in a draw: the same in every run, in no relation to the content."""
    return hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).hexdigest()
