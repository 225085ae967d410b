"""Verify: try the whole road on a base model that a user has, and say check by check what came of it.

The base is only read. Everything that is written goes into a temporary folder, which is removed at the end.
"""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import Field

from fittingroom.engine import Context, ProgressSink, cpu_threads, silent
from fittingroom.errors import FittingroomError
from fittingroom.models.load import ModelConfig
from fittingroom.types import Frozen, Text
from fittingroom.verifying import texts, weights
from fittingroom.verifying.state import Made, State

CHECKS = ("files", "identity", "round trip", "prompts", "template", "load", "train", "merge", "serve", "untouched")
"""In this order; one that fails leaves those that need it unmeasured."""

Status = Literal["ok", "not ok", "not measured"]


class Check(Frozen):
    """One line of the verification."""

    name: str
    status: Status
    summary: Text
    measured: dict[str, float] = Field(default_factory=dict)
    seconds: float = 0.0


class Verified(Frozen):
    """What was found."""

    base: str
    revision: str = ""
    digest: str = ""
    recognised: Text
    device: str
    checks: list[Check]
    seconds: float
    ok: bool
    """Every check was made and is well; only a template that the publisher does not ship may be missing."""


def verify(
    model: ModelConfig, root: Path, *, steps: int = 8, progress: ProgressSink = silent, threads: int | None = None
) -> Verified:
    """Try a base model. Whatever is wrong with it becomes a check that is not ok; nothing is raised for it."""
    from fittingroom.models.device import device
    from fittingroom.training.fit import repeatable

    started = time.monotonic()
    where = device()
    with tempfile.TemporaryDirectory(prefix="fittingroom-verify-") as folder, repeatable(threads or cpu_threads()):
        context = Context(
            root=root, scratch=Path(folder), secret=secrets.token_bytes(32), progress=progress,
            threads=threads or cpu_threads(),
        )  # fmt: skip
        state = State(model, context, steps)
        checks = _walk(state)
    return Verified(
        base=model.base,
        revision=state.base.revision if state.base else "",
        digest=state.base.digest if state.base else "",
        recognised=state.base.recognised.told() if state.base else Text(en="not loaded", zh="未加载"),
        device=f"{where.name}, {where.memory / 2**30:,.1f} GiB",
        checks=checks,
        seconds=round(time.monotonic() - started, 1),
        ok=all(check.status == "ok" or (check.name == "template" and check.status != "not ok") for check in checks),
    )


_STEPS: dict[str, tuple[Callable[[State], Made], Callable[[State], bool]]] = {
    "files": (texts.files, lambda state: True),
    "identity": (texts.identity, lambda state: state.base is not None),
    "round trip": (texts.round_trip, lambda state: state.base is not None),
    "prompts": (texts.prompts, lambda state: state.tokenizer is not None),
    "template": (texts.template, lambda state: state.renderer is not None),
    "load": (weights.load, lambda state: state.trial is not None),
    "train": (weights.train, lambda state: state.untuned is not None),
    "merge": (weights.merge, lambda state: state.trained is not None),
    "serve": (weights.serve, lambda state: state.bundle is not None),
    "untouched": (texts.untouched, lambda state: bool(state.before)),
}
"""Name -> the check, and whether what it needs is there."""
_UNREACHED = Text(en="an earlier check has to be ok first", zh="需先通过前面的检查")


def _walk(state: State) -> list[Check]:
    """Make every check that can be made."""
    checks = []
    for number, name in enumerate(CHECKS):
        state.context.progress("verify", number, len(CHECKS))
        make, ready = _STEPS[name]
        started = time.monotonic()
        good, said, measured = _made(make, state) if ready(state) else (None, _UNREACHED, {})
        status: Status = "not measured" if good is None else "ok" if good else "not ok"
        seconds = round(time.monotonic() - started, 2)
        checks.append(Check(name=name, status=status, summary=said, measured=measured, seconds=seconds))
    state.context.progress("verify", len(CHECKS), len(CHECKS))
    return checks


def _made(make: Callable[[State], Made], state: State) -> Made:
    try:
        return make(state)
    except FittingroomError as error:
        return False, Text(en=error.text("en"), zh=error.text("zh")), {}
    except Exception as error:  # a foreign model may fail anywhere in a foreign library: that is the finding
        if os.environ.get("FITTINGROOM_DEBUG"):
            raise
        first = str(error).strip().split("\n")[0][:200]
        return False, Text(en=f"{type(error).__name__}: {first}", zh=f"{type(error).__name__}：{first}"), {}
