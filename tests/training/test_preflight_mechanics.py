"""The preflight of mechanics: what it measures on sound models, and that it leaves no trace on them."""

from __future__ import annotations

import copy
import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from fittingroom.models.load import load_model
from fittingroom.pitfalls import detect_all
from fittingroom.training.config import TrainConfig
from fittingroom.training.preflight import mechanics, storage
from fittingroom.training.preflight.few import LARGE, SMALL, few, size_for
from fittingroom.training.preflight.gradients import packing
from fittingroom.training.preflight.wrapped import as_planned, expected
from fittingroom.training.rows import Encoded
from fittingroom.types import Severity
from fp8_model import store_as_fp8
from models.test_packing import MODELS
from pitfalls.tiny_preflight import plan, rows, short, subject, trained, with_adapters
from tiny_model import tiny_folder

LORA = TrainConfig(method="lora", learning_rate=1e-3, batch_size=32)
FULL = TrainConfig(method="full", learning_rate=1e-3, batch_size=32)


def family(name: str) -> Any:
    """A random model of this family that reads the tokens of the tiny folder."""
    from transformers import AutoModelForCausalLM

    shape = copy.deepcopy(MODELS[name]().config)
    shape.vocab_size = load_model(tiny_folder()).config.vocab_size
    shape.bos_token_id, shape.eos_token_id, shape.pad_token_id = 0, 1, 2
    torch.manual_seed(5)
    return AutoModelForCausalLM.from_config(shape).eval()


@pytest.mark.parametrize(("name", "train"), [*((name, LORA) for name in sorted(MODELS)), ("deepseek_v3", FULL)])
def test_a_sound_model_passes_all_checks(name: str, train: TrainConfig) -> None:
    found = mechanics.measured(subject(train, family(name)))

    assert {"adapters", "learning", "accumulation", "packing", "batch", "saving", "weights", "stored"} <= found.keys()
    assert found["accumulation"]["passes"] == 3
    for check in ("accumulation", "packing"):
        assert found[check]["loss"] < 1e-5
        assert found[check]["gradient"] < 1e-5
    assert found["packing"]["leak"] < 1e-5
    assert max(found["batch"]["scores"], found["batch"]["generation"]) < 1e-4
    assert detect_all(plan(train, found), "configure", settings={}, disabled=[]) == []


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float32])
def test_nothing_is_left_behind(kind: torch.dtype) -> None:
    for train in (LORA.model_copy(update={"dropout": 0.1}), FULL):
        model: Any = load_model(tiny_folder()).to(kind)
        model.train()
        chosen = dict(model.named_parameters())["model.norm.weight"]
        chosen.requires_grad_(False)
        chosen.grad = torch.ones_like(chosen)
        before, settings = state(model), (model.config.to_dict(), model.generation_config.to_dict())
        drawn = torch.get_rng_state().clone(), random.getstate()

        mechanics.measured(subject(train, model))

        assert state(model) == before
        assert (model.config.to_dict(), model.generation_config.to_dict()) == settings
        assert torch.equal(torch.get_rng_state(), drawn[0])
        assert random.getstate() == drawn[1]
        assert torch.equal(chosen.grad, torch.ones_like(chosen))
        assert not torch.are_deterministic_algorithms_enabled()


def test_the_device_is_the_one_that_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the machine's fastest, where the recipe names another."""
    there = {"auto": ("a GPU", 9), "cpu": ("cpu", 7)}
    monkeypatch.setattr(storage, "machine_bytes", lambda wanted="auto": there[wanted])
    found = mechanics.measured(subject(LORA.model_copy(update={"device": "cpu"}), load_model(tiny_folder())))
    assert found["device"] == {"bytes": 7.0, "sharing": 1.0}


def state(model: Any) -> list[Any]:
    """Everything of a model that a measurement could change; weights bit by bit."""
    tensors = [(name, value.dtype, value.detach().clone().view(torch.uint8).numpy().tobytes()) for name, value in
               [*model.named_parameters(), *model.named_buffers()] if value.dim()]  # fmt: skip
    flags = [(name, id(value), value.requires_grad, value.grad is None) for name, value in model.named_parameters()]
    modules = [
        (name, id(module), type(module), module.training, sorted(vars(module)), len(module._forward_hooks))
        for name, module in model.named_modules()
    ]
    return [tensors, flags, modules]


def test_adapters_that_fail_half_way_are_taken_off() -> None:
    model: Any = load_model(tiny_folder())
    before = state(model)

    def refused(given: Any) -> Any:
        with_adapters(given, target_modules=["q_a_proj"])
        raise ValueError("no dropout here")

    found = mechanics.as_trained(subject(LORA, model), short(subject(LORA)), refused)

    assert found == {"adapters": {"refused": 1.0, "dropout": 1.0}}
    assert state(model) == before


def test_what_is_measured_is_the_same_again() -> None:
    looked_at = subject(LORA)

    assert mechanics.measured(looked_at) == mechanics.measured(looked_at)


@pytest.mark.parametrize("compressed", [None, 16])
def test_what_is_expected_follows_the_architecture(compressed: int | None) -> None:
    from transformers import DeepseekV2Config, Qwen2Config

    names = expected(DeepseekV2Config(num_hidden_layers=5, q_lora_rank=compressed))
    assert set(names.values()) == {5}
    assert ("q_proj" in names) is (compressed is None)
    assert ("q_b_proj" in names) is (compressed is not None)
    assert expected(Qwen2Config(num_hidden_layers=3)).keys() >= {"q_proj", "gate_proj", "down_proj"}


def test_adapters_on_a_part_of_the_layers_are_missed() -> None:
    def first_only(model: Any) -> Any:
        return with_adapters(model, target_modules=["q_a_proj", "o_proj"], layers_to_transform=[0])

    found = trained(LORA, adapt=first_only)["adapters"]

    assert (found["wrapped"], found["expected"], found["missing"]) == (2.0, 10.0, 8.0)


def test_a_router_that_would_learn_is_counted() -> None:
    def all_of_it(model: Any) -> Any:
        return model.requires_grad_(True)

    assert trained(FULL, adapt=all_of_it)["adapters"]["router"] == 1.0
    assert trained(FULL)["adapters"]["router"] == 0.0


def test_a_leak_shows_in_another_rows_loss() -> None:
    from pitfalls.fixtures.packing_leaks import _forgets_the_mask

    looked_at = subject(FULL)
    model = as_planned(FULL)(looked_at.model)
    sound = packing(model, looked_at.layout, short(looked_at))
    model.model.register_forward_pre_hook(_forgets_the_mask, with_kwargs=True)
    broken = packing(model, looked_at.layout, short(looked_at))

    assert broken["leak"] > 1e3 * max(sound["leak"], 1e-7)
    assert broken["gradient"] > 0.1


def test_long_rows_are_cut_but_their_answers_are_kept() -> None:
    long = Encoded(
        row_ids=[f"r{number:03d}" for number in range(50)],
        ids=[[*range(400), number, 7, 8] for number in range(50)],
        answer_starts=[401] * 50,
        wanted=[0] * 50,
        weights=[1.0] * 50,
        truncated=0,
    )

    made = few(long, SMALL)
    fewer = few(long, size_for(7_000_000_000))

    assert len(fewer) == LARGE.rows
    assert max(len(ids) for ids in fewer.ids) <= 30
    assert len(made) == 8
    assert max(len(ids) for ids in made.ids) <= 64
    assert len({len(ids) for ids in made.ids}) > 1
    assert all(ids[start:] == [7, 8] for ids, start in zip(made.ids, made.answer_starts, strict=True))
    assert all(ids[:24] == list(range(24)) for ids in made.ids)
    assert len({ids[start - 1] for ids, start in zip(made.ids, made.answer_starts, strict=True)}) == 8


def test_without_rows_only_the_model_is_looked_at() -> None:
    looked_at = subject(LORA)
    empty = rows(tiny_folder()).only([])

    found = mechanics.measured(looked_at._replace(rows=empty))

    assert {"adapters", "saving", "weights"} <= found.keys()
    assert not {"accumulation", "packing", "batch", "learning"} & found.keys()


def test_what_the_loader_mends_in_the_files_is_told(tmp_path: Path) -> None:
    """Files without a padding token and with sampling settings but no sampling, as some are published."""
    folder = tmp_path / "published"
    shutil.copytree(tiny_folder(), folder)
    changes: dict[str, dict[str, Any]] = {
        "tokenizer_config.json": {"pad_token": None},
        "config.json": {"pad_token_id": None},
        "generation_config.json": {"do_sample": False, "temperature": 0.6, "pad_token_id": None},
    }
    for name, change in changes.items():
        said = json.loads((folder / name).read_text("utf-8"))
        (folder / name).write_text(json.dumps({**said, **change}), "utf-8")

    found = mechanics.measured(subject(LORA, folder=folder))
    told = {one.pitfall: one for one in detect_all(plan(LORA, found), "configure", settings={}, disabled=[])}

    assert found["padding"] == {"missing": 0.0, "outside": 0.0, "unnamed": 1.0}
    assert found["saving"] == {"valid": 1.0, "saved": 1.0, "fails": 0.0, "contradict": 1.0}
    assert {told[name].severity for name in ("no-pad-token", "model-cannot-be-saved")} == {Severity.INFO}
    assert mechanics.measured(subject(LORA))["saving"]["contradict"] == 0


@pytest.mark.parametrize(("scaled", "method"), [(True, "full"), (False, "full"), (False, "lora")])
def test_codes_that_lost_their_scales_are_found(tmp_path: Path, scaled: bool, method: str) -> None:
    from safetensors.torch import load_file

    store_as_fp8(tiny_folder(), tmp_path / "fp8")
    model: Any = load_model(tmp_path / "fp8")
    if not scaled:
        for name, codes in load_file(tmp_path / "fp8" / "model.safetensors").items():
            if codes.dtype == torch.float8_e4m3fn and name in dict(model.named_parameters()):
                model.get_parameter(name).data.copy_(codes.float())

    found = storage.stored(model, tmp_path / "fp8")

    assert found["files_8"] > 0
    assert found["loaded_8"] == 0
    assert found["raw"] == float(not scaled)
    train = TrainConfig(method=method, learning_rate=1e-3, batch_size=32)
    said = detect_all(plan(train, {"stored": found}), "configure", settings={}, disabled=[])
    assert [one.pitfall for one in said] == ([] if scaled else ["weights-not-trainable"])
    if not scaled:
        assert said[0].severity is Severity.BLOCK
        assert "scales" in said[0].summary.en


def test_processes_on_one_processor_are_judged_by_their_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "machine_bytes", lambda wanted: ("a device", 1000))
    for sharing, wanted in ((1, []), (2, ["memory-almost-full"])):
        checks = {"device": storage.device("cpu", sharing)}
        assert checks["device"]["bytes"] == 1000 / sharing
        planned = plan(FULL, checks, memory_bytes=400)
        said = detect_all(planned, "configure", settings={}, disabled=[])
        assert [one.pitfall for one in said] == wanted
