"""Too little memory in the middle of a training: smaller passes, the same steps, also after a kill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fittingroom.engine import Context, Note
from fittingroom.errors import ModelError
from fittingroom.models.load import load_model, load_tokenizer
from fittingroom.models.render import Renderer
from fittingroom.training import callback, objective, response, steps, trainer
from fittingroom.training.config import TrainConfig
from fittingroom.training.finders.rates import range_test
from fittingroom.training.fit import prepared
from fittingroom.training.passes import Layout
from fittingroom.training.rows import Encoded
from fittingroom.training.shortage import is_shortage
from fittingroom.training.steps import Halving
from fittingroom.training.timing import seconds_of_step
from fittingroom.verifying.trial import Trial
from tiny_model import tiny_folder
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


# ------------------------------------------------------------------------------ steps that are taken outside a training


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """A device that takes no pass of more than `room` tokens."""
    import torch

    seen = {"room": 10**9, "refused": 0, "largest": 0}
    true = objective.loss_sum

    def loss_sum(model: Any, batch: Any, smoothing: float = 0.0) -> Any:
        loss = true(model, batch, smoothing)
        size = int(batch["ids"].numel())
        if size > seen["room"]:
            seen["refused"] += 1
            raise torch.OutOfMemoryError("CUDA out of memory")
        seen["largest"] = max(seen["largest"], size)
        return loss

    for module in (objective, steps, response):
        monkeypatch.setattr(module, "loss_sum", loss_sum)
    return seen


def ready() -> Any:
    return prepared(load_model(tiny_folder()), plan("full", dropout=0.0), TrainConfig(method="full"), 7)


def test_a_step_is_timed_in_passes_that_fit(rows: Encoded, tmp_path: Path, narrow: dict[str, int]) -> None:
    model, told = ready(), list[Note]()
    this = plan("full", layout={"tokens_per_step": 300.0})
    context, layout = Context(tmp_path, tmp_path, b"", note=told.append, threads=1), Layout.of(model, 1).within(400)
    assert seconds_of_step(model, rows, layout, this, context) > 0
    assert told == []
    narrow.update(room=narrow["largest"] - 1)
    assert seconds_of_step(model, rows, layout, this, context) > 0
    assert narrow["refused"] == 1
    [word] = told
    assert 0 < word.data["taken"] < word.data["planned"] == 400
    assert word.text is not None
    assert "400" in word.text.en
    assert "400" in word.text.zh
    narrow.update(room=5)
    with pytest.raises(ModelError, match=r"longest row alone has \d+"):
        seconds_of_step(model, rows, layout, this, context)
    assert all(value.grad is None for value in model.parameters()), "nothing is left of a try"


def test_rates_are_tried_in_passes_that_fit(rows: Encoded, narrow: dict[str, int]) -> None:
    layout = Layout.of(ready(), 1).within(400)
    said: dict[str, Any] = {"batch": 8, "around": 1e-3, "steps": 4, "seed": 3}
    whole = range_test(ready(), rows, layout, **said)
    narrow.update(room=narrow["largest"] // 2)
    cut = range_test(ready(), rows, layout, **said)
    assert 1 <= narrow["refused"] <= 2, "halved once for all"
    assert cut.losses == pytest.approx(whole.losses, abs=2e-4)
    narrow.update(room=5)
    with pytest.raises(ModelError, match="longest row alone"):
        range_test(ready(), rows, layout, **said)


def test_a_rate_response_is_measured_in_passes_that_fit(rows: Encoded, narrow: dict[str, int]) -> None:
    layout = Layout.of(ready(), 1).within(400)

    def measured(passes: Halving) -> dict[str, Any]:
        this = plan("full", dropout=0.0)
        return response.rate_response(
            ready, rows, this, passes=passes, seed=3, progress=lambda done, total: None, factors=(1.0, 3.0), steps=4
        )

    whole = measured(Halving(layout))
    narrow.update(room=narrow["largest"] // 2)
    passes = Halving(layout)
    cut = measured(passes)
    assert 1 <= narrow["refused"] <= 2, "what one found of the memory the next ones know"
    assert passes.layout.budget <= narrow["room"]
    assert [cut["start"], *cut["losses"].values()] == pytest.approx(
        [whole["start"], *whole["losses"].values()], abs=1e-3
    )


def test_a_step_that_is_taken_again_draws_the_same(rows: Encoded) -> None:
    import torch

    drawn: list[float] = []

    def work(laid: list[dict[str, Any]]) -> float:
        drawn.append(float(torch.rand(())))
        if len(drawn) == 1:
            raise RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)")
        return drawn[-1]

    model = ready()
    passes = Halving(Layout.of(model, 1).within(400))
    passes.done(model, rows, range(16), work)
    assert drawn[0] == drawn[1]

    def broken(laid: list[dict[str, Any]]) -> float:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes"):
        passes.done(model, rows, range(16), broken)


def test_a_trial_of_a_model_is_made_in_passes_that_fit(narrow: dict[str, int]) -> None:
    tokenizer = load_tokenizer(tiny_folder())
    trial = Trial(tokenizer, Renderer(tokenizer), 512)
    this = trial.plan(10_000, 3).model_copy(update={"device": "cpu", "precision": "fp32"})

    def losses() -> list[float]:
        return trial.train(load_model(tiny_folder()), this, lambda done, total: None)[1].losses

    whole = losses()
    narrow.update(room=narrow["largest"] // 2)
    assert losses() == pytest.approx(whole, abs=1e-3)
    assert narrow["refused"] >= 1


def test_what_counts_as_too_little_memory() -> None:
    import torch

    assert is_shortage(torch.OutOfMemoryError("x"))
    assert is_shortage(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 8 bytes"))
    assert is_shortage(RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"))
    assert not is_shortage(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_shortage(ValueError("out of memory"))
