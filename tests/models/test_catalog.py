"""The catalogue agrees with the model classes, with the published tokenizers, and with the cards' own figures."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from fittingroom.models.anatomy import anatomy
from fittingroom.models.catalog import FAMILIES, MODELS, TEMPLATES, THINKING, billions, find, sizes
from fittingroom.models.known import KnownModel
from fittingroom.models.needs import state_bytes
from fittingroom.models.recognise import recognise_id
from fittingroom.models.shape import Shape
from fittingroom.models.targets import lora_targets

# Billions of parameters, total and active, as the cards and papers state them.
CARDS = {
    "deepseek-llm-7b-chat": (6.9, 6.9), "DeepSeek-V2-Lite": (15.7, 2.4), "DeepSeek-V2": (236, 21),
    "DeepSeek-V3": (671, 37), "DeepSeek-V3.2": (671, 37), "DeepSeek-R1-Distill-Qwen-1.5B": (1.78, 1.78),
    "DeepSeek-R1-Distill-Qwen-7B": (7.6, 7.6), "DeepSeek-R1-Distill-Qwen-14B": (14.8, 14.8),
    "DeepSeek-R1-Distill-Qwen-32B": (32.8, 32.8), "DeepSeek-R1-Distill-Llama-8B": (8.0, 8.0),
    "DeepSeek-R1-Distill-Llama-70B": (70.6, 70.6), "DeepSeek-R1-0528-Qwen3-8B": (8.2, 8.2),
}  # fmt: skip


def known(name: str) -> KnownModel:
    found = find(f"deepseek-ai/{name}")
    assert found is not None
    return found


def on_meta(config: dict[str, Any]) -> Any:
    """The model class itself, without memory for its weights."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    said = {name: value for name, value in config.items() if name != "model_type"}
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(AutoConfig.for_model(str(config["model_type"]), **said))


_COUNTED = {json.dumps([m.model_type, *m.shape.items()]): m for m in MODELS if sizes(m) is not None}


@pytest.mark.parametrize("model", _COUNTED.values(), ids=[m.name.split("/")[1] for m in _COUNTED.values()])
def test_weights_and_adapters_are_counted_as_the_class_has_them(model: KnownModel) -> None:
    made, counted = on_meta({"model_type": model.model_type, **model.shape}), sizes(model)
    assert counted is not None
    assert counted.parameters == sum(weight.numel() for weight in made.parameters())
    layers = dict(made.named_modules())
    widths = [layers[name].in_features + layers[name].out_features for name in lora_targets(made)]
    assert counted.lora_per_rank == sum(widths)
    assert counted.experts == sum(w.numel() for n, w in made.named_parameters() if ".mlp.experts." in n)


_KINDS = ("llama", "qwen2", "qwen3", "deepseek_v2", "deepseek_v3")


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        *((kind, {"tie_word_embeddings": True}) for kind in _KINDS),
        *((kind, {"attention_bias": True}) for kind in _KINDS if kind != "qwen2"),  # which is always biased
        ("llama", {"mlp_bias": True}),
    ],
)
def test_biases_and_tied_tables_are_counted(kind: str, change: dict[str, bool]) -> None:
    config: dict[str, Any] = {
        "model_type": kind, "vocab_size": 96, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "attention_bias": False,
        "tie_word_embeddings": False, **change,
    }  # fmt: skip
    if kind.startswith("deepseek"):
        config |= {
            "num_key_value_heads": 4, "n_routed_experts": 8, "num_experts_per_tok": 2, "n_shared_experts": 2,
            "moe_intermediate_size": 16, "first_k_dense_replace": 1, "kv_lora_rank": 16, "q_lora_rank": 24,
            "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 8, "n_group": 1, "topk_group": 1,
        }  # fmt: skip
    counted = anatomy(config)
    assert counted is not None
    assert counted.parameters == sum(weight.numel() for weight in on_meta(config).parameters())


def test_the_cards_say_the_same() -> None:
    for name, (total, active) in CARDS.items():
        counted = billions(known(name))
        assert counted[0] == pytest.approx(total, rel=0.01), name
        assert counted[1] == pytest.approx(active, rel=0.12), name  # the cards round, and differ on the embedding


def test_every_model_is_described_whole() -> None:
    assert len({model.name.lower() for model in MODELS}) == len(MODELS)
    for model in MODELS:
        assert model.name.startswith("deepseek-ai/")
        assert model.template in TEMPLATES
        assert model.thinking in THINKING
        assert model.licence.limits.zh != model.licence.limits.en
        assert (model.model_type in FAMILIES) or model.refused is not None
        assert (sizes(model) is None) == (model.stated is not None)
        assert recognise_id(model.name) is recognise_id(f"modelscope:{model.name.upper()}") is model
    refused = {model.name.split("/")[1] for model in MODELS if model.refused}
    assert {"deepseek-moe-16b-base", "deepseek-moe-16b-chat", "DeepSeek-V4.1-Flash", "DeepSeek-V4-Flash"} <= refused
    assert {"DeepSeek-V4-Flash-0731", "DeepSeek-V4-Flash-Base", "DeepSeek-V4-Pro"} <= refused
    assert recognise_id("someone/DeepSeek-R1") is None


def test_families_name_the_native_classes() -> None:
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    for name, family in FAMILIES.items():
        assert MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[name] == family.native
    assert "deepseek" not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    assert "deepseek_v41" not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES


def test_memory_follows_the_formulas() -> None:
    seven, lite = sizes(known("DeepSeek-R1-Distill-Qwen-7B")), sizes(known("DeepSeek-V2-Lite"))
    assert seven is not None
    assert lite is not None
    adapters = 16 * 40_370_176
    assert state_bytes(seven, "full", rank=16) == 16 * 7_615_616_512
    assert state_bytes(seven, "lora", rank=16) == 2 * 7_615_616_512 + adapters
    assert state_bytes(seven, "lora", rank=64) == 2 * 7_615_616_512 + 4 * adapters
    assert state_bytes(seven, "qlora", rank=16) == pytest.approx(5.64e9 + adapters, rel=0.01)
    # transformers 5 leaves experts as they are: four bits save next to nothing on a mixture.
    assert state_bytes(lite, "qlora", rank=16) / state_bytes(lite, "lora", rank=16) > 0.9


def test_the_shape_of_a_configuration_is_that_of_the_model() -> None:
    for model in _COUNTED.values():
        config = {"model_type": model.model_type, **model.shape}
        assert Shape.from_config(config) == Shape.of(on_meta(config)), model.name


def test_ids_of_marks_are_those_of_the_published_tokenizers(data_dir: Path) -> None:
    folders = {"DeepSeek-R1": "DeepSeek-R1", "DeepSeek-V3": "DeepSeek-V3"}
    folders["DeepSeek-R1-Distill-Qwen-7B"] = "DeepSeek-R1-Distill-Qwen-1.5B"  # the same tokenizer.json
    for name, folder in folders.items():
        file = data_dir.parent / "tokenizers" / folder / "tokenizer.json.gz"
        if not file.is_file():
            pytest.skip(f"{file.name} of {folder} is not on this machine")
        added = {
            token["content"]: token["id"] for token in json.loads(gzip.decompress(file.read_bytes()))["added_tokens"]
        }
        marks = known(name).marks
        assert marks is not None
        assert added["<｜begin▁of▁sentence｜>"] == marks.bos
        assert added["<｜end▁of▁sentence｜>"] == marks.eos
        assert added["<｜User｜>"] == marks.user
        assert added["<｜Assistant｜>"] == marks.assistant
        assert added.get("<think>") == marks.think
