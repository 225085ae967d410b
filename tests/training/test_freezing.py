"""What is frozen does not move, learns from its step on, and a training that was killed knows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fittingroom.errors import RecipeError
from fittingroom.models.load import load_model
from fittingroom.training.config import FreezeConfig, TrainConfig
from fittingroom.training.fit import prepared
from fittingroom.training.freezing import NEVER, plan_of
from fittingroom.training.rows import Encoded
from fittingroom.training.state import trainable, untouched
from tiny_model import tiny_folder
from tiny_training import Killed, plan, run, same, shop_rows


@pytest.fixture(scope="module")
def rows() -> Encoded:
    return shop_rows()


@pytest.fixture
def every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints after every step."""
    from fittingroom.training import callback

    monkeypatch.setattr(callback, "_SECONDS", 0.0)
    monkeypatch.setattr(callback, "_SHARE", 1e9)


def test_the_topmost_goes_first() -> None:
    freeze = FreezeConfig(layers=3, unfreeze_after=0.2, unfreeze_over=0.3)
    assert plan_of(freeze, layers=4, steps=100, full=True) == {
        "layer 2": 20, "layer 1": 30, "layer 0": 40, "embeddings": 50,
    }  # fmt: skip
    assert plan_of(freeze, layers=4, steps=100, full=False) == {"layer 2": 20, "layer 1": 35, "layer 0": 50}
    at_once = FreezeConfig(layers=2, unfreeze_after=0.5, unfreeze_over=0)
    assert set(plan_of(at_once, layers=4, steps=7, full=True).values()) == {4}
    assert plan_of(FreezeConfig(embeddings=True), layers=4, steps=9, full=True) == {"embeddings": NEVER}
    assert plan_of(FreezeConfig(), layers=4, steps=9, full=True) == {}


def test_more_layers_than_there_are() -> None:
    with pytest.raises(RecipeError, match=r"train.freeze.layers = 5: the base model has 4 layers, of which at most 4"):
        plan_of(FreezeConfig(layers=5), layers=4, steps=9, full=True)
    with pytest.raises(RecipeError, match="at most 3 can be frozen"):
        plan_of(FreezeConfig(layers=4), layers=4, steps=9, full=False)


def test_what_never_learns_is_in_no_checkpoint() -> None:
    import torch

    this = plan("full", frozen={"layer 0": NEVER, "embeddings": NEVER})
    model = prepared(load_model(tiny_folder()), this, TrainConfig(method="full"), 1)
    assert not any("layers.0." in name or "embed_tokens" in name for name in trainable(model))
    assert any("layers.1." in name for name in trainable(model))
    waiting = prepared(load_model(tiny_folder()), plan("full", frozen={"layer 0": 3}), TrainConfig(method="full"), 1)
    assert any("layers.0." in name for name in trainable(waiting))
    assert not any(value.requires_grad for name, value in waiting.named_parameters() if "layers.0." in name)
    missed = untouched(waiting, torch.optim.AdamW(waiting.parameters()))
    assert any("layers.1." in name for name in missed)
    assert not any("layers.0." in name for name in missed)  # it waits; it was not forgotten


def moved(model: Any, first: dict[str, Any]) -> set[str]:
    import torch

    return {name for name, value in trainable(model).items() if not torch.equal(value, first[name])}


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_frozen_layer_waits_for_its_step(method: Any, rows: Encoded, tmp_path: Path) -> None:
    """The same training as long as nothing is let go; then the layer moves, and the others were not held up."""
    end = {"steps": 6, "epochs": 1.0, "learning_rate": 1e-3, "weight_decay": 0.1, "l1": 0.01}
    never = run(tmp_path / "a", rows, plan(method, frozen={"layer 0": NEVER}, **end))
    late = run(tmp_path / "b", rows, plan(method, frozen={"layer 0": 5}, **end))
    first = {
        name: value.clone()
        for name, value in trainable(
            prepared(load_model(tiny_folder()), plan(method), TrainConfig(method=method), 7)
        ).items()
    }
    assert [one["loss"] for one in never.recorder.steps] == [one["loss"] for one in late.recorder.steps]
    before, after = moved(never.model, first), moved(late.model, first)
    assert not any("layers.0." in name for name in before)
    assert any("layers.1." in name for name in before)
    if late.recorder.best_step == 6:
        assert any("layers.0." in name for name in after)


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.usefixtures("every_step")
def test_resumed_equals_undisturbed(method: Any, rows: Encoded, tmp_path: Path) -> None:
    frozen = {"layer 1": 5, "layer 0": 9, "embeddings": 9} if method == "full" else {"layer 0": 9}
    this = plan(method, frozen=frozen, l1=0.02, schedule="wsd", decay_steps=6, steps=12, epochs=2.0)
    whole = run(tmp_path / "whole", rows, this)
    with pytest.raises(Killed):
        run(tmp_path / "killed", rows, this, kill_at=7)
    same(run(tmp_path / "killed", rows, this), whole)


def test_impossible_shares_are_refused() -> None:
    from fittingroom.config import parse

    recipe = {
        "task": {"kind": "classify", "input": ["t"], "target": "l"},
        "sources": [{"kind": "csv", "path": "a.csv", "key": "id"}],
    }
    for train, said in (
        (
            {"freeze": {"layers": 1, "unfreeze_after": 0.9, "unfreeze_over": 0.2}},
            "必须小于 1，否则最后一层没有机会学习",
        ),
        ({"freeze": {"embeddings": True}}, "freeze.embeddings 只用于 method: full"),
        ({"schedule": "wsd", "warmup": 0.6, "decay": 0.6}, "warmup 与 decay 之和不能超过 1"),
        ({"method": "qlora", "precision": "fp32"}, "请把 precision 设为 auto"),
        ({"precision": "fp64"}, "应为"),
    ):
        with pytest.raises(RecipeError) as told:
            parse({**recipe, "train": train}, place="recipe")
        assert said in told.value.zh, told.value.zh
