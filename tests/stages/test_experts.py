"""Expert-specialised fine-tuning on the road: chosen in the plan, trained alone, put into what is served."""

from __future__ import annotations

from pathlib import Path

import pytest

from fittingroom.engine import Context
from fittingroom.errors import ModelError
from fittingroom.models.load import ModelConfig, load_model
from fittingroom.stages.configure import TrainConfig, configure
from stages.test_train_package import bundled, trained
from tiny_families import family_folder
from tiny_model import tiny_folder
from tiny_shop import TASK, splits

EXPERTS = {"method": "experts", "experts": {"share": 0.4, "rows": 20}, "weight_decay": 0.0}


def test_only_the_chosen_experts_change_and_reach_the_bundle(context: Context) -> None:
    import torch
    from safetensors.torch import load_file

    rows = splits()
    config = TrainConfig(**{**EXPERTS, "learning_rate": 1e-2, "batch_size": 8, "epochs": 4})
    plan = configure(rows, model=ModelConfig(base=str(tiny_folder())), train=config, task=TASK, seed=7, context=context)
    assert set(plan.experts) == {"model.layers.1.mlp.experts"}
    index = plan.experts["model.layers.1.mlp.experts"]
    assert 0 < len(index) < 4
    assert "of 4 experts a layer" in plan.chosen["experts"]
    assert plan.memory["optimizer"] < 0.2 * 8 * plan.memory["weights"] / 4
    assert all(found["router"] == 0 for name, found in plan.preflight.items() if name == "adapters")
    assert plan.preflight["learning"]["dead"] == 0

    made = trained(context, "a", rows, **EXPERTS)
    assert sorted(path.name for path in made.weights.files()) == ["experts.json", "experts.safetensors"]
    stored = load_file(str(made.weights.path / "experts.safetensors"))
    assert {value.shape[0] for value in stored.values()} == {len(index)}
    assert made.facts["trainable"] == sum(value.numel() for value in stored.values())
    assert made.steps[-1]["loss"] < made.steps[0]["loss"]

    bundle = bundled(context, "b", made, rows)
    served = load_model(bundle.folder.path / "model").state_dict()
    base = load_model(tiny_folder()).state_dict()
    for name, value in base.items():
        if ".mlp.experts." in name:
            others = [at for at in range(4) if at not in index]
            assert torch.equal(served[name][others], value[others])
            assert not torch.equal(served[name][index], value[index])
        else:
            assert torch.equal(served[name], value), name


def test_a_model_without_experts_is_refused_before_training(context: Context, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has no experts"):
        configure(
            splits(),
            model=ModelConfig(base=str(family_folder("qwen2", tmp_path / "dense"))),
            train=TrainConfig(method="experts"),
            task=TASK,
            seed=7,
            context=context,
        )
