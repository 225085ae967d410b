"""Which device computes, and with which arithmetic; devices that are not here are put in their place."""

from __future__ import annotations

import types

import pytest

from fittingroom.errors import ModelError
from fittingroom.models import device as module
from fittingroom.models.device import arithmetic, device, precision


@pytest.fixture(autouse=True)
def _only_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.delenv("FITTINGROOM_DEVICE", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda at: "NVIDIA RTX")
    about = types.SimpleNamespace(total_memory=24 * 2**30)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda at: about)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **asked: True)


@pytest.fixture
def mps(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.mps, "is_macos_or_newer", lambda major, minor: False)
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 11 * 2**30)


def test_a_processor_is_always_there() -> None:
    assert device() == device("cpu") == ("cpu", "cpu", module.main_memory())
    assert module.main_memory() > 2**28


@pytest.mark.usefixtures("cuda")
def test_a_gpu_goes_first_and_can_be_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert device() == ("NVIDIA RTX", "cuda", 24 * 2**30)
    assert device("cpu").kind == "cpu"
    monkeypatch.setenv("FITTINGROOM_DEVICE", "cpu")
    assert device().kind == "cpu"
    assert device("cuda").kind == "cuda"


@pytest.mark.usefixtures("mps")
def test_an_apple_gpu() -> None:
    assert device() == device("mps") == ("Apple GPU (MPS)", "mps", 11 * 2**30)
    with pytest.raises(ModelError, match=r"train.device = cuda: there is no such device .* choose mps, cpu, or auto"):
        device("cuda")


def test_what_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match="a TPU is not used: XLA compiles anew"):
        device("tpu")
    with pytest.raises(ModelError, match="no such device on this machine"):
        device("mps")
    monkeypatch.setenv("FITTINGROOM_DEVICE", "gpu")
    with pytest.raises(ModelError, match="FITTINGROOM_DEVICE = gpu: choose auto, cpu, cuda or mps"):
        device()


@pytest.mark.usefixtures("cuda")
def test_a_gpu_multiplies_in_bfloat16_where_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    assert precision("auto", "cuda")[0] == "mixed"
    assert precision("fp32", "cuda")[0] == "fp32"
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **asked: False)
    assert precision("auto", "cuda")[0] == "fp32"
    with pytest.raises(ModelError, match=r"train.precision = mixed: this device does not compute in bfloat16"):
        precision("mixed", "cuda")


@pytest.mark.usefixtures("mps")
def test_an_old_macos_has_no_bfloat16() -> None:
    assert precision("auto", "mps")[0] == "fp32"
    with pytest.raises(ModelError, match="does not compute in bfloat16"):
        precision("bf16", "mps")


def test_a_processor_computes_as_asked() -> None:
    import torch

    assert precision("auto", "cpu")[0] == "fp32"
    assert precision("mixed", "cpu") == ("mixed", "as asked")
    one = torch.ones(2, 2)
    with arithmetic("cpu", "mixed"):
        assert (one @ one).dtype == torch.bfloat16
    with arithmetic("cpu", "bf16"):
        assert (one @ one).dtype == torch.float32  # the weights' own format decides


@pytest.mark.usefixtures("mps")
def test_a_checkpoint_keeps_the_random_state_of_an_apple_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from fittingroom.training.state import random_state, restore_random

    kept = torch.arange(16, dtype=torch.uint8)
    monkeypatch.setattr(torch.mps, "get_rng_state", lambda: kept)
    given: list[torch.Tensor] = []
    monkeypatch.setattr(torch.mps, "set_rng_state", given.append)
    tensors, values = random_state()
    assert torch.equal(tensors["mps"], kept)
    restore_random(tensors, values)
    assert torch.equal(given[0], kept)


@pytest.mark.usefixtures("cuda")
def test_what_only_scores_is_held_as_its_files_hold_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a card 16-bit files stay in 16 bits; on a processor, and where files hold 32, nothing is rounded."""
    from pathlib import Path

    from fittingroom.models import load

    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(load, "load_model", lambda path, stored, device: asked.append((stored, device)))
    for half in (True, False):
        monkeypatch.setattr(load, "stored_half", lambda path, half=half: half)
        load.load_to_score(Path("somewhere"))
    monkeypatch.setenv("FITTINGROOM_DEVICE", "cpu")
    monkeypatch.setattr(load, "stored_half", lambda path: True)
    load.load_to_score(Path("somewhere"))
    assert asked == [("bf16", "cuda"), ("fp32", "cuda"), ("fp32", "cpu")]
