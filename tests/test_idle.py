"""A key that would change nothing is refused where somebody wrote it, and only there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from fittingroom.config import RunConfig, load
from fittingroom.errors import RecipeError

RECIPE: dict[str, Any] = {
    "task": {"kind": "classify", "input": ["text"], "target": "label"},
    "sources": [{"kind": "jsonl", "path": "rows.jsonl", "key": "id"}],
}


def loaded(folder: Path, **sections: Any) -> RunConfig:
    (folder / "recipe.yaml").write_text(yaml.safe_dump({**RECIPE, **sections}), encoding="utf-8")
    return load(folder / "recipe.yaml")


IDLE: list[tuple[dict[str, Any], str]] = [
    ({"train": {"method": "full", "lora_rank": 8}}, "train.lora_rank"),
    ({"train": {"method": "experts", "lora_alpha": 8}}, "train.lora_alpha"),
    ({"train": {"method": "lora", "experts": {"share": 0.5}}}, "train.experts"),
    ({"train": {"decay": 0.3}}, "train.decay"),
    ({"train": {"freeze": {"unfreeze_after": 0.2}}}, "train.freeze.unfreeze_after"),
    ({"engine": {"address": "auto"}}, "engine.address"),
]


@pytest.mark.parametrize(("sections", "key"), IDLE)
def test_refused_where_it_is_written(tmp_path: Path, sections: dict[str, Any], key: str) -> None:
    with pytest.raises(RecipeError, match="changes nothing here") as caught:
        loaded(tmp_path, **sections)
    assert caught.value.place.endswith(f": {key}")
    assert "不起作用" in caught.value.zh


@pytest.mark.parametrize(
    "sections",
    [
        {"train": {"method": "lora", "lora_rank": 8}},
        {"train": {"method": "experts", "experts": {"share": 0.5}}},
        {"train": {"schedule": "wsd", "decay": 0.3}},
        {"train": {"decay": 0.3}, "search": {"schedule": ["cosine", "wsd"]}},
        {"train": {"method": "full", "freeze": {"layers": 1, "unfreeze_after": 0.2}}},
        {"engine": {"kind": "ray", "address": "auto"}},
        {"train": {"method": "full", "lora_rank": 16, "decay": 0.1}},
    ],
)
def test_what_has_an_effect_or_is_the_default_is_taken(tmp_path: Path, sections: dict[str, Any]) -> None:
    loaded(tmp_path, **sections)


def test_remedies_and_what_they_leave_idle_are_taken(tmp_path: Path) -> None:
    config = loaded(tmp_path, train={"method": "lora", "lora_rank": 8})
    assert config.patched({"train.method": "full"}).train.lora_rank == 8


def test_a_search_over_several_processes_is_refused(tmp_path: Path) -> None:
    from fittingroom.searching import refuse

    config = loaded(tmp_path, engine={"processes": 2}, search={"learning_rate": [1e-4, 1e-2, "log"]})
    with pytest.raises(RecipeError, match="trains in one process") as caught:
        refuse(config)
    assert caught.value.place == "engine.processes"
    with pytest.raises(RecipeError, match=r"adapt\.search trains in one process"):
        loaded(tmp_path, engine={"processes": 2}, adapt={"search": True})


def overridden(folder: Path, sets: list[str], **sections: Any) -> RunConfig:
    (folder / "recipe.yaml").write_text(yaml.safe_dump({**RECIPE, **sections}), encoding="utf-8")
    return load(folder / "recipe.yaml", sets)


def test_the_command_line_does_not_turn_the_recipe_against_itself(tmp_path: Path) -> None:
    adapters = {"method": "lora", "lora_rank": 8, "lora_alpha": 32}
    assert overridden(tmp_path, ["train.method=full"], train=adapters).train.method == "full"
    ray = {"kind": "ray", "address": "auto"}
    assert overridden(tmp_path, ["engine.kind=local"], engine=ray).engine.address == "auto"
    held = {"freeze": {"layers": 1, "unfreeze_after": 0.2}}
    assert overridden(tmp_path, ["train.freeze.layers=0"], train=held).train.freeze.layers == 0
    mended = overridden(tmp_path, ["train.method=lora"], train={"method": "full", "lora_rank": 8})
    assert mended.train.lora_rank == 8


@pytest.mark.parametrize(
    ("sets", "train", "key"),
    [
        (["seed=3"], {"method": "full", "lora_rank": 8}, "train.lora_rank"),
        (["train.method=experts"], {"method": "full", "lora_rank": 8}, "train.lora_rank"),
        (["train.method=full", "train.lora_rank=8"], {"method": "lora"}, "train.lora_rank"),
        (["train={method: full, lora_alpha: 8}"], {"method": "lora"}, "train.lora_alpha"),
        (["train.method=full"], {"method": "lora", "lora_rank": 8, "decay": 0.3}, "train.decay"),
    ],
)
def test_what_the_recipe_or_the_command_line_contradicts_itself_is_refused(
    tmp_path: Path, sets: list[str], train: dict[str, Any], key: str
) -> None:
    with pytest.raises(RecipeError, match="changes nothing here") as caught:
        overridden(tmp_path, sets, train=train)
    assert caught.value.place.endswith(f": {key}")
