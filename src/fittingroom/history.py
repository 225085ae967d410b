"""What runs there are and how they stand: the fold over each run's journal."""

from __future__ import annotations

import fcntl
import json
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field

from fittingroom.config import RunConfig, parse
from fittingroom.errors import StoreError
from fittingroom.journal import Journal
from fittingroom.store import write_json
from fittingroom.types import Attempt, Frozen, RunStatus, RunSummary, Text, Verdict

ENDED: frozenset[RunStatus] = frozenset({"passed", "failed", "inconclusive"})
"""A run that got this far said its last word."""


class History:
    """The folder `runs/` of a workspace."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "runs"

    def create(self, config: RunConfig, recipe: str, sets: Sequence[str] = ()) -> Path:
        """A new run's folder; its recipe is in place before the folder gets its name."""
        now = time.time()
        # Milliseconds before what is random: ids sort as the runs were started.
        name = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now))}-{int(now * 1000) % 1000:03d}{secrets.token_hex(2)}"
        aside = self.folder / f".new-{name}"
        aside.mkdir(parents=True)
        stored = {"recipe": recipe, "sets": list(sets), "config": config.model_dump(mode="json")}
        write_json(aside / "recipe.json", stored)
        return aside.rename(self.folder / name)

    def ids(self) -> list[str]:
        """Ids of all runs, oldest first."""
        if not self.folder.is_dir():
            return []
        names = [path.name for path in self.folder.iterdir() if (path / "recipe.json").is_file()]
        return sorted(name for name in names if not name.startswith("."))

    def find(self, run_id: str | None) -> Path:
        """The run of that id (or of a unique beginning of it); the newest one without an id."""
        ids = self.ids()
        found = [name for name in ids if name.startswith(run_id)] if run_id else ids[-1:]
        if len(found) != 1:
            raise StoreError(*_not_found(run_id, found), place=run_id or "runs")
        return self.folder / found[0]

    def asked(self, folder: Path) -> tuple[str, list[str]]:
        """The file and the `--set` values that a run was started with."""
        stored: dict[str, Any] = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
        return stored["recipe"], stored.get("sets", [])

    def config(self, folder: Path) -> RunConfig:
        """The recipe that a run was started with."""
        stored: dict[str, Any] = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
        return parse(stored["config"], place=f"runs/{folder.name}/recipe.json")

    def summary(self, folder: Path) -> RunSummary:
        """How a run stands."""
        events = list(Journal(folder / "events.jsonl").read())
        config = self.config(folder)
        done = next((event for event in reversed(events) if event["kind"] in {"run_done", "run_started"}), None)
        status: RunStatus = "interrupted"
        message, release = None, None
        if done is not None and done["kind"] == "run_done":
            status, release = done["status"], done.get("release")
            message = Text.model_validate(done["message"]) if done.get("message") else None
        elif locked(folder):
            status = "running"
        attempts = _attempts(events)
        metrics, decision, digests = _judgement(events, config.gate.metric or "")
        report = folder / "report.html"
        return RunSummary(
            id=folder.name,
            name=config.name,
            status=status,
            metrics=metrics,
            decision=decision,
            release=release,
            attempts=attempts,
            report=str(report) if report.exists() else "",
            message=message,
            digests=digests,
            judged_by=config.gate.metric or "",
        )

    def summaries(self) -> list[RunSummary]:
        """All runs, oldest first."""
        return [self.summary(self.folder / name) for name in self.ids()]

    def unfinished(self) -> Path | None:
        """The newest run that can be resumed, if there is one."""
        for name in reversed(self.ids()):
            if self.summary(self.folder / name).status in {"interrupted", "waiting", "error"}:
                return self.folder / name
        return None


def _not_found(run_id: str | None, found: list[str]) -> tuple[str, str]:
    """What to say, in English and Chinese."""
    if found:
        return "several runs begin like this", "有多个运行以此开头"
    if run_id:
        return "no such run; `fittingroom runs` lists them", "没有这个运行；`fittingroom runs` 列出全部"
    return "there is no run yet; `fittingroom run` starts one", "还没有运行；用 `fittingroom run` 开始"


@contextmanager
def exclusively(folder: Path) -> Iterator[None]:
    """Hold a run: two processes never work on the same one. The lock goes with the process, also under kill -9."""
    with (folder / "lock").open("w") as file:
        if not _taken(file.fileno()):
            raise StoreError(
                "another process works on this run", "另一个进程正在处理这个运行", place=f"runs/{folder.name}"
            )
        yield


def _taken(handle: int) -> bool:
    """Try for a second: who only looks whether a run is being worked on holds its lock for a moment."""
    for _ in range(20):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
        else:
            return True
    return False


def locked(folder: Path) -> bool:
    """Whether a process works on this run."""
    path = folder / "lock"
    if not path.exists():
        return False
    with path.open("r") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _attempts(events: list[dict[str, Any]]) -> list[Attempt]:
    """Attempts by number; a resumed run tells them again, the last word counts."""
    found: dict[int, Attempt] = {}
    for event in events:
        if event["kind"] in {"attempt_started", "attempt_done"}:
            this = Attempt.model_validate(event["attempt"])
            if event["kind"] == "attempt_done" or this.number not in found:
                found[this.number] = this
    return [found[number] for number in sorted(found)]


class TrainingCurves(Frozen):
    """How far the training of an attempt is, as its journal tells while it runs; the fields as in `Trained`."""

    attempt: int
    total: int = 0
    """Steps planned."""
    steps: list[dict[str, float]] = Field(default_factory=list)
    evals: list[dict[str, float]] = Field(default_factory=list)
    speed: dict[str, float] = Field(default_factory=dict)
    """Of the moment: tokens_per_second, examples_per_second."""
    said: list[Text] = Field(default_factory=list)
    """Checkpoints that were passed over or could not be written, and other words."""


def curves(events: Iterable[dict[str, Any]]) -> dict[int, TrainingCurves]:
    """Curves of the training of every attempt, finished or not, for faces that draw them live.

    A training that is taken up after a kill tells its curves again from their beginning, and what was told before
    counts no more: every step is there once, also where the kill or a full disk swallowed some events.
    """
    found: dict[int, TrainingCurves] = {}
    number = 0
    for event in events:
        if event["kind"] == "attempt_started":
            number = event["attempt"]["number"]
        elif event.get("stage") == "train" and event["kind"] not in {"stage_started", "stage_done"}:
            found[number] = _grown(found.get(number) or TrainingCurves(attempt=number), event)
    return found


def _grown(so_far: TrainingCurves, event: dict[str, Any]) -> TrainingCurves:
    said = [*so_far.said, Text.model_validate(event["text"])] if event.get("text") else so_far.said
    if event["kind"] == "training_started":
        return so_far.model_copy(update={"total": event["steps"], "steps": [], "evals": []})
    if event["kind"] != "training":
        return so_far.model_copy(update={"said": said})
    grown = {name: [*getattr(so_far, name), *event[name]] for name in ("steps", "evals")}
    speed = {name: event[name] for name in ("tokens_per_second", "examples_per_second") if name in event}
    return so_far.model_copy(update={**grown, "speed": speed})


@dataclass
class _Told:
    """What one attempt told of itself."""

    metrics: dict[str, float] = field(default_factory=dict)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    """By part."""
    digests: dict[str, str] = field(default_factory=dict)


def _judgement(events: list[dict[str, Any]], metric: str) -> tuple[dict[str, float], Verdict | None, dict[str, str]]:
    """Scores (dev, and test when it was opened) and the last verdict of the attempt that counts: one that passed dev,
    else the best by the gate's metric, of equal ones the last; and the digests of what the last attempt put out.
    """
    found: dict[int, _Told] = {0: _Told()}
    number = 0
    for event in events:
        if event["kind"] == "attempt_started":
            number = event["attempt"]["number"]
            found[number] = _Told()  # a resumed run tells it again
        elif event["kind"] == "stage_done":
            told = found[number]
            told.digests[event["stage"]] = event["digest"]
            told.metrics |= event.get("metrics") or {}
            if event.get("verdict"):
                told.verdicts[event["stage"].rpartition(".")[2]] = Verdict(event["verdict"])

    judged = [of for of, told in found.items() if told.metrics] or [number]
    passed = [of for of in judged if found[of].verdicts.get("dev") is Verdict.PASS]
    by_metric = max(judged, key=lambda of: (found[of].metrics.get(f"dev.{metric}", -1.0), of))
    best = found[passed[-1] if passed else by_metric]
    verdicts = list(best.verdicts.values())
    return best.metrics, verdicts[-1] if verdicts else None, found[number].digests
