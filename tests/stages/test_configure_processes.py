"""A plan for several processes: when weights are spread over them, and what that takes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from fittingroom.engine import Context, EngineConfig
from fittingroom.errors import ModelError, RecipeError
from fittingroom.models.load import ModelConfig, load_model
from fittingroom.models.memory import Memory, estimate
from fittingroom.models.shape import Shape
from fittingroom.stages.configure import TrainConfig, configure, observes
from fittingroom.training import capacity
from fittingroom.training.needs import in_parts, on_the_way, sharing_memory
from fittingroom.training.split import cuts_of
from fittingroom.types import Plan
from tiny_families import family_folder
from tiny_model import tiny_folder
from tiny_shop import TASK, splits

SEVEN = {
    "model_type": "qwen2", "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28,
    "num_attention_heads": 28, "num_key_value_heads": 4, "vocab_size": 152064, "tie_word_embeddings": False,
}  # fmt: skip
MODEL = ModelConfig(base=str(tiny_folder()))


def planned(context: Context, engine: EngineConfig, base: Path | None = None, **values: Any) -> Plan:
    config = TrainConfig(**{"method": "full", "batch_size": 8, "epochs": 1, **values})
    inside = dataclasses.replace(context, engine=engine)
    model = ModelConfig(base=str(base)) if base else MODEL
    return configure(splits(), model=model, train=config, task=TASK, seed=7, context=inside)


def test_a_part_of_the_weights_and_a_layer_for_a_moment() -> None:
    shape = Shape.from_config(SEVEN)
    assert shape is not None
    whole = estimate(shape, method="full", tokens=2048, answers=64, longest=512, checkpointing=True, device="cuda")
    eight = in_parts(whole, shape, 8)
    state = sum(whole.parts[name] for name in ("weights", "gradients", "optimizer"))
    kept = sum(eight.parts[name] for name in ("weights", "gradients", "optimizer"))
    assert kept == pytest.approx(state / 8, rel=1e-6)
    assert eight.parts["gathered"] < (whole.parts["weights"] + whole.parts["gradients"]) / 4
    assert eight.parts["activations"] == whole.parts["activations"]
    assert whole.total > 80 * 2**30 > eight.total


def test_weights_are_spread_where_one_process_does_not_hold_them(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    apart = EngineConfig(kind="torchrun", processes=2)
    assert planned(context, apart).sharding == "none"
    monkeypatch.setattr(capacity, "needed", lambda *_, **__: Memory({"weights": 1000}))
    monkeypatch.setattr(capacity, "in_parts", lambda *_: Memory({"weights": 600}))
    monkeypatch.setattr(capacity, "machine_bytes", lambda wanted: ("a small GPU", 1000))
    plan = planned(context, apart)
    assert plan.sharding == "full"
    assert plan.memory_bytes == 600
    assert "do not hold" in plan.chosen["sharding"]
    with pytest.raises(RecipeError, match="find"):
        planned(context, apart, learning_rate="find")


def test_whole_weights_on_their_way_into_parts_are_reckoned(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    shape = Shape.from_config(SEVEN)
    assert shape is not None
    whole = estimate(shape, method="full", tokens=512, answers=64, longest=512, device="cuda")
    lora = estimate(shape, method="lora", tokens=512, answers=64, longest=512, device="cuda")
    here, apart = EngineConfig(processes=8), EngineConfig(kind="torchrun", processes=8)
    assert on_the_way(whole, shape, here, half=False) == 8 * 4 * shape.parameters
    assert on_the_way(whole, shape, here, half=True) == 8 * 2 * shape.parameters
    assert on_the_way(whole, shape, apart, half=False) == 4 * whole.parts["gradients"]  # put together by the main one
    assert on_the_way(lora, shape, apart, half=True) == 2 * shape.parameters
    monkeypatch.setattr(capacity, "main_memory", lambda: 1000)
    with pytest.raises(ModelError, match="each of 2 processes reads whole"):
        planned(context, EngineConfig(processes=2, sharding="full"))


def test_processes_of_one_machine_share_its_memory() -> None:
    assert sharing_memory(EngineConfig(processes=4), "cpu") == 4
    assert sharing_memory(EngineConfig(processes=4), "cuda") == 1
    assert sharing_memory(EngineConfig(kind="torchrun", processes=4), "cpu") == 1


def test_the_plan_but_no_training_follows_the_number_of_processes(context: Context) -> None:
    train = TrainConfig()
    one = observes(model=MODEL, train=train, context=context)
    two = observes(model=MODEL, train=train, context=dataclasses.replace(context, engine=EngineConfig(processes=2)))
    assert one != two


def test_a_recipe_that_names_no_processes_is_told() -> None:
    for said in ({"kind": "torchrun"}, {"sharding": "full"}):
        with pytest.raises(ValueError, match=r"engine\.processes"):
            EngineConfig(**said)


def test_pieces_are_planned_and_what_cannot_be_cut_is_refused(context: Context, tmp_path: Path) -> None:
    cut = EngineConfig(processes=2, sharding="tensor")
    plan, whole = planned(context, cut), planned(context, EngineConfig(processes=2, sharding="none"))
    assert plan.sharding == "tensor"
    for part in ("weights", "gradients", "optimizer"):
        assert whole.memory[part] / 2 < plan.memory[part] < whole.memory[part], part
    with pytest.raises(RecipeError, match="adapters"):
        planned(context, cut, method="lora")
    base = family_folder("qwen2", tmp_path / "qwen2")
    with pytest.raises(RecipeError, match="2 heads"):
        planned(context, EngineConfig(processes=4, sharding="tensor"), base=base)


def test_a_model_without_a_plan_is_not_cut() -> None:
    model = load_model(tiny_folder())
    model.config.base_model_tp_plan = None
    with pytest.raises(RecipeError, match="no tensor-parallel plan"):
        cuts_of(model, 2)
