"""Ask the deployed model one thing, without a server."""

from __future__ import annotations

from pathlib import Path

from fittingroom.serving.answers import Prediction
from fittingroom.serving.inputs import RawInput
from fittingroom.serving.load import load_release
from fittingroom.serving.ranking import Ranked
from fittingroom.serving.registry import CHAMPION, alias_target
from fittingroom.serving.writing import Written


def ask(root: Path, given: RawInput, *, alias: str = CHAMPION) -> Prediction | Written | Ranked:
    """Load the release behind an alias and answer one message: with a label, in free text where the task has none, or
    with a ranking. Nothing is recorded.
    """
    predictor = load_release(root, alias_target(root, alias))
    if predictor.info.task.kind == "recommend":
        return predictor.rank(given)
    return predictor.classify([given])[0] if predictor.labels else predictor.write([given])[0]
