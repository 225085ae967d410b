"""The methods of a recipe, from the plan to the bundle."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from pydantic import Field

from fittingroom.engine import Context
from fittingroom.errors import ModelError, RecipeError, SourceError
from fittingroom.models.load import ModelConfig, load_model
from fittingroom.stages.configure import configure
from fittingroom.stages.configure import observes as observed_by_configure
from fittingroom.stages.package import package
from fittingroom.stages.train import observes, train
from fittingroom.training.config import TrainConfig
from fittingroom.types import Frozen
from tiny_model import tiny_folder
from tiny_shop import TASK, splits

MODEL = ModelConfig(base=str(tiny_folder()))
GIVEN: dict[str, Any] = {"model": MODEL, "task": TASK, "seed": 7}


class Preparation(Frozen):
    """Stands in for the section `prepare`."""

    clean: dict[str, bool] = Field(default_factory=dict)
    redact: dict[str, Any] = Field(default_factory=lambda: {"kinds": ["mobile"]})


def general(context: Context, held_out: str) -> None:
    lines = [
        ("hello 13800138000", "thank you"),
        ("你好", "谢谢店家"),
        (held_out, "never learnt"),
        ("price", "good " * 99),
    ]
    said = [[{"role": "user", "content": one}, {"role": "assistant", "content": two}] for one, two in lines]
    text = "\n".join(json.dumps({"messages": messages}, ensure_ascii=False) for messages in said)
    (context.root / "general.jsonl").write_text(text, encoding="utf-8")


def test_all_of_them_together(context: Context) -> None:
    rows = splits(36)
    judges = rows.test.arrow()["input"].to_pylist()[0]["text"]
    general(context, judges.upper() + "!")
    config = TrainConfig.model_validate(
        {
            "method": "full",
            "batch_size": 8,
            "epochs": 2,
            "learning_rate": 1e-3,
            "schedule": "wsd",
            "decay": 0.25,
            "l1": 0.1,
            "freeze": {"layers": 1, "unfreeze_after": 0.5},
            "activation_checkpointing": True,
            "replay": {"path": "general.jsonl", "share": 0.2, "max_length": 96},
        }
    )
    section = Preparation()
    plan = configure(rows, train=config, prepare=section, context=context, **GIVEN)
    assert (plan.schedule, plan.decay_steps, plan.l1) == ("wsd", plan.steps // 4, 0.1)
    assert (plan.device, plan.precision, plan.activation_checkpointing) == ("cpu", "fp32", True)
    assert plan.frozen == {"layer 0": plan.steps // 2, "embeddings": -(-plan.steps * 7 // 10)}
    assert plan.replay["per_step"] == 2.0
    assert (plan.replay["rows"], plan.replay["held_out"], plan.replay["too_long"]) == (2.0, 1.0, 1.0)
    made = train(plan, rows, train=config, prepare=section, context=context, **GIVEN)
    assert made.facts["replay"] == {
        "rows": 2, "too_long": 1, "held_out": 1, "truncated": 0, "redacted": {"mobile": 1}, "share": 0.2,
    }  # fmt: skip
    assert made.stopped == "completed"
    assert made.facts["bytes"] == {"float32": 4 * made.facts["parameters"]}
    inside = dataclasses.replace(context, scratch=context.scratch / "bundle-of-it")
    inside.scratch.mkdir()
    bundle = package(made, rows, prepare=section, context=inside, **GIVEN)
    assert load_model(bundle.folder.path / "model").num_parameters() == made.facts["parameters"]


def test_the_key_follows_the_general_data(context: Context) -> None:
    config = TrainConfig.model_validate({"replay": {"path": "general.jsonl"}})
    with pytest.raises(SourceError, match=r"train.replay.path = general.jsonl: no such file"):
        observes(model=MODEL, train=config, context=context)
    general(context, "one")
    first = observes(model=MODEL, train=config, context=context)
    assert observed_by_configure(model=MODEL, train=config, context=context)["replay"] == first["replay"]
    general(context, "two")
    assert observes(model=MODEL, train=config, context=context)["replay"] != first["replay"]
    assert "replay" not in observes(model=MODEL, train=TrainConfig(), context=context)


@pytest.mark.parametrize(
    ("said", "error", "message"),
    [
        ({"device": "tpu"}, ModelError, "train.device: a TPU is not used"),
        ({"freeze": {"layers": 2}}, RecipeError, r"train.freeze.layers = 2: the base model has 2 layers"),
    ],
)
def test_what_cannot_be_is_said_before_training(
    said: dict[str, Any], error: type[Exception], message: str, context: Context
) -> None:
    config = TrainConfig.model_validate({"batch_size": 8, "epochs": 1, **said})
    with pytest.raises(error, match=message):
        configure(splits(36), train=config, context=context, **GIVEN)


def test_bfloat16_all_through_is_measured_before_training() -> None:
    from fittingroom.training.preflight.wrapped import precision

    model = load_model(tiny_folder())
    given = {"method": "full", "learning_rate": 1e-5}
    pure = precision(model, TrainConfig.model_validate({**given, "precision": "bf16"}))
    master = precision(model, TrainConfig.model_validate({**given, "precision": "mixed"}))
    assert pure["bfloat16"] == 1.0
    assert master["bfloat16"] == 0.0
    assert pure["changed"] < 0.5 < master["changed"]
