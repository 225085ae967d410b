"""The recipes can be read by today's configuration, and what docs/24gb.md reckons is what the formulas say."""

from __future__ import annotations

import importlib.util
import re
import sys
import warnings
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import yaml

from fittingroom.config import RunConfig, load
from fittingroom.models.memory import Shape, estimate
from fittingroom.training import capacity
from fittingroom.training.config import TrainConfig

ROOT = Path(__file__).resolve().parent.parent


def _script(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


plan = _script(ROOT / "benchmarks" / "plan_24gb.py")
RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))
METHODS = get_args(TrainConfig.model_fields["method"].annotation)


def read(recipe: Path) -> RunConfig:
    """A recipe as the program reads it."""
    return load(recipe)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_can_be_read(recipe: Path) -> None:
    assert recipe.read_text("utf-8").startswith("# "), "the first line says what it is for"
    config = read(recipe)
    assert config.sources
    assert config.gate.better_than
    if "24gb" not in recipe.stem:
        return
    assert config.name == recipe.stem.replace("_", "-")
    assert config.model.base == "modelscope:deepseek-ai/DeepSeek-R1-Distill-Qwen-7B"
    assert config.model.revision
    # Any card of the table takes the longest row in a pass of its own.
    assert isinstance(config.train.max_length, int)
    checked = config.train.max_length > 448
    for card in plan.CARDS.values():
        fits = plan.fits(config.train.method, checkpointing=checked, card=card)
        assert config.train.max_length <= fits


def test_the_rest_of_a_recipe_in_4_bits_is_read_before_its_method_is_known() -> None:
    values = yaml.safe_load((ROOT / "recipes" / "zh_shop_intents_24gb-qlora.yaml").read_text("utf-8"))
    assert values["train"]["method"] == "qlora"
    known = {name: value for name, value in values["train"].items() if name in TrainConfig.model_fields}
    assert values["train"].keys() - known.keys() <= {"activation_checkpointing"}
    config = RunConfig.model_validate(values | {"train": known | {"method": METHODS[-1]}})
    assert config.train.max_length == 2048


@pytest.mark.parametrize(("name", "zh"), [("24gb.md", False), ("24gb.zh-CN.md", True)])
def test_the_tables_are_up_to_date(name: str, zh: bool) -> None:
    page = (ROOT / "docs" / name).read_text("utf-8")
    assert page == plan.written(page, zh), "run: python benchmarks/plan_24gb.py docs"


def test_figures_told_in_sentences_are_those_of_the_tables() -> None:
    """Both pages: what is repeated outside the tables follows from the same formulas."""
    lora = plan.needs("lora", checkpointing=True)
    qlora = plan.needs("qlora", checkpointing=True)
    learns = sum(lora[part] for part in ("adapters", "gradients", "optimizer"))
    gib = {
        "14.2 GiB": 2 * plan.MODEL.parameters,
        "28.4 GiB": 4 * plan.MODEL.parameters,
        "0.6 GiB": learns,
        "3.5 GiB": 12 * plan.TOKENS * plan.VOCABULARY,
        "9 GiB": lora["weights"] - qlora["weights"],
        "0.3 GiB": learns / 2,
        "2 GiB": 4 * plan.VOCABULARY * plan.HIDDEN,
    }
    for name in ("24gb.md", "24gb.zh-CN.md"):
        page = (ROOT / "docs" / name).read_text("utf-8")
        for said, size in gib.items():
            assert re.search(rf"(?<![\d.]){re.escape(said)}", page), said
            number = said.split()[0]
            assert f"{size / 2**30:.{len(number.partition('.')[2])}f}" == number, said
    for name in ("README.md", "README.zh-CN.md"):
        readme = (ROOT / name).read_text("utf-8")
        for said, parts in (("20 GiB", lora), ("9 GiB", qlora)):
            assert said in readme
            assert f"{sum(parts.values()) / plan.SHARE / 2**30:.0f} GiB" == said
    kept = plan.needs("lora", checkpointing=False)["activations"]
    assert round(kept / lora["activations"]) == 15  # "a fifteenth"


def test_the_recipes_fill_the_pass_that_the_page_shows() -> None:
    """16 rows of 40 tokens behind 360 shared ones: 6,400 tokens apart, 1,000 together."""
    rows, own, shared = 16, 40, 360
    assert (rows * (own + shared), rows * own + shared) == (6400, 1000)
    assert plan.fits("lora", checkpointing=True, card=22.5) > 1000


# ---------------------------------------------------------------------------------------------- against the model


def configuration(quarter: bool, layers: int) -> Any:
    """The shape of the 7B model, or one a quarter as wide (the smallest with the same proportions)."""
    from transformers import Qwen2Config

    part = 4 if quarter else 1
    return Qwen2Config(
        hidden_size=plan.HIDDEN // part,
        intermediate_size=plan.INNER // part,
        num_hidden_layers=layers,
        num_attention_heads=plan.HEADS // part,
        num_key_value_heads=plan.KV_HEADS // part,
        vocab_size=128 if quarter else plan.VOCABULARY,
        tie_word_embeddings=False,
        use_cache=False,
    )


def test_the_counts_are_those_of_the_real_class() -> None:
    import torch
    from transformers import AutoModelForCausalLM

    from fittingroom.models.targets import lora_targets

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(configuration(quarter=False, layers=plan.LAYERS))
    assert model.num_parameters() == plan.MODEL.parameters
    wrapped = [model.get_submodule(name) for name in lora_targets(model)]
    assert sum(layer.in_features * layer.out_features for layer in wrapped) == plan.MODEL.linear
    assert plan.RANK * sum(layer.in_features + layer.out_features for layer in wrapped) == plan.MODEL.adapters()


def kept(layers: int, tokens: int) -> int:
    """Bytes of activations that autograd keeps: bfloat16, LoRA, one row."""
    import torch
    from transformers import AutoModelForCausalLM

    from fittingroom.models.adapters import with_lora

    model: Any = AutoModelForCausalLM.from_config(configuration(quarter=True, layers=layers), dtype=torch.bfloat16)
    model = with_lora(model, rank=plan.RANK, alpha=32, dropout=0.0)
    for name, weight in model.named_parameters():
        if "lora_" in name:
            weight.data = weight.data.float()
    weights = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    found: dict[int, int] = {}

    def keep(tensor: Any) -> Any:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            found[storage.data_ptr()] = storage.nbytes()
        return tensor

    body = model.base_model.model.model
    ids = torch.zeros((1, tokens), dtype=torch.long)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), torch.autocast("cpu", torch.bfloat16):
        body(ids)
    return sum(found.values())


def test_a_layer_keeps_what_the_page_says() -> None:
    """Layers and tokens are varied, so that only what one layer keeps of one token is left over."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        few, many = 64, 96
        measured = (kept(2, many) - kept(2, few)) - (kept(1, many) - kept(1, few))
    quarter = plan.Qwen2(1, plan.HIDDEN // 4, plan.INNER // 4, plan.HEADS // 4, plan.KV_HEADS // 4, 128)
    assert measured / (many - few) == pytest.approx(quarter.kept(), rel=0.01)


# ---------------------------------------------------------------------------------------------- against the planner


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("method", plan.METHODS)
def test_the_page_agrees_with_what_plans_a_training(method: Any, checkpointing: bool) -> None:
    """Both count by themselves; the planner keeps the stream between layers in float32, to be on the safe side."""
    mine = plan.needs(method, checkpointing=checkpointing)
    # Frozen weights in 16 bits: a name of its own, or part of what `mixed` means.
    names = get_args(get_type_hints(estimate)["precision"])
    theirs = estimate(
        Shape.from_config(configuration(quarter=False, layers=plan.LAYERS).to_dict()),
        method=method,
        tokens=plan.TOKENS,
        answers=plan.ANSWERS,
        longest=plan.TOKENS,
        masked=True,
        rank=plan.RANK,
        checkpointing=checkpointing,
        precision="bfloat16" if "bfloat16" in names else "mixed",
        device="cuda",
    )
    assert theirs.total == pytest.approx(sum(mine.values()), rel=0.1)
    for part in ("gradients", "optimizer", "mask", "logits"):
        assert theirs.parts[part] == mine[part], part
    assert capacity.MEMORY_SHARE == plan.SHARE
