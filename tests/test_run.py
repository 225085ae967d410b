"""One step of a run: what was measured belongs to the action that measured it, not to the content that came out."""

from __future__ import annotations

from pathlib import Path

import pytest

from fittingroom.config import load
from fittingroom.errors import Blocked
from fittingroom.history import History
from fittingroom.run import Run
from fittingroom.store import Store
from fittingroom.training.config import TrainConfig
from fittingroom.types import Attempt, Plan
from shop import write_shop

VERSION = 1
MEASURED = {"saved": 0.0}
"""What the trial of saving gives: a person mends the base model's files between two attempts."""


def configure(*, train: TrainConfig) -> Plan:
    """The same plan each time, beside what was measured just now."""
    return Plan(
        method="lora", learning_rate=1e-3, batch_size=8, pass_tokens=64, epochs=1.0, steps=1, warmup_steps=0,
        schedule="cosine", weight_decay=0.0, dropout=0.0, max_length=16,
        preflight={"saving": {"valid": 1.0, "saved": MEASURED["saved"], "fails": 1.0 - MEASURED["saved"]}},
    )  # fmt: skip


def test_what_was_mended_is_not_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_shop(tmp_path)
    config, history = load(folder / "recipe.yaml"), History(folder)
    run = Run(history.create(config, "recipe.yaml"), Store(folder), root=folder, secret=b"k" * 32)
    run.journal.append("run_started", pid=1)
    run.begin(Attempt(number=1, config_digest=config.digest))
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
