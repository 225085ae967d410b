"""What a small update leaves behind in each arithmetic, and the same gradients with activation checkpointing."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import pytest

from fittingroom.models.load import load_model, stored_half
from fittingroom.training.config import TrainConfig
from fittingroom.training.fit import base_weights, prepared
from fittingroom.training.objective import loss_sum
from fittingroom.training.passes import Layout, weight_of
from fittingroom.training.rows import Encoded
from fittingroom.training.state import trainable
from tiny_model import tiny_folder
from tiny_training import plan, run, shop_rows

RATE = 1e-5


@pytest.fixture(scope="module")
def rows() -> Encoded:
    return shop_rows()


@pytest.fixture(scope="module")
def half_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with its weights in bfloat16, as public models come."""
    import torch

    folder = tmp_path_factory.mktemp("half")
    shutil.copytree(tiny_folder(), folder, dirs_exist_ok=True)
    load_model(tiny_folder()).to(torch.bfloat16).save_pretrained(folder)
    return folder


def test_one_update_of_1e_5_on_a_half() -> None:
    """The arithmetic itself: bfloat16 has 8 bits, so that 0.5 and 0.50001 are one number in it."""
    import torch

    for kind, left in ((torch.float32, 0.49999), (torch.bfloat16, 0.5)):
        weight = torch.nn.Parameter(torch.full((4,), 0.5, dtype=kind))
        weight.grad = torch.ones_like(weight)
        torch.optim.AdamW([weight], lr=RATE, weight_decay=0.0).step()
        assert weight[0].item() == pytest.approx(left, abs=1e-7)


@pytest.mark.parametrize(("precision", "survives"), [("fp32", True), ("mixed", True), ("bf16", False)])
def test_master_weights_keep_small_updates(precision: Any, survives: bool, rows: Encoded, tmp_path: Path) -> None:
    import torch

    this = plan("full", precision=precision, steps=1, epochs=0.1, warmup_steps=0, learning_rate=RATE, weight_decay=0.0)
    model = prepared(base_weights(tiny_folder(), this), this, TrainConfig(method="full"), 7)
    weight = model.model.layers[0].self_attn.o_proj.weight
    with torch.no_grad():
        weight.fill_(0.5)
    before = weight.detach().clone()
    after = run(tmp_path, rows, this, model=model).model.model.layers[0].self_attn.o_proj.weight
    assert after.dtype == (torch.bfloat16 if precision == "bf16" else torch.float32)
    share = float((after != before).float().mean())
    assert share > 0.9 if survives else share == 0.0


def test_adapters_are_in_32_bits_beside_a_base_in_16(half_folder: Path, rows: Encoded, tmp_path: Path) -> None:
    import torch

    assert stored_half(half_folder)
    assert not stored_half(tiny_folder())
    this = plan("lora", precision="mixed", steps=4, epochs=0.5, warmup_steps=0)
    model = prepared(base_weights(half_folder, this), this, TrainConfig(method="lora"), 7)
    learning = trainable(model)
    assert {value.dtype for value in learning.values()} == {torch.float32}
    assert {value.dtype for name, value in model.named_parameters() if name not in learning} == {torch.bfloat16}
    fitted = run(tmp_path, rows, this, model=model)
    assert fitted.recorder.stopped == "completed"
    whole = prepared(base_weights(tiny_folder(), this), this, TrainConfig(method="lora"), 7)
    # What the files hold in 32 bits is not rounded, since the adapters are merged into it.
    assert {value.dtype for value in whole.parameters()} == {torch.float32}
    pure = plan("lora", precision="bf16")
    rounded = prepared(base_weights(half_folder, pure), pure, TrainConfig(method="lora"), 7)
    assert {value.dtype for value in rounded.parameters()} == {torch.bfloat16}


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("packed", [True, False])
def test_checkpointing_changes_no_gradient(method: Any, packed: bool, rows: Encoded) -> None:
    import torch

    found = []
    for checkpointed in (False, True):
        this = plan(method, activation_checkpointing=checkpointed, dropout=0.1, frozen={"layer 0": -1})
        model = prepared(load_model(tiny_folder()), this, TrainConfig(method=method), 7)
        kept = 0

        def count(tensor: Any) -> Any:
            nonlocal kept
            kept += tensor.numel()
            return tensor

        with torch.no_grad():
            for name, value in model.named_parameters():
                if "lora_B" in name:  # zero at first, which would leave A without a gradient
                    value.normal_(generator=torch.Generator().manual_seed(1))
        model.train()
        torch.manual_seed(3)
        for one in dataclasses.replace(Layout.of(model, 1), packed=packed).collate(rows, range(12)):
            with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
                loss = loss_sum(model, one) / weight_of(one)
            loss.backward()
        found.append(({name: value.grad for name, value in trainable(model).items()}, kept))
    (plain, held), (again, fewer) = found
    assert fewer < held / 2
    assert plain.keys() == again.keys()
    assert sum(float(value.norm()) for value in plain.values()) > 0
    for name, value in plain.items():
        assert torch.equal(value, again[name]), name
