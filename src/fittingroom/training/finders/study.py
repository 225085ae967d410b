"""A search on a budget: Optuna proposes values, short trainings judge them, hopeless ones end early.

Everything that was tried lies in one SQLite file. A search that was killed goes on: the training that was under way is
proposed again first, and takes up its own checkpoint. The sampler (TPE) is seeded anew for each proposal by what is
known then, so that a search that was killed proposes what an undisturbed one would have.
Source: Akiba et al., arXiv 1907.10902; the median rule for ending early is that of Google Vizier (Golovin et al. 2017).
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fittingroom.errors import FittingroomError, UserError
from fittingroom.training.finders.space import SearchConfig

_STARTUP = 4
"""Trials before any is ended early, and before the sampler learns from them."""
_FILE = "study.sqlite3"
_SECONDS, _REASON = "seconds", "why"

Values = dict[str, Any]
Report = Callable[[int, float], bool]
"""(number of the evaluation, score so far) -> whether to end here."""
Judge = Callable[[Values, Report], float]
"""Train with these values; the score, higher is better."""


@dataclass(frozen=True)
class Tried:
    """One short training."""

    number: int
    values: Values
    score: float | None
    """None where it failed."""
    ended: str
    """completed, pruned or failed."""
    seconds: float
    why: str = ""
    """The error where it failed: its class, and what it says where that quotes no row."""


@dataclass(frozen=True)
class Study:
    """What a search came to."""

    tried: list[Tried]
    minutes: float
    ended: str
    """trials or minutes: which bound was met."""

    def best(self) -> Tried | None:
        """The highest score of those trained to their end; of equals the first."""
        whole = [one for one in self.tried if one.ended == "completed" and one.score is not None]
        return max(whole, key=lambda one: (one.score or 0.0, -one.number), default=None)


def search(
    folder: Path,
    config: SearchConfig,
    judge: Judge,
    *,
    start: Mapping[str, Any],
    seed: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Study:
    """Search until the budget is spent; `start` (the recipe's own values) is tried first, as far as it can be.

    An error that the values of a training may be to blame for counts as a failed trial; a full disk, a broken base
    model and the like end the search, which goes on when called again. UserError when nothing is searched or Optuna is
    not installed.
    """
    study = _opened(folder, seed)
    _requeue(study, config, start)
    while True:
        done = _finished(study, config)
        progress(len(done), config.trials)
        if len(done) >= config.trials:
            return Study(done, _minutes(done), "trials")
        if _minutes(done) >= config.minutes:
            return Study(done, _minutes(done), "minutes")
        _one(study, config, judge, seed + 7919 * len(done))


def _opened(folder: Path, seed: int) -> Any:
    optuna = _optuna()
    folder.mkdir(parents=True, exist_ok=True)
    # A second connection waits instead of failing; nothing but this file is used.
    storage = optuna.storages.RDBStorage(
        f"sqlite:///{(folder / _FILE).resolve()}", engine_kwargs={"connect_args": {"timeout": 60}}
    )
    pruner = optuna.pruners.MedianPruner(n_startup_trials=_STARTUP, n_warmup_steps=1)
    return optuna.create_study(
        study_name="search", storage=storage, direction="maximize", load_if_exists=True, pruner=pruner
    )


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise UserError(
            "a search needs Optuna: pip install 'fittingroom[search]'",
            "搜索需要 Optuna：pip install 'fittingroom[search]'",
            place="search",
        ) from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def _requeue(study: Any, config: SearchConfig, start: Mapping[str, Any]) -> None:
    """A trial that a kill left open is closed and proposed again; a new study begins with the recipe's own values."""
    optuna = _optuna()
    trials = study.get_trials(deepcopy=False)
    if not trials:
        own = {name: start[name] for name in (*config.ranges(), *config.choices()) if _within(config, name, start)}
        if own:
            study.enqueue_trial(own)
    states = optuna.trial.TrialState
    for trial in trials:
        if trial.state == states.RUNNING:
            study.tell(trial.number, state=states.FAIL)
            study.enqueue_trial(trial.params)


def _within(config: SearchConfig, name: str, start: Mapping[str, Any]) -> bool:
    value = start.get(name)
    if name in config.choices():
        return value in config.choices()[name]
    low, high = config.ranges()[name][:2]
    return isinstance(value, int | float) and low <= value <= high


def _one(study: Any, config: SearchConfig, judge: Judge, seed: int) -> None:
    """Propose, train, write down."""
    optuna = _optuna()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.sampler = optuna.samplers.TPESampler(seed=seed % 2**32, n_startup_trials=_STARTUP)
    trial = study.ask()
    values = _proposed(trial, config)
    known: dict[int, float] = {}
    ended = False

    def report(step: int, score: float) -> bool:
        nonlocal ended
        if step not in known:
            known[step] = score
            trial.report(score, step)
        ended = ended or bool(trial.should_prune())
        return ended

    states = optuna.trial.TrialState
    began = time.monotonic()
    try:
        score: float | None = judge(values, report)
        state = states.PRUNED if ended else states.COMPLETE
    except OSError:  # a full or broken disk: no values are to blame, and the training is taken up again
        raise
    except Exception as error:  # one set of values that cannot be trained does not end the search; why is kept
        if isinstance(error, FittingroomError) and not _of_values(error):
            raise
        trial.set_user_attr(_REASON, _told(error))
        score, state = None, states.FAIL
    trial.set_user_attr(_SECONDS, round(time.monotonic() - began, 3))
    study.tell(trial, score if state == states.COMPLETE else None, state=state)


_PLAIN = (RuntimeError, ZeroDivisionError, OverflowError, MemoryError)
"""Foreign errors that tell of shapes and bytes; others may quote a row."""


def _of_values(error: FittingroomError) -> bool:
    """Whether another set of values may not have this error: memory that is short (`train`), a value that is refused.
    Any other (no room on the disk, a broken base model, a file that is missing) every trial would have.
    """
    return error.place == "train" or error.place.startswith("search")


def _told(error: Exception) -> str:
    """The class of an error and, where it holds no text of a customer, its first line."""
    if isinstance(error, FittingroomError):
        return f"{type(error).__name__}: {error.text()}"
    first = str(error).strip().split("\n")[0][:200] if isinstance(error, _PLAIN) else ""
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _proposed(trial: Any, config: SearchConfig) -> Values:
    values: Values = {}
    for name, limits in config.ranges().items():
        drawn = trial.suggest_float(name, float(limits[0]), float(limits[1]), log=len(limits) == 3)
        values[name] = _short(drawn, limits)
    for name, choices in config.choices().items():
        values[name] = trial.suggest_categorical(name, choices)
    if not values:
        raise UserError(
            "nothing is searched: name values, such as learning_rate: [1.0e-4, 1.0e-2, log]",
            "没有要搜索的内容：请写出取值，例如 learning_rate: [1.0e-4, 1.0e-2, log]",
            place="search",
        )
    return values


def _short(drawn: float, limits: Sequence[Any]) -> float:
    """Three digits are enough to write down, and do not lead beyond the limits."""
    return min(max(float(f"{drawn:.3g}"), float(limits[0])), float(limits[1]))


def _finished(study: Any, config: SearchConfig) -> list[Tried]:
    """All trials that count, in their order; those that a kill cut off do not: they failed without an error."""
    states = _optuna().trial.TrialState
    names = {states.COMPLETE: "completed", states.PRUNED: "pruned", states.FAIL: "failed"}
    ranges = config.ranges()
    found: list[Tried] = []
    for trial in study.get_trials(deepcopy=False):
        why = str(trial.user_attrs.get(_REASON, ""))
        if trial.state in names and (why or trial.state != states.FAIL):
            seconds = float(trial.user_attrs.get(_SECONDS, 0.0))
            values = {
                name: _short(value, ranges[name]) if name in ranges else value for name, value in trial.params.items()
            }
            score = trial.value if trial.state == states.COMPLETE else _last(trial)
            found.append(Tried(len(found), values, score, names[trial.state], seconds, why))
    return found


def _last(trial: Any) -> float | None:
    return trial.intermediate_values[max(trial.intermediate_values)] if trial.intermediate_values else None


def _minutes(done: list[Tried]) -> float:
    return sum(one.seconds for one in done) / 60
