"""Too little memory in the middle of a training: smaller passes, the same steps, also after a kill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fittingroom.errors import ModelError
from fittingroom.training import callback, objective, trainer
from fittingroom.training.rows import Encoded
from fittingroom.training.shortage import is_shortage
from training.test_fit import Killed, plan, rows, run, same

__all__ = ["rows"]


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """A device that takes the first `after` passes, and none later that is nearly as large as the largest of them."""
    import torch

    seen = {"after": 10**9, "passes": 0, "largest": 0, "refused": 0}
    true = objective.loss_sum

    def loss_sum(model: Any, batch: Any, smoothing: float = 0.0) -> Any:
        seen["passes"] += 1
        size = batch["ids"].numel()
        loss = true(model, batch, smoothing)
        if seen["passes"] <= seen["after"]:
            seen["largest"] = max(seen["largest"], size)
        elif size > 0.8 * seen["largest"]:
            seen["refused"] += 1
            raise torch.OutOfMemoryError("CUDA out of memory")
        return loss

    monkeypatch.setattr(objective, "loss_sum", loss_sum)
    monkeypatch.setattr(callback, "_SECONDS", 0.0)
    monkeypatch.setattr(callback, "_SHARE", 1e9)
    return seen


def test_the_step_is_taken_again_in_smaller_passes(rows: Encoded, tmp_path: Path, short: dict[str, int]) -> None:
    smooth = plan("full", dropout=0.0, pass_tokens=400)
    whole = run(tmp_path / "whole", rows, smooth)
    short.update(after=3, passes=0)
    cut = run(tmp_path / "cut", rows, smooth)
    assert 1 <= short["refused"] <= 2, "passes are halved once for all, not at every step"
    assert 0 < cut.recorder.pass_tokens < short["largest"]
    assert len(cut.recorder.steps) == len(whole.recorder.steps)
    for mine, theirs in zip(cut.recorder.steps, whole.recorder.steps, strict=True):
        assert mine["loss"] == pytest.approx(theirs["loss"], abs=2e-4)
        assert mine["learning_rate"] == theirs["learning_rate"]


def test_a_resumed_training_keeps_the_smaller_passes(rows: Encoded, tmp_path: Path, short: dict[str, int]) -> None:
    dropped = plan("full", pass_tokens=400)
    short.update(after=3)
    whole = run(tmp_path / "whole", rows, dropped)
    refused = short["refused"]
    assert refused >= 1
    short.update(passes=0)
    with pytest.raises(Killed):
        run(tmp_path / "killed", rows, dropped, kill_at=11)
    assert short["refused"] == 2 * refused
    short.update(after=0)  # now such a pass is too large from the start
    same(run(tmp_path / "killed", rows, dropped), whole)
    assert short["refused"] == 2 * refused, "the checkpoint says how large passes may be"


def test_tokens_of_a_try_that_failed_are_not_counted(
    rows: Encoded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    tries: list[list[int]] = []
    failed: list[int] = []
    step, loss = trainer.AnswerTrainer._passes, objective.loss_sum
    longest = max(len(ids) for ids in rows.ids)

    def passes(self: Any, model: Any, chosen: list[int]) -> Any:
        tries.append([])
        return step(self, model, chosen)

    def loss_sum(model: Any, batch: Any, smoothing: float = 0.0) -> Any:
        tries[-1].append(batch["ids"].numel())
        if not failed and len(tries[-1]) == 2 and tries[-1][-1] > longest:
            failed.append(len(tries) - 1)
            raise torch.OutOfMemoryError("CUDA out of memory")
        return loss(model, batch, smoothing)

    monkeypatch.setattr(trainer.AnswerTrainer, "_passes", passes)
    monkeypatch.setattr(objective, "loss_sum", loss_sum)
    fitted = run(tmp_path / "a", rows, plan("full", pass_tokens=2 * longest))
    assert failed, "no pass failed in the middle of a step"
    done = [one for number, one in enumerate(tries) if number not in failed]
    assert fitted.recorder.computed == sum(map(sum, done))


def test_one_row_that_does_not_fit_is_told(rows: Encoded, tmp_path: Path, short: dict[str, int]) -> None:
    short.update(after=0, largest=5)
    with pytest.raises(ModelError, match=r"a pass of \d+ tokens does not fit .* longest row alone has \d+"):
        run(tmp_path / "a", rows, plan("full", pass_tokens=400))


def test_what_counts_as_too_little_memory() -> None:
    import torch

    assert is_shortage(torch.OutOfMemoryError("x"))
    assert is_shortage(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 8 bytes"))
    assert is_shortage(RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"))
    assert not is_shortage(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_shortage(ValueError("out of memory"))
