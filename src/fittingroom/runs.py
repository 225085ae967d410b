"""A run, from its folder to its last word."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from fittingroom.beforehand import load_recipe
from fittingroom.engine import Note, NoteSink
from fittingroom.errors import FittingroomError, Interrupted, UserError
from fittingroom.journal import Journal
from fittingroom.types import RunSummary, Text

if TYPE_CHECKING:
    from fittingroom.config import RunConfig
    from fittingroom.run import Run

_STOPPED = Text(
    en="stopped; `fittingroom resume` goes on where it was", zh="已停止；`fittingroom resume` 会从停下处继续"
)


def carry_out(root: Path, config: RunConfig, run: Run) -> RunSummary:
    """Attempts until the run ends, and its report; whatever stops it stands in the journal before it is raised."""
    from fittingroom.history import History, exclusively
    from fittingroom.pipeline import adapt
    from fittingroom.reporting import write_report
    from fittingroom.text.redact import said

    history, folder = History(root), run.folder
    with exclusively(folder):
        run.journal.append("run_started", pid=os.getpid())
        try:
            outcome = adapt(config, run)
        except KeyboardInterrupt as error:
            run.journal.append("run_done", status="interrupted", message=_STOPPED.model_dump())
            raise Interrupted(_STOPPED.en, _STOPPED.zh, place=f"runs/{folder.name}") from error
        except FittingroomError as error:
            told = Text(en=said(error.text("en")), zh=said(error.text("zh")))
            # On a full disk not even this may find room; the run then counts as interrupted, and can be resumed.
            with contextlib.suppress(OSError):
                run.journal.append("run_done", status="error", message=told.model_dump())
            raise
        except Exception as error:
            # The text of a foreign error may quote a customer's words: only its class is kept.
            told = Text(en=f"internal error: {type(error).__name__}", zh=f"内部错误：{type(error).__name__}")
            run.journal.append("run_done", status="error", message=told.model_dump())
            raise
        run.journal.append(
            "run_done", status=outcome.status, release=outcome.release, message=outcome.message.model_dump()
        )
        write_report(root, history, folder)
    return history.summary(folder)


def approve(root: Path, run_id: str | None, by: str) -> str:
    """Note in a waiting run's journal that the change it asks for is allowed; returns the run's id."""
    from fittingroom.history import History

    history = History(root)
    folder = history.find(run_id)
    journal = Journal(folder / "events.jsonl")
    asked = [event for event in journal.read() if event["kind"] == "asked"]
    if history.summary(folder).status != "waiting" or not asked:
        raise UserError("asks for nothing that could be approved", "没有待批准的改动", place=f"runs/{folder.name}")
    journal.append("approved", config=asked[-1]["config"], by=by)
    return folder.name


def tell_changes(root: Path, folder: Path, note: NoteSink) -> None:
    """Say so when the recipe file is not what the run began with: the run goes on as it began."""
    from fittingroom.history import History

    history = History(root)
    recipe, sets = history.asked(folder)
    try:
        now = load_recipe(root, recipe, sets)
    except FittingroomError:
        return  # it is gone or unreadable by now, and the run does not need it
    changed = [path for path in history.config(folder).diff(now) if path != "model.revision"]
    if changed:
        names = ", ".join(changed)
        text = Text(
            en=f"{recipe} changed since run {folder.name} began ({names}): the run goes on as it began; "
            "`fittingroom run` starts one with the changes",
            zh=f"{recipe} 在运行 {folder.name} 开始后改过（{names}）：本次运行仍按原配方继续；"
            "用 `fittingroom run` 按新配方开始",
        )
        note(Note("recipe_changed", {"changed": changed}, text))
        Journal(folder / "events.jsonl").append("recipe_changed", changed=changed, text=text.model_dump())
