"""Recommend: rank goods for a customer, or titles for a search.

The model learns as for any open answer: what is known of the moment -> the title of what was bought. In service it
invents nothing: it is asked how likely it finds each title of a list of candidates, and the list is put in that order.
What is not known is left out of the prompt; where nothing is known, a dash stands there, and what the model then
expects is its prior.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from fittingroom.statistics.ranking import METRICS
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.job import Unlabelled
from fittingroom.tasks.recommend_config import RecommendConfig

if TYPE_CHECKING:
    import pyarrow as pa

HISTORY, VIEWED, SEARCHED = "history", "viewed", "searched"
"""Fields that events are gathered into: titles bought before, titles looked at, words searched for."""
PERSONAL = (HISTORY, VIEWED)
"""What `personal: false` leaves out."""
NOTHING = "-"
"""The user's turn where nothing is known."""
_BETWEEN = "; "


def settings_of(task: TaskConfig) -> RecommendConfig:
    """The task's own section; its defaults where the recipe leaves it out."""
    return task.recommend or RecommendConfig()


def of_moments(task: TaskConfig) -> bool:
    """Whether rows are moments of customers (what was known then -> what was bought): two of them may well be alike."""
    return task.kind == "recommend" and not settings_of(task).grade


def title_of(text: str | None) -> str:
    """A title as it is compared and written into lists: single spaces, no semicolon (it stands between titles)."""
    return " ".join((text or "").replace(";", ",").split())


def joined(titles: Sequence[str]) -> str:
    """Titles as one text, newest first: what is too long for the model is cut at the end."""
    return _BETWEEN.join(titles)


def apart(text: str | None) -> list[str]:
    """The titles of such a text, each once, in their order."""
    return list(dict.fromkeys(title for one in (text or "").split(";") if (title := title_of(one))))


def impersonal(given: Mapping[str, str]) -> dict[str, str]:
    """The fields without what the customer bought and looked at."""
    return {name: "" if name in PERSONAL else text for name, text in given.items()}


def told(given: Mapping[str, str], task: TaskConfig) -> dict[str, str]:
    """The fields as the model is told them: of all that a customer has, the newest goods."""
    settings = settings_of(task)
    most = {HISTORY: settings.history, VIEWED: settings.viewed}
    return {name: joined(apart(text)[: most[name]]) if name in most else text for name, text in given.items()}


def asked_for(given: Mapping[str, str], task: TaskConfig, grade: float | None = None) -> dict[str, str]:
    """The fields of a question to rank by: asking for the best titles, or for those of another grade."""
    settings = settings_of(task)
    if not settings.grade:
        return dict(given)
    return {**given, settings.grade: f"{settings.best if grade is None else grade:g}"}


def grade_of(text: str | None, settings: RecommendConfig) -> float | None:
    """A grade as people write it; None for what is no number of the scale."""
    try:
        grade = float(text or "")
    except ValueError:
        return None
    return grade if math.isfinite(grade) and settings.worst <= grade <= settings.best else None


class Recommend(Unlabelled):
    """The job, as stages and serving see it. Goods come and go: their titles are no closed set."""

    kind: ClassVar[str] = "recommend"
    metrics: ClassVar[tuple[str, ...]] = METRICS

    def messages(self, given: Mapping[str, str], task: TaskConfig, labels: Sequence[str]) -> list[dict[str, str]]:
        """The conversation that asks for a title: the fields that say something, one a line.

        A single field stands alone; of several each has its name before it.
        """
        settings, known = settings_of(task), told(given, task)
        lines = []
        for name in task.input:
            text = _plain_grade(known.get(name, ""), settings) if name == settings.grade else known.get(name, "")
            if text.strip():
                lines.append(text if len(task.input) == 1 else f"{name}: {text}")
        system = [{"role": "system", "content": task.instruction}] if task.instruction else []
        return [*system, {"role": "user", "content": "\n".join(lines) or NOTHING}]

    def answer(self, target: str, task: TaskConfig, labels: Sequence[str]) -> str:
        """The title."""
        return title_of(target)

    def learnable(self, table: pa.Table, task: TaskConfig) -> list[str]:
        """Why a row must not be learnt from: it has no title, or a grade that is none of the scale."""
        import pyarrow.compute as pc

        settings = settings_of(task)
        titles = pc.struct_field(table.column("target"), task.target).to_pylist()
        if not settings.grade:
            return ["" if title_of(title) else "no title" for title in titles]
        grades = pc.struct_field(table.column("input"), settings.grade).to_pylist()
        return [
            "no title" if not title_of(title) else "" if grade_of(grade, settings) is not None else "no grade"
            for title, grade in zip(titles, grades, strict=True)
        ]


def _plain_grade(text: str, settings: RecommendConfig) -> str:
    """A grade in one spelling, however the source writes it: 3 and 3.0 are the same."""
    grade = grade_of(text, settings)
    return text if grade is None else f"{grade:g}"


JOB = Recommend()
