"""Which judge a job has: one line per kind."""

from __future__ import annotations

from collections.abc import Callable

from fittingroom.evaluating import closed, generated, ranked
from fittingroom.evaluating.setting import Setting
from fittingroom.types import EvalReport

JUDGES: dict[str, Callable[[Setting], EvalReport]] = {
    "classify": closed.judge,
    "reply": generated.judge,
    "recommend": ranked.judge,
    "copywrite": generated.judge,
}
"""Kind of job -> its judge."""
