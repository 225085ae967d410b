"""Bad states read from a file of the form of `faults.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from fittingroom.dotted import flatten, set_path
from fittingroom.types import Frozen


class State(Frozen):
    """One state."""

    kind: Literal["seen", "earlier", "unseen", "compound", "healthy", "earlier healthy"]
    causes: list[str] = Field(default_factory=list)
    recipe: dict[str, Any] = Field(default_factory=dict)
    data: dict[str, float] = Field(default_factory=dict)
    plant: str = ""
    hand: dict[str, Any] = Field(default_factory=dict)


def read(file: Path) -> dict[str, State]:
    """Name -> state."""
    import yaml

    return {name: State.model_validate(one) for name, one in yaml.safe_load(file.read_text("utf-8"))["states"].items()}


def spoilt(good: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A copy of a good recipe with changes in place."""
    import copy

    values = copy.deepcopy(good)
    for path, change in changes.items():
        set_path(values, path, _value(flatten(good).get(path), change))
    return values


def _value(before: Any, change: Any) -> Any:
    if isinstance(change, str) and change[:1] in "x/" and change[1:].replace(".", "", 1).isdigit():
        factor = float(change[1:])
        return float(f"{float(before) * factor if change[0] == 'x' else float(before) / factor:.6g}")
    return change
