"""What is compared in a cell: the loop, a good hand-made configuration, Optuna and random patches at equal minutes."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path
from typing import Any

from planting import planted
from states import State

from fittingroom import pipeline
from fittingroom.config import RunConfig, parse
from fittingroom.diagnose import ranked
from fittingroom.errors import Blocked
from fittingroom.run import Run
from fittingroom.searching import search_recipe
from fittingroom.stages.evaluate import evaluate
from fittingroom.store import Store
from fittingroom.types import Attempt, EvalReport

Result = dict[str, Any]
_METRIC = "macro_f1"


class Cell:
    """One state on one set, in one workspace: what one arm computed another may recall."""

    def __init__(
        self, root: Path, good: dict[str, Any], bad: dict[str, Any], hand: dict[str, Any], state: State
    ) -> None:
        self.root, self.state = root, state
        self.good, self.bad, self.hand = (parse(one, "benchmark") for one in (good, bad, hand))

    def run(self, arm: str) -> Run:
        """A run of its own, whose journal is begun anew."""
        root = self._root(arm)
        folder = root / "runs" / f"bench-{arm}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "events.jsonl").unlink(missing_ok=True)
        return Run(folder, Store(root), root=root, secret=b"benchmark-key-000")

    def _root(self, arm: str) -> Path:
        """What is planted into the code is in no key of the store: it has a workspace of its own, so that nothing is
        recalled that was made without it.
        """
        if not self.state.plant or arm == "hand":
            return self.root
        root = self.root.with_name(f"{self.root.name}-{self.state.plant}")
        root.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.root / "rows.jsonl", root / "rows.jsonl")
        return root

    def planted(self) -> Any:
        """The road with the state's fault."""
        return planted(self.state.data, self.state.plant)


def judged_on_both(run: Run, config: RunConfig) -> Result:
    """One attempt and its scores on dev and test. The test part is only looked at here, never by an arm."""
    try:
        done = pipeline.attempt(config, run)
        report: EvalReport = run.step(evaluate, config, done.bundle, done.splits, part="test")
    except Blocked as error:
        return {"dev": None, "test": None, "blocked": error.place}
    return {"dev": _score(done.report), "test": _score(report)}


def _score(report: EvalReport) -> float:
    return round(report.model.metrics[_METRIC].value, 4)


def by_hand(cell: Cell) -> Result:
    """The configuration of somebody who knows the fault."""
    started = time.monotonic()
    with planted(cell.state.data):
        found = judged_on_both(cell.run("hand"), cell.hand)
    return found | {"minutes": _minutes(started)}


def loop(cell: Cell, wanted: float) -> Result:
    """The product's own loop from the bad state, until a gate of `wanted` on dev passes."""
    config = cell.bad.patched({"gate.at_least": wanted})
    if "healthy" in cell.state.kind:  # one attempt under a gate that no run passes: it must not be given a cause
        config = cell.bad.patched({"gate.at_least": 1.0, "adapt.max_attempts": 1})
    run, started = cell.run("loop"), time.monotonic()
    with cell.planted():
        # The end of a run that passes (test opened, release deployed) is not what is measured here.
        release, pipeline.release = pipeline.release, lambda config, run, judged: pipeline.Outcome("passed", _PASSED)
        stopped: Result = {}
        try:
            outcome = pipeline.adapt(config, run)
        except Blocked as error:  # from what follows an attempt; within one it is the loop's own to read
            outcome = pipeline.Outcome("failed", pipeline.Text(en=error.text("en"), zh=error.text("zh")))
            stopped = {"blocked": error.place}
        finally:
            pipeline.release = release
        minutes = _minutes(started)
        if not run.attempts:
            return _never_began(outcome, stopped, minutes)
        best = max(run.attempts, key=lambda one: (one.metrics.get(f"dev.{_METRIC}", -1.0), -one.number))
        scores = judged_on_both(cell.run("loop-best"), _config_of(config, run.attempts, best)) | stopped
        first = judged_on_both(cell.run("loop-first"), config)
    diagnosed = [event for event in run.journal.read() if event["kind"] == "diagnosed"]
    return scores | {
        "status": outcome.status,
        "advice": outcome.message.en,
        "first": first,
        "named": _named(diagnosed),
        "acted": diagnosed[0]["cause"] if diagnosed else "",
        "suspected": [one.pitfall + ("!" if one.proven else "") for one in ranked(run.attempts[0].findings)],
        "attempts": [_told(one) for one in run.attempts],
        "best": best.number,
        "minutes": _worked(run),
        "wall_minutes": minutes,
        "first_minutes": _worked(run, 1),
        "examined": [
            {"stage": event["stage"], "seconds": event["worked"]}
            for event in run.journal.read()
            if event["kind"] == "stage_done" and event["stage"] in {"train", "examine"}
        ],
    }


def _never_began(outcome: pipeline.Outcome, stopped: Result, minutes: float) -> Result:
    """A loop that ended before its first attempt did."""
    nothing: Result = {"dev": None, "test": None} | stopped
    return nothing | {
        "status": outcome.status, "advice": outcome.message.en, "first": nothing, "named": "", "acted": "",
        "suspected": [], "attempts": [], "minutes": minutes, "wall_minutes": minutes,
    }  # fmt: skip


_PASSED = pipeline.Text(en="passed", zh="通过")


def _config_of(config: RunConfig, attempts: list[Attempt], wanted: Attempt) -> RunConfig:
    """The configuration of an attempt: the patches from the first one to it."""
    if not wanted.base:
        return config
    return _config_of(config, attempts, attempts[wanted.base - 1]).patched(wanted.patch)


def _named(diagnosed: list[dict[str, Any]]) -> str:
    """The cause that the first diagnosis acted on; where it could only advise, the first cause it told of the no."""
    if not diagnosed:
        return ""
    causes = [cause["pitfall"] for cause in diagnosed[0]["causes"] if cause["helps"]]
    return str(diagnosed[0]["cause"] or (causes[0] if causes else ""))


def _worked(run: Run, attempt: int | None = None) -> float:
    """Minutes that the stages of the run (or of one attempt) took when they were done: what another cell of the same
    workspace had done already counts here too.
    """
    seconds, number = 0.0, 0
    for event in run.journal.read():
        if event["kind"] == "attempt_started":
            number = event["attempt"]["number"]
        elif event["kind"] == "stage_done" and attempt in (None, number):
            seconds += event["worked"]
    return round(seconds / 60, 3)


def _told(one: Attempt) -> Result:
    return {
        "cause": one.cause,
        "base": one.base,
        "patch": one.patch,
        "expected": one.expected.change if one.expected else None,
        "came": round(one.came.change, 4) if one.came else None,
        "dev": one.metrics.get(f"dev.{_METRIC}"),
        "minutes": one.minutes,
    }


def optuna(cell: Cell, minutes: float) -> Result:
    """A search from the bad state for so many minutes, then one training with what it found."""
    rate = float(cell.bad.train.learning_rate)
    space = {
        "learning_rate": [max(1e-7, rate / 300), min(1.0, rate * 300), "log"],
        "batch_size": [4, 8, 16, 32, 64],
        "weight_decay": [0.0, 0.3],
        "dropout": [0.0, 0.3],
        "trials": 1000,
        "minutes": minutes,
        "share": 0.5,
    }
    config = cell.bad.patched({"search": space})
    with cell.planted():
        run = cell.run("optuna")
        try:
            splits = pipeline.data_road(config, run)
            found = search_recipe(run.root, config, splits, run, lambda what, done, total: None)
        except Blocked as error:
            return {"dev": None, "test": None, "blocked": error.place}
        scores = judged_on_both(cell.run("optuna-best"), config.patched(found.patch)) if found.best is not None else {}
    return {"dev": None, "test": None} | scores | {
        "patch": found.patch, "trials": len(found.trials), "minutes": found.minutes,
    }  # fmt: skip


def at_random(cell: Cell, minutes: float, seed: int = 7) -> Result:
    """Random bounded patches of the bad state, a whole attempt each, for so many minutes; the best on dev is kept."""
    chance, started = random.Random(seed), time.monotonic()
    best: tuple[float, RunConfig, dict[str, Any]] = (-1.0, cell.bad, {})
    tried = 0
    with cell.planted():
        run = cell.run("random")
        while tried == 0 or _minutes(started) < minutes:
            patch = _patch(cell.bad, chance)
            tried += 1
            try:
                done = pipeline.attempt(cell.bad.patched(patch), run)
            except Blocked:
                continue
            score = done.report.model.metrics[_METRIC].value
            best = max(best, (score, cell.bad.patched(patch), patch), key=lambda one: one[0])
        spent = _minutes(started)
        scores = judged_on_both(cell.run("random-best"), best[1])
    return scores | {"patch": best[2], "tried": tried, "minutes": spent}


def _patch(config: RunConfig, chance: random.Random) -> dict[str, Any]:
    """One to three of the changes that remedies know."""
    train = config.train
    rate = float(train.learning_rate) * chance.choice((0.01, 0.1, 0.3, 3, 10, 100))
    known: list[dict[str, Any]] = [
        {"train.learning_rate": _rounded(min(1.0, rate))},
        {"train.epochs": min(40.0, max(1.0, float(train.epochs) * chance.choice((0.5, 2, 4))))},
        {"train.batch_size": chance.choice((4, 8, 16, 32, 64))},
        {"train.weight_decay": chance.choice((0.0, 0.05, 0.1, 0.3))},
        {"train.dropout": chance.choice((0.0, 0.1, 0.3))},
        {"audit.mode": "mend"},
        {"balance.method": "weights", "balance.correct_prior": False},
    ]  # fmt: skip
    patch: dict[str, Any] = {}
    for one in chance.sample(known, chance.randint(1, 3)):
        patch |= one
    return patch


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def _minutes(started: float) -> float:
    return round((time.monotonic() - started) / 60, 3)
