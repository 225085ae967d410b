"""Ask the deployed model one thing, without a server."""

from __future__ import annotations

from pathlib import Path

from fittingroom.serving.load import load_release
from fittingroom.serving.predictor import Prediction, RawInput
from fittingroom.serving.registry import CHAMPION, alias_target


def ask(root: Path, given: RawInput, *, alias: str = CHAMPION) -> Prediction:
    """Load the release behind an alias and classify one message. Nothing is recorded."""
    return load_release(root, alias_target(root, alias)).classify([given])[0]
