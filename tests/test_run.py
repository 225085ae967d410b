"""One step of a run: what was measured belongs to the action that measured it, not to the content that came out."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fittingroom.config import RunConfig, load
from fittingroom.errors import Blocked
from fittingroom.history import History
from fittingroom.run import Run
from fittingroom.store import Store
from fittingroom.tables import Table
from fittingroom.training.config import TrainConfig
from fittingroom.types import Attempt, EvalReport, GateDecision, Interval, Plan, Score, Verdict
from shop import write_shop

VERSION = 1
READS_VOLATILE = True
MEASURED = {"saved": 0.0}
"""What the trial of saving gives: a person mends the base model's files between two attempts."""


def configure(*, train: TrainConfig) -> Plan:
    """The same plan each time, beside what was measured just now."""
    return Plan(
        method="lora", learning_rate=1e-3, batch_size=8, pass_tokens=64, epochs=1.0, steps=1, warmup_steps=0,
        schedule="cosine", weight_decay=0.0, dropout=0.0, max_length=16,
        preflight={"saving": {"valid": 1.0, "saved": MEASURED["saved"], "fails": 1.0 - MEASURED["saved"]}},
    )  # fmt: skip


def begun(folder: Path) -> tuple[RunConfig, Run]:
    """A run of the sample shop in its first attempt."""
    shop = write_shop(folder)
    config, history = load(shop / "recipe.yaml"), History(shop)
    run = Run(history.create(config, "recipe.yaml"), Store(shop), root=shop, secret=b"k" * 32)
    run.journal.append("run_started", pid=1)
    run.begin(Attempt(number=1, config_digest=config.digest))
    return config, run


def test_what_was_mended_is_not_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, run = begun(tmp_path)
    with pytest.raises(Blocked, match="model-cannot-be-saved"):
        run.step(configure, config)
    first = run.digests["configure"]
    with pytest.raises(Blocked):
        run.step(configure, config)  # recalled: the finding is remembered with it
    monkeypatch.setitem(MEASURED, "saved", 1.0)
    mended = config.patched({"train.max_grad_norm": 0.5})

    plan = run.step(configure, mended)

    assert run.digests["configure"] == first, "the same plan"
    assert plan.preflight["saving"]["fails"] == 0
    assert run.step(configure, mended).preflight == plan.preflight, "also when it is recalled"


ANSWERS: list[bool] = []
"""Whether the endpoint answered, time by time."""


def fleeting(output: object) -> bool:
    """As the stage of that name says it of a report whose endpoint did not answer."""
    return isinstance(output, EvalReport) and bool(ANSWERS) and not ANSWERS[-1]


def test_what_an_endpoint_did_not_answer_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, run = begun(tmp_path)
    recalled = []
    for answered in (False, True, True):
        monkeypatch.setattr(sys.modules[__name__], "ANSWERS", [answered])
        run.step(evaluate, config)
        recalled.append([event for event in run.journal.read() if event["kind"] == "stage_done"][-1]["recalled"])
    assert recalled == [False, False, True]


def evaluate(*, train: TrainConfig) -> EvalReport:
    """The same scores each time, beside how long an answer took just now."""
    import pyarrow as pa

    return EvalReport(
        part="dev", labels=["a"], model=Score(name="model", metrics={"accuracy": Interval(value=1, low=1, high=1)}),
        baselines=[], confusion=[[1]], predictions=Table.of(pa.table({"id": ["row-1"], "predicted": ["a"]})), rows=1,
        timing={"p95_ms": 10.0 if train.max_grad_norm == 1.0 else 900.0},
    )  # fmt: skip


def gate(report: EvalReport, *, train: TrainConfig) -> GateDecision:
    """Judges what is no part of the report's digest."""
    return GateDecision(part="dev", verdict=Verdict.PASS if report.timing["p95_ms"] < 100 else Verdict.FAIL, checks=[])


def test_predictions_lie_in_the_runs_folder_and_a_gate_sees_how_long_answers_took(tmp_path: Path) -> None:
    folder = write_shop(tmp_path)
    config, history = load(folder / "recipe.yaml"), History(folder)
    run = Run(history.create(config, "recipe.yaml"), Store(folder), root=folder, secret=b"k" * 32)
    run.journal.append("run_started", pid=1)
    verdicts = []
    for number, here in enumerate((config, config.patched({"train.max_grad_norm": 0.5})), start=1):
        run.begin(Attempt(number=number, config_digest=here.digest))
        report = run.step(evaluate, here)
        verdicts.append(run.step(gate, config, report).verdict)
        found = run.folder / f"predictions-{number}-dev.parquet"
        assert Table.read(found).dicts() == [{"id": "row-1", "predicted": "a"}]
        assert found.is_symlink()
        assert not found.readlink().is_absolute()
    assert verdicts == [Verdict.PASS, Verdict.FAIL], "the same digest, yet not the same answer times"
