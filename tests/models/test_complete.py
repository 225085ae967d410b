"""What files hold and a model has no place for is refused: codes without scales, layers that a configuration hides."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from fittingroom.errors import ModelError
from fittingroom.models.complete import without_place
from fittingroom.models.load import check_folder, load_model
from fp8_model import store_as_fp8
from tiny_families import family_folder
from tiny_model import tiny_folder


def said(folder: Path, **changes: Any) -> None:
    file = folder / "config.json"
    kept = {**json.loads(file.read_text()), **changes}
    file.write_text(json.dumps({name: value for name, value in kept.items() if value is not None}))


def added(folder: Path, **tensors: torch.Tensor) -> None:
    from safetensors.torch import load_file, save_file

    file = folder / "model.safetensors"
    save_file({**load_file(file), **tensors}, file, metadata={"format": "pt"})


def test_codes_without_their_scales_are_refused(tmp_path: Path) -> None:
    store_as_fp8(tiny_folder(), tmp_path / "fp8")
    check_folder(tmp_path / "fp8", "fp8")
    said(tmp_path / "fp8", quantization_config=None)
    for look in (lambda: check_folder(tmp_path / "fp8", "fp8"), lambda: load_model(tmp_path / "fp8")):
        with pytest.raises(ModelError, match=r"F8_E4M3.*without their scales"):
            look()


def test_scales_beside_plain_weights_are_refused(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_folder(), tmp_path / "scaled"))
    added(folder, **{"model.layers.0.mlp.up_proj.weight_scale_inv": torch.ones(1, 1)})
    with pytest.raises(ModelError, match=r"up_proj.weight_scale_inv.*without their scales"):
        check_folder(folder, "scaled")


@pytest.mark.parametrize("kind", ["qwen2", "deepseek_v3"])
def test_a_configuration_with_too_few_layers_loads_no_shortened_model(tmp_path: Path, kind: str) -> None:
    folder = family_folder(kind, tmp_path / kind)
    load_model(folder)
    said(folder, num_hidden_layers=1)
    if kind == "qwen2":
        said(folder, layer_types=None)
    with pytest.raises(ModelError, match=r"no place for \(\d+, first: model.layers.1") as caught:
        load_model(folder)
    assert "容纳不下" in caught.value.text("zh")


def test_layers_that_predict_further_tokens_are_left_out(tmp_path: Path) -> None:
    folder = family_folder("deepseek_v3", tmp_path / "v3")
    further = {
        f"model.layers.2.{name}": torch.ones(2, 2)
        for name in ("eh_proj.weight", "enorm.weight", "shared_head.norm.weight", "mlp.gate.weight")
    }
    old = {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(4)}
    added(folder, **further, **old)
    load_model(folder)
    added(folder, **{"model.layers.3.mlp.gate.weight": torch.ones(2, 2)})
    with pytest.raises(ModelError, match=r"no place for \(1, first: model.layers.3.mlp.gate"):
        load_model(folder)


def test_by_name_alone() -> None:
    mtp = ["model.layers.61.eh_proj.weight", "model.layers.61.mlp.experts.0.up_proj.weight_scale_inv"]
    assert without_place([*mtp, "mtp.0.norm.weight", "layers.1.self_attn.rotary_emb.inv_freq"]) == []
    assert without_place([*mtp, "model.layers.60.eh_norm.weight", "score.weight"]) == [
        "model.layers.60.eh_norm.weight",
        "score.weight",
    ]
