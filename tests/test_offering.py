"""`models`: the catalogue for people, and what of it fits by a recipe, without a download."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from fittingroom import Workspace
from fittingroom.config import RunConfig
from fittingroom.errors import ModelError
from fittingroom.models import device as devices
from fittingroom.models import needs
from fittingroom.models.load import ModelConfig, resolve
from fittingroom.offering import ModelTable, refuse_unfit
from fittingroom.tell_models import tell_models
from tiny_model import tiny_folder

GIB = 2**30


def recipe(folder: Path, base: str, **train: Any) -> RunConfig:
    said = {
        "name": "shop",
        "task": {"kind": "classify", "input": ["text"], "target": "label"},
        "sources": [{"kind": "csv", "path": "shop.csv", "key": "id"}],
        "model": {"base": base},
        "train": train,
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(said))
    return RunConfig.model_validate(said)


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(needs, "host_bytes", lambda: 4096 * GIB)  # what is asked here is the device

    def of(gib: float) -> None:
        monkeypatch.setattr(devices, "device", lambda wanted, **_: devices.Device("cpu", "cpu", int(gib * GIB)))

    return of


def rows(table: ModelTable) -> dict[str, Any]:
    return {row.name.removeprefix("deepseek-ai/"): row for row in table.models}


def test_without_a_recipe_the_catalogue_alone(tmp_path: Path) -> None:
    table = Workspace(tmp_path).models()
    assert table.machine is None
    assert table.models[0].name == "nano"
    assert not any(row.fits for row in table.models)
    english, chinese = tell_models(table, "en"), tell_models(table, "zh")
    for row in table.models:
        assert row.name.removeprefix("deepseek-ai/") in english
    assert "never run" in english
    assert "从不执行" in chinese
    assert len(english.splitlines()) == len(chinese.splitlines())


def test_a_recipe_says_what_fits(tmp_path: Path, device: Any) -> None:
    recipe(tmp_path, "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B", method="lora", max_length=512)
    device(32)
    table = Workspace(tmp_path).models()
    assert table.machine is not None
    assert table.machine.recognised.en == "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B"
    assert (table.machine.method, table.machine.length) == ("lora", 512)
    found = {need.method: need for need in table.machine.needs}
    assert found["lora"].fits
    assert found["lora"].bytes > 4 * 1.77e9  # as the loader holds it
    assert not found["full"].fits
    assert found["full"].why is not None
    fitting = rows(table)
    assert fitting["nano"].fits["full"]
    assert not fitting["DeepSeek-R1"].fits["lora"]
    assert fitting["DeepSeek-V4-Flash"].fits == {}
    assert not any(row.fits.get("qlora") for row in table.models) or found["qlora"].fits
    device(4)
    small = Workspace(tmp_path).models("recipe.yaml", ["train.max_length=16"])
    assert small.machine is not None
    assert not any(need.fits for need in small.machine.needs)
    said = tell_models(table, "zh")
    assert "可以" in said
    assert "<- 配方" in said


def test_what_this_machine_could_not_load_does_not_fit_however_large_the_card(
    tmp_path: Path, device: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    device(80)
    for base, of in (("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", "7B"), (str(tiny_folder()), "tiny")):
        recipe(tmp_path, base, method="lora", max_length=64)
        monkeypatch.setattr(needs, "host_bytes", lambda: 64 * GIB)
        roomy = Workspace(tmp_path).models()
        assert {need.method: need.fits for need in roomy.machine.needs}["lora"] if roomy.machine else False, of
        monkeypatch.setattr(needs, "host_bytes", lambda: 1000)
        small = Workspace(tmp_path).models()
        assert small.machine is not None
        assert not any(need.fits for need in small.machine.needs)
        assert all(need.why is not None and "once loaded" in need.why.en for need in small.machine.needs)
        assert not any(fits for row in small.models for fits in row.fits.values())
    with pytest.raises(ModelError, match="once loaded"):
        resolve(ModelConfig(base=str(tiny_folder())), tmp_path)


def test_a_folder_is_recognised_and_an_unknown_id_is_said_to_be(tmp_path: Path) -> None:
    recipe(tmp_path, str(tiny_folder()))
    own = Workspace(tmp_path).models().machine
    assert own is not None
    assert "of no published shape" in own.recognised.en
    assert {need.method for need in own.needs} == {"lora", "qlora", "full"}
    recipe(tmp_path, "shop/unknown")
    other = Workspace(tmp_path).models().machine
    assert other is not None
    assert other.needs == []
    assert "下载" in other.recognised.zh


def test_what_cannot_fit_is_refused_before_anything_is_loaded(tmp_path: Path, device: Any) -> None:
    config = recipe(tmp_path, str(tiny_folder()), method="full")
    base = resolve(ModelConfig(base=str(tiny_folder())), tmp_path)
    device(24)
    refuse_unfit(config, base)
    device(1e-4)
    with pytest.raises(ModelError, match=r"train\.method full takes at least") as caught:
        refuse_unfit(config, base)
    assert "请选择" in caught.value.text("zh")
    device(24)
    with pytest.raises(ModelError, match="QLoRA needs an NVIDIA GPU"):
        refuse_unfit(recipe(tmp_path, str(tiny_folder()), method="qlora"), base)


@pytest.mark.parametrize("name", ["deepseek-moe-16b-chat", "DeepSeek-V4-Flash", "DeepSeek-V4.1-Flash"])
@pytest.mark.parametrize("hub", ["", "modelscope:"])
def test_what_is_known_not_to_load_is_never_asked_for(name: str, hub: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="fittingroom models"):
        resolve(ModelConfig(base=f"{hub}deepseek-ai/{name}"), tmp_path)


def test_json_holds_bytes(tmp_path: Path) -> None:
    table = json.loads(Workspace(tmp_path).models().model_dump_json())
    lite = next(row for row in table["models"] if row["name"].endswith("DeepSeek-V2-Lite"))
    assert lite["full"] == 16 * 15_706_484_224
    assert lite["marks"] == {"bos": 100000, "eos": 100001}
    assert "self_attn" in lite["lora_targets"]
