"""What the checks hand on to each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fittingroom.engine import Context
from fittingroom.models.load import BaseModelInfo, ModelConfig
from fittingroom.types import Plan, Text

if TYPE_CHECKING:
    import numpy as np

    from fittingroom.models.render import Renderer
    from fittingroom.verifying.trial import Trial

Made = tuple[bool | None, Text, dict[str, float]]
"""Whether it is well (None: not measured), in words, in numbers."""


@dataclass
class State:
    """Filled check by check; what is not there yet was not reached."""

    model: ModelConfig
    context: Context
    steps: int
    base: BaseModelInfo | None = None
    before: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Size and time of the base's files."""
    tokenizer: Any = None
    renderer: Renderer | None = None
    trial: Trial | None = None
    plan: Plan | None = None
    """How the trial lies on this machine."""
    loaded: Any = None
    """The base, then the base with adapters."""
    untuned: np.ndarray | None = None
    """[rows, labels] scores, as all below."""
    trained: np.ndarray | None = None
    merged: np.ndarray | None = None
    bundle: Path | None = None


def file_states(path: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file below a folder."""
    files = [file for file in path.rglob("*") if file.is_file()]
    return {str(file.relative_to(path)): (file.stat().st_size, file.stat().st_mtime_ns) for file in files}
