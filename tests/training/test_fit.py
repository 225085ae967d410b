"""A training that is killed and taken up ends where the undisturbed one does, to the last bit."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal

import pytest

from fittingroom.models.load import load_model, load_tokenizer
from fittingroom.models.render import Renderer
from fittingroom.models.targets import is_router
from fittingroom.training import fit as fit_module
from fittingroom.training.config import TrainConfig
from fittingroom.training.evaluation import make_probe
from fittingroom.training.fit import prepared
from fittingroom.training.rows import Encoded
from fittingroom.training.state import trainable
from tiny_model import tiny_folder
from tiny_training import LABELS, STEPS, Killed, plan, run, same, shop_rows


@pytest.fixture(scope="module")
def rows() -> Encoded:
    return shop_rows()


@pytest.fixture
def every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints after every step."""
    from fittingroom.training import callback

    monkeypatch.setattr(callback, "_SECONDS", 0.0)
    monkeypatch.setattr(callback, "_SHARE", 1e9)


@pytest.mark.parametrize("method", ["full", "lora", "experts"])
@pytest.mark.usefixtures("every_step")
def test_resumed_equals_undisturbed(method: Literal["full", "lora", "experts"], rows: Encoded, tmp_path: Path) -> None:
    whole = run(tmp_path / "whole", rows, plan(method))
    assert whole.recorder.stopped == "completed"
    assert len(whole.recorder.steps) == STEPS
    # After steps 3 (inside an epoch), 6 (its end), 7 and 17; step 11 is killed twice.
    for kill_at in (4, 7, 8, 11, 11, 18):
        with pytest.raises(Killed):
            run(tmp_path / "killed", rows, plan(method), kill_at=kill_at)
    same(run(tmp_path / "killed", rows, plan(method)), whole)


@pytest.mark.usefixtures("every_step")
def test_a_torn_checkpoint_costs_steps_and_nothing_else(rows: Encoded, tmp_path: Path) -> None:
    whole = run(tmp_path / "whole", rows, plan("full"))
    with pytest.raises(Killed):
        run(tmp_path / "killed", rows, plan("full"), kill_at=9)
    newest = max((tmp_path / "killed" / "checkpoints").glob("step-*"))
    (newest / "optimizer.safetensors").write_bytes(b"torn")
    resumed = run(tmp_path / "killed", rows, plan("full"))
    assert resumed.skipped == [newest.name]
    same(resumed, whole)


def test_two_runs_are_the_same_to_the_bit_and_another_seed_is_not(rows: Encoded, tmp_path: Path) -> None:
    first = run(tmp_path / "a", rows, plan("full"))
    same(run(tmp_path / "b", rows, plan("full")), first)
    assert run(tmp_path / "c", rows, plan("full"), seed=8).recorder.steps != first.recorder.steps


def test_a_finished_training_is_not_done_again(rows: Encoded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run(tmp_path / "a", rows, plan("full"))

    def never(*args: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(fit_module, "_run", never)
    same(run(tmp_path / "a", rows, plan("full")), whole)


def test_passes_of_another_size_take_the_same_steps(rows: Encoded, tmp_path: Path) -> None:
    one = run(tmp_path / "a", rows, plan("full", dropout=0.0, pass_tokens=4096))
    two = run(tmp_path / "b", rows, plan("full", dropout=0.0, pass_tokens=40))
    for first, second in zip(one.recorder.steps, two.recorder.steps, strict=True):
        assert first["loss"] == pytest.approx(second["loss"], abs=2e-4)
        assert first["learning_rate"] == second["learning_rate"]


def test_it_learns_and_keeps_the_best(rows: Encoded, tmp_path: Path) -> None:
    fitted = run(tmp_path / "a", rows, plan("full", steps=60, epochs=10.0, learning_rate=1e-2, dropout=0.0))
    first, best = fitted.recorder.evals[0], max(fitted.recorder.evals, key=lambda entry: entry["dev_metric"])
    assert best["dev_metric"] > 0.95 > first["dev_metric"]
    at_best = next(entry for entry in fitted.recorder.evals if entry["step"] == fitted.recorder.best_step)
    assert at_best["dev_metric"] == best["dev_metric"]
    renderer = Renderer(load_tokenizer(tiny_folder()))
    answers = [renderer.answer_ids(label) for label in LABELS]
    probe = make_probe(rows, rows, answers, rows=60, epochs=10.0, evaluations=5, seed=7)
    again = probe.measure(fitted.model)
    assert again["dev_loss"] == pytest.approx(at_best["dev_loss"], abs=1e-6)
    record = fitted.recorder.steps[5]
    assert 0 < record["update_ratio"] < 1
    assert record["grad_norm"] > 0
    assert [entry["learning_rate"] for entry in fitted.recorder.steps[:3]] == pytest.approx([1e-2 / 3, 2e-2 / 3, 1e-2])


def test_loss_that_is_no_number_stops_before_the_weights_are_spoilt(rows: Encoded, tmp_path: Path) -> None:
    import torch

    spoilt = dataclasses.replace(rows, weights=[float("inf") if row == 20 else 1.0 for row in range(44)])
    fitted = run(tmp_path / "a", spoilt, plan("full"))
    assert fitted.recorder.stopped == "non_finite"
    assert len(fitted.recorder.steps) <= 6
    assert all(torch.isfinite(value).all() for value in fitted.model.parameters())


def test_training_ends_when_dev_gets_worse(rows: Encoded, tmp_path: Path) -> None:
    unlike = dataclasses.replace(rows, wanted=[(label + 1) % 3 for label in rows.wanted])
    this = plan("full", steps=120, epochs=20.0, learning_rate=1e-2, dropout=0.0)
    stopped = run(tmp_path / "a", rows, this, patience=2, dev=unlike)
    assert stopped.recorder.stopped == "early_stopping"
    assert stopped.recorder.steps[-1]["step"] < 120
    assert stopped.recorder.best_step < stopped.recorder.evals[-1]["step"]


@pytest.mark.parametrize("method", ["full", "lora"])
def test_the_router_never_learns(method: Literal["full", "lora"]) -> None:
    model = prepared(load_model(tiny_folder()), plan(method), TrainConfig(method=method), 1)
    assert any(is_router(name) for name, _ in model.named_parameters())
    assert not any(is_router(name) for name in trainable(model))
    if method == "lora":
        names = {name.split(".lora_")[0].rsplit(".", 1)[-1] for name in trainable(model)}
        assert names == {"q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "kv_b_proj", "o_proj"}


def test_norms_and_biases_do_not_decay(rows: Encoded, tmp_path: Path) -> None:
    from transformers import Trainer

    model = prepared(load_model(tiny_folder()), plan("full"), TrainConfig(method="full"), 1)
    decaying = Trainer.get_decay_parameter_names(None, model)  # type: ignore[arg-type]
    assert not any("norm" in name or name.endswith("bias") for name in decaying)
    assert any("embed_tokens" in name for name in decaying)


def test_of_several_gpus_one_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """transformers would wrap the model in DataParallel, which has no body and head of its own."""
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    made = fit_module._arguments(plan("full", device="cuda"), TrainConfig(method="full"), 7, tmp_path)
    assert made.n_gpu == 1
    assert made.train_batch_size == plan("full").batch_size
