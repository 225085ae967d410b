"""The search as the last resort, with real runs: the best attempt need not be the last one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("optuna", reason="the extra `search` is not installed")

from fittingroom import searching
from fittingroom.config import RunConfig, load
from fittingroom.diagnose import Diagnosis
from fittingroom.engine import Context
from fittingroom.history import History
from fittingroom.loop import Stand, stood
from fittingroom.resorting import by_search
from fittingroom.run import Run
from fittingroom.store import Store
from fittingroom.tables import Table
from fittingroom.training.config import TrainConfig
from fittingroom.types import Attempt, Folder, Plan, Splits, Trained
from shop import write_shop

SETS = ["adapt.search=true", "adapt.max_attempts=6", "search.trials=2"]
VERSION = 1
REACHED = {1e-3: 0.6, 1e-2: 0.2}
"""Rate -> the best score on dev of a whole training."""


def made(*, train: TrainConfig) -> Splits:
    """Rows that differ from attempt to attempt."""
    import pyarrow as pa

    part = Table.of(pa.table({"id": [f"row at {train.learning_rate}"]}))
    return Splits(train=part, dev=part, calibration=part, test=part, dropped=part)


def configure(splits: Splits, *, train: TrainConfig) -> Plan:
    """A plan of the rate that is asked for."""
    return Plan(
        method="full", learning_rate=float(train.learning_rate), batch_size=16, pass_tokens=64, epochs=1.0, steps=4,
        warmup_steps=0, schedule="linear", weight_decay=0.0, dropout=0.0, max_length=16,
    )  # fmt: skip


def train(splits: Splits, *, train: TrainConfig, context: Context) -> Trained:
    """A training whose score is known."""
    weights = context.scratch / "weights"
    weights.mkdir()
    (weights / "model.safetensors").write_bytes(b"x")
    score = REACHED[float(train.learning_rate)]
    evals = [
        {"step": 4.0, "epoch": 1.0, "dev_loss": 1.0, "dev_metric": score, "train_loss": 1.0, "train_metric": score}
    ]
    return Trained(weights=Folder(weights), method="full", steps=[], evals=evals, best_step=4, stopped="completed")


class Bench:
    """Stands in for the trainings of a search: every one scores the same."""

    score = 0.0
    seen: tuple[Any, ...] = ()
    dev_rows = 1

    def __init__(self, config: RunConfig, splits: Splits, plan: Plan, context: Context) -> None:
        Bench.seen = (config.train.learning_rate, plan.learning_rate, splits)

    def start(self) -> dict[str, Any]:
        return {"learning_rate": 1e-3, "batch_size": 16, "weight_decay": 0.0}

    def judge(self, values: dict[str, Any], report: Any) -> float:
        return Bench.score


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    folder = write_shop(tmp_path)
    config = load(folder / "recipe.yaml", SETS)
    monkeypatch.setattr(searching, "_Bench", Bench)
    return Run(History(folder).create(config, "recipe.yaml"), Store(folder), root=folder, secret=b"k" * 32)


def walked(run: Run, rate: float, *, blocked: bool = False) -> Stand:
    """One attempt at a rate, by the steps of a real run; `blocked`: stopped before it was trained."""
    config = load(run.root / "recipe.yaml", [*SETS, f"train.learning_rate={rate}"])
    attempt = Attempt(number=len(run.attempts) + 1, config_digest=config.digest)
    run.begin(attempt)
    if blocked:
        run.end(attempt)
        return stood(attempt, config, run, None)
    splits = run.step(made, config)
    run.step(configure, config, splits)
    run.step(train, config, splits)
    run.end(attempt)
    return stood(attempt, config, run, splits)


@pytest.mark.parametrize("last_is_blocked", [False, True])
def test_the_best_attempt_is_searched_around_though_another_came_after_it(run: Run, last_is_blocked: bool) -> None:
    best = walked(run, 1e-3)
    walked(run, 1e-2, blocked=last_is_blocked)

    Bench.score = 0.5
    left = by_search(best, run, Diagnosis())
    assert left.config is None, "better than the last attempt, and worse than the best"
    assert "came to 0.500 on dev, where the best attempt came to 0.600" in left.advice.en
    assert Bench.seen[:2] == (1e-3, 1e-3)


def test_what_a_search_promises_is_measured_from_the_best_attempt(run: Run) -> None:
    best = walked(run, 1e-3)
    walked(run, 1e-2)
    Bench.score = 0.7

    found = by_search(best, run, Diagnosis())

    assert found.cause == "search"
    assert found.expected is not None
    assert found.expected.change == pytest.approx(0.1), "not 0.5, which is how far the last attempt lies behind"


def test_nothing_is_searched_around_an_attempt_that_was_never_trained(run: Run) -> None:
    best, left = walked(run, 1e-3, blocked=True), Diagnosis()
    Bench.seen = ()

    assert by_search(best, run, left) is left
    assert Bench.seen == ()
