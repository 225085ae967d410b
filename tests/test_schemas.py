"""The shapes that `--json` prints, and that the API will serve, are a promise: a change must be a decision.

Else: python tests/test_schemas.py, and say in the changelog what changed.
"""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel

from fittingroom.checking import Checked
from fittingroom.discovering import Discovered
from fittingroom.explaining import PitfallRow
from fittingroom.exporting import Exported
from fittingroom.forgetting import Forgotten
from fittingroom.offering import ModelTable
from fittingroom.report.summary import ReportSummary
from fittingroom.reviewing import Decided
from fittingroom.searching import Searched
from fittingroom.serving.answers import Prediction
from fittingroom.stages.monitor import DriftReport
from fittingroom.types import Page, Release, RunSummary
from fittingroom.verifying import Verified

GOLDEN = Path(__file__).parent / "golden_schemas.json"
SHOWN: tuple[type[BaseModel], ...] = (
    Checked,
    Decided,
    Discovered,
    DriftReport,
    Forgotten,
    Exported,
    ModelTable,
    Page,
    PitfallRow,
    Prediction,
    Release,
    ReportSummary,
    RunSummary,
    Verified,
    Searched,
)


def schemas() -> str:
    """All of them, without the docstrings, which may be put better."""
    found = {model.__name__: _bare(model.model_json_schema()) for model in SHOWN}
    return json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _bare(value: object) -> object:
    if isinstance(value, dict):
        return {name: _bare(item) for name, item in value.items() if name != "description" or isinstance(item, dict)}
    return [_bare(item) for item in value] if isinstance(value, list) else value


def test_the_shapes_of_json_are_frozen() -> None:
    assert schemas() == GOLDEN.read_text(encoding="utf-8")


if __name__ == "__main__":
    GOLDEN.write_text(schemas(), encoding="utf-8")
