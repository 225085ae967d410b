"""From a plan to what is served: weights, bundle, and a store digest that two runs share."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from fittingroom.engine import Context, Note
from fittingroom.errors import NoRoom, UserError
from fittingroom.models.load import ModelConfig, load_model, load_tokenizer
from fittingroom.models.render import Renderer
from fittingroom.models.scoring import score_answers
from fittingroom.serving.bundle import read_info, verify
from fittingroom.stages.configure import TrainConfig, configure
from fittingroom.stages.package import package
from fittingroom.stages.train import train as train_stage
from fittingroom.store import Store
from fittingroom.tasks.classify import messages
from fittingroom.types import Bundle, Frozen, Splits, Trained
from tiny_model import tiny_folder
from tiny_shop import TASK, splits
from training.test_full_disk import files_of_at_most

MODEL = ModelConfig(base=str(tiny_folder()))


class Preparation(Frozen):
    """Stands in for the section `prepare`."""

    clean: dict[str, bool] = Field(default_factory=lambda: {"spam": False})
    redact: dict[str, bool] = Field(default_factory=dict)
    batch_rows: int = 100


def trained(context: Context, name: str, rows: Splits, **values: Any) -> Trained:
    scratch = context.scratch / name
    scratch.mkdir(exist_ok=True)
    inside = dataclasses.replace(context, scratch=scratch)
    config = TrainConfig(**{"method": "full", "learning_rate": 1e-2, "batch_size": 8, "epochs": 4, **values})
    plan = configure(rows, model=MODEL, train=config, task=TASK, seed=7, context=inside)
    return train_stage(plan, rows, model=MODEL, train=config, task=TASK, seed=7, context=inside)


def bundled(context: Context, name: str, made: Trained, rows: Splits) -> Bundle:
    scratch = context.scratch / name
    scratch.mkdir(exist_ok=True)
    inside = dataclasses.replace(context, scratch=scratch)
    return package(made, rows, model=MODEL, task=TASK, prepare=Preparation(), seed=7, context=inside)


def test_full_training_to_bundle(context: Context) -> None:
    rows = splits()
    made = trained(context, "a", rows)
    assert sorted(path.name for path in made.weights.files()) == [
        "config.json",
        "generation_config.json",
        "model.safetensors",
    ]
    assert made.facts["labels"] == ["praise", "refund", "where"]
    bundle = bundled(context, "a", made, rows)
    folder = bundle.folder.path
    verify(folder)
    info = read_info(folder)
    assert info.labels == made.facts["labels"]
    assert info.temperature == bundle.facts["temperature"] > 0
    assert info.data["test"] == rows.test.digest
    assert info.prepare.clean.spam is False
    assert info.golden_prompt
    assert (folder / "LICENSE.base").read_text().strip()
    assert bundle.facts["loss_after"] <= bundle.facts["loss_before"]
    said = (folder / "bundle.json").read_text()
    assert str(context.root) not in said
    assert load_model(folder / "model").num_parameters() == made.facts["parameters"]


def test_two_trainings_are_one_object_in_the_store(context: Context, tmp_path: Path) -> None:
    rows = splits()
    store = Store(tmp_path / "store")
    first, second = (trained(context, name, rows) for name in ("a", "b"))
    assert store.publish(first) == store.publish(second)
    again = store.load(store.publish(first), Trained)
    assert store.publish(bundled(context, "c", first, rows)) == store.publish(bundled(context, "d", again, rows))


def test_lora_is_merged_as_it_was_trained(context: Context) -> None:
    from fittingroom.models.adapters import with_adapter

    rows = splits()
    made = trained(context, "a", rows, method="lora", dropout=0.1)
    assert sorted(path.name for path in made.weights.files()) == ["adapter_config.json", "adapter_model.safetensors"]
    config = json.loads((made.weights / "adapter_config.json").read_text())
    assert config["target_modules"] == sorted(config["target_modules"])
    assert "/" not in config["base_model_name_or_path"]
    bundle = bundled(context, "b", made, rows)
    renderer = Renderer(load_tokenizer(bundle.folder / "tokenizer"))
    prompts = [renderer.prompt_ids(messages({"text": text}, TASK, [])) for text in ("refund box", "很快")]
    answers = [renderer.answer_ids(label) for label in made.facts["labels"]]
    apart = score_answers(with_adapter(load_model(tiny_folder()), made.weights.path), prompts, answers)
    merged = score_answers(load_model(bundle.folder / "model"), prompts, answers)
    untuned = score_answers(load_model(tiny_folder()), prompts, answers)
    assert abs(apart - merged).max() < 1e-3 < abs(apart - untuned).max()


def test_the_shift_of_the_prior_goes_into_the_bundle_before_the_temperature_is_fitted(context: Context) -> None:
    rows = splits()
    made = trained(context, "a", rows, epochs=2)
    plain = bundled(context, "b", made, rows)
    shift = {"praise": 2.0, "refund": -2.0, "where": 0.0}
    moved = bundled(context, "c", made, rows.model_copy(update={"facts": {"prior_shift": shift}}))
    assert "prior_shift" not in (plain.folder / "bundle.json").read_text()
    assert read_info(moved.folder.path).prior_shift == shift
    assert moved.facts["loss_before"] != plain.facts["loss_before"]
    assert moved.facts["loss_after"] != plain.facts["loss_after"]


def test_few_calibration_rows_leave_the_temperature(context: Context) -> None:
    rows = splits(calibration=splits().test)
    bundle = bundled(context, "a", trained(context, "a", rows, epochs=1), rows)
    assert bundle.facts["fitted"] is False
    assert bundle.facts["temperature"] == 1.0


def test_class_weights_count(context: Context) -> None:
    plain = trained(context, "a", splits(), epochs=1)
    weighted = trained(context, "b", splits(class_weights={"refund": 5.0}), epochs=1)
    assert plain.steps[0]["loss"] != weighted.steps[0]["loss"]


def test_no_row_with_an_answer_is_refused(context: Context) -> None:
    rows, task = splits(), TASK.model_copy(update={"instruction": "choose the topic of the message " * 3})
    config = TrainConfig(method="full", max_length=16)
    plan = configure(rows, model=MODEL, train=config, task=task, seed=7, context=context)
    with pytest.raises(UserError, match="no training row has room"):
        train_stage(plan, rows, model=MODEL, train=config, task=task, seed=7, context=context)


def test_a_disk_that_cannot_take_the_weights_is_named_and_the_training_is_not_lost(context: Context) -> None:
    rows = splits()
    values: dict[str, Any] = {"epochs": 1}
    whole = trained(context, "whole", rows, **values)
    trained_steps: list[float] = []

    def note(note: Note) -> None:
        if note.kind == "step":
            trained_steps.append(note.data["step"])

    watched = dataclasses.replace(context, note=note)
    with files_of_at_most(4096), pytest.raises(NoRoom) as caught:
        trained(watched, "full", rows, **values)
    assert str(context.scratch / "full") in caught.value.place
    assert "are needed" in caught.value.en
    assert not (context.scratch / "full" / "weights").exists()
    assert trained_steps
    again = trained(watched, "full", rows, **values)
    assert again.evals == whole.evals
    assert again.steps == whole.steps


def test_a_dev_part_without_room_for_an_answer_is_refused(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    from fittingroom.training import material

    rows = splits()
    config = TrainConfig(method="full", max_length=64, batch_size=8, epochs=1)
    plan = configure(rows, model=MODEL, train=config, task=TASK, seed=7, context=context)
    encoded = material.encode

    def dev_filled(table: Any, **values: Any) -> Any:
        """Every dev row fills all tokens that a row may have."""
        made = encoded(table, **values)
        if table is rows.dev:
            return dataclasses.replace(made, answer_starts=[len(ids) for ids in made.ids])
        return made

    monkeypatch.setattr(material, "encode", dev_filled)
    with pytest.raises(UserError, match="no dev row has room"):
        train_stage(plan, rows, model=MODEL, train=config, task=TASK, seed=7, context=context)
