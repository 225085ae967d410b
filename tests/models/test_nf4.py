"""Four-bit base weights: refused where they cannot be trained, trained and merged for real where bitsandbytes is."""

from __future__ import annotations

import dataclasses
import importlib.util
from pathlib import Path
from typing import Any

import pytest

from fittingroom.engine import Context
from fittingroom.errors import ModelError
from fittingroom.models.adapters import merged, save_adapter
from fittingroom.models.device import Device
from fittingroom.models.load import ModelConfig, load_model
from fittingroom.models.nf4 import demand, parameters, quantisable, stored_bytes
from tiny_model import tiny_folder

HERE = importlib.util.find_spec("bitsandbytes") is not None
real = pytest.mark.skipif(not HERE, reason="bitsandbytes is not installed (extra `qlora`)")
GPU = Device("NVIDIA RTX", "cuda", 24 * 2**30)


def test_no_gpu_no_qlora(context: Context) -> None:
    with pytest.raises(ModelError, match=r"= qlora: QLoRA needs an NVIDIA GPU .* set train.method to lora"):
        demand(Device("cpu", "cpu", 2**34))
    with pytest.raises(ModelError, match="training would run on Apple GPU"):
        demand(Device("Apple GPU (MPS)", "mps", 2**34))


def test_no_package_no_qlora(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "bitsandbytes" else found(name))
    with pytest.raises(ModelError, match=r"pip install 'fittingroom\[qlora\]', or set train.method to lora"):
        demand(GPU)


def test_it_is_refused_before_anything_is_loaded(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    from fittingroom.stages import configure as stage
    from fittingroom.training.config import TrainConfig
    from tiny_shop import TASK, splits

    def never(*given: object, **said: object) -> None:
        raise AssertionError("loaded")

    monkeypatch.setattr(stage, "load_model", never)
    train = TrainConfig(method="qlora", device="cpu")
    model = ModelConfig(base=str(tiny_folder()))
    with pytest.raises(ModelError, match="QLoRA needs an NVIDIA GPU"):
        stage.configure(splits(), model=model, train=train, task=TASK, seed=7, context=context)


def test_of_a_mixture_only_what_is_no_expert_can_be_quantised() -> None:
    model: Any = load_model(tiny_folder())
    inside, whole = quantisable(model)
    experts = sum(value.numel() for name, value in model.named_parameters() if ".experts." in name)
    assert experts > 0
    assert whole == sum(value.numel() for value in model.parameters()) == parameters(model)
    others = sum(
        value.numel()
        for name, value in model.named_parameters()
        if "norm" in name or "embed" in name or "lm_head" in name or name.endswith("mlp.gate.weight")
    )
    assert inside == whole - experts - others
    assert stored_bytes(model) == {"float32": 4 * whole}


@real
def test_trained_beside_four_bits_and_merged_into_the_true_weights(tmp_path: Path) -> None:
    import torch

    from fittingroom.training.config import TrainConfig
    from fittingroom.training.fit import base_weights, prepared
    from fittingroom.training.state import trainable
    from tiny_training import plan, run, shop_rows

    this = plan("lora", steps=6, epochs=1.0).model_copy(update={"method": "qlora", "precision": "mixed"})
    model = prepared(base_weights(tiny_folder(), this), this, TrainConfig(method="qlora"), 7)
    plain: Any = load_model(tiny_folder())
    inside, whole = quantisable(plain)
    learning = sum(value.numel() for value in trainable(model).values())
    assert parameters(model) == whole + learning
    held = stored_bytes(model)
    assert held == {"nf4": inside // 2, "bfloat16": 2 * (whole - inside), "float32": 4 * learning}
    assert {value.dtype for value in trainable(model).values()} == {torch.float32}
    fitted = run(tmp_path / "a", shop_rows(), this, model=model)
    assert fitted.recorder.stopped == "completed"
    assert fitted.recorder.steps[-1]["loss"] < fitted.recorder.steps[0]["loss"]
    for name, value in trainable(fitted.model).items():
        if "lora_B" in name and fitted.recorder.best_step == 6:
            assert float(value.detach().abs().max()) > 0

    save_adapter(fitted.model, tmp_path / "adapter", "tiny")
    whole_again = merged(load_model(tiny_folder()), tmp_path / "adapter")
    weights = dict(whole_again.named_parameters())
    assert {value.dtype for value in weights.values()} == {torch.float32}
    assert not getattr(whole_again, "is_quantized", False)
    learnt = {name.replace("base_model.model.", ""): value.detach() for name, value in trainable(fitted.model).items()}
    seen = 0
    for name, before in plain.named_parameters():
        first = learnt.get(name.replace(".weight", ".lora_A.default.weight"))
        second = learnt.get(name.replace(".weight", ".lora_B.default.weight"))
        added = 2.0 * second @ first if first is not None and second is not None else torch.zeros_like(before)
        assert torch.allclose(weights[name], before + added, atol=1e-6), name
        seen += first is not None
    assert seen == 10


@real
def test_a_plan_and_a_training_of_the_stages(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """From recipe to bundle, with the demand for a GPU taken away: bitsandbytes has a (slow) way on the processor."""
    from fittingroom.stages import configure as configuring
    from fittingroom.stages import train as training
    from fittingroom.stages.package import package
    from fittingroom.training.config import TrainConfig
    from fittingroom.types import Frozen
    from tiny_shop import TASK, splits

    monkeypatch.setattr(configuring, "demand", lambda device: None)
    monkeypatch.setattr(training, "demand", lambda device: None)
    rows, model = splits(24), ModelConfig(base=str(tiny_folder()))
    train = TrainConfig(method="qlora", precision="mixed", epochs=1, batch_size=8)
    given: dict[str, Any] = {"model": model, "task": TASK, "seed": 7}
    plan = configuring.configure(rows, train=train, context=context, **given)
    assert plan.method == "qlora"
    assert "4 bits hold" in plan.chosen["method"]
    made = training.train(plan, rows, train=train, context=context, **given)
    assert made.method == "qlora"
    assert made.facts["bytes"]["nf4"] > 0
    inside = dataclasses.replace(context, scratch=context.scratch / "p")
    inside.scratch.mkdir()
    bundle = package(made, rows, prepare=Frozen(), context=inside, **given)
    assert load_model(bundle.folder.path / "model").num_parameters() == load_model(tiny_folder()).num_parameters()
