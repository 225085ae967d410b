"""Put the shelf into a bundle that ranks, and measure by which way of scoring its model ranks best."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fittingroom.serving.bundle import MODEL, SHELF, By
from fittingroom.serving.ranking import Ranker
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.questions import Question, asked
from fittingroom.tasks.recommend import settings_of
from fittingroom.tasks.shelf import Shelf
from fittingroom.types import Splits

if TYPE_CHECKING:
    from fittingroom.models.render import Renderer

_FEWEST = 20
"""Questions below which the calibration part is too small to choose by."""
_MOST = 200
"""Questions that are enough to choose by."""


class Shelved(NamedTuple):
    """What goes into `bundle.json` and into the facts."""

    by: By
    facts: dict[str, Any]


def shelve(
    folder: Path, splits: Splits, task: TaskConfig, renderer: Renderer, *, prompt_limit: int, seed: int,
    progress: Callable[[int, int], None],
) -> Shelved:  # fmt: skip
    """Write the tables of goods into the bundle, and choose the way of scoring on the calibration part (on dev where
    that is too small), through the weights that will be served. The test part is not looked at.
    """
    from fittingroom.models.load import load_to_score

    shelf = Shelf.of(splits.train, task, least_customers=settings_of(task).least_customers)
    shelf.write(folder / SHELF)
    part, questions = _held_out(splits, task, seed)
    ranker = Ranker(load_to_score(folder / MODEL), renderer, task, shelf, prompt_limit=prompt_limit)
    measured = ranker.choose(questions, progress)
    facts = {"goods": len(shelf.titles), "measured_on": part, "questions": len(questions), "by": measured}
    return Shelved(ranker.by, facts)


def _held_out(splits: Splits, task: TaskConfig, seed: int) -> tuple[str, list[Question]]:
    found = asked(splits.calibration, task, seed=seed).questions
    if len(found) >= _FEWEST:
        return "calibration", found[:_MOST]
    return "dev", asked(splits.dev, task, seed=seed).questions[:_MOST]
