"""What the loader accepts, and what it refuses with one clear line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from fittingroom.errors import ModelError
from fittingroom.models.load import ModelConfig, folder_digest, load_model, load_tokenizer, resolve, stored_half
from tiny_model import tiny_folder


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(tiny_folder(), tmp_path / "shop-model")
    return tmp_path / "shop-model"


def refuse(copy: Path, match: str) -> None:
    with pytest.raises(ModelError, match=match) as caught:
        resolve(ModelConfig(base="shop-model"), copy.parent)
    assert "shop-model" in caught.value.place
    assert caught.value.exit_code == 2
    assert caught.value.text("zh") != caught.value.text("en")
    assert "\n" not in caught.value.text("en")


def test_a_local_folder_is_found_from_the_workspace(copy: Path) -> None:
    info = resolve(ModelConfig(base="shop-model"), copy.parent)
    assert info.path == copy
    assert info.name == "shop-model"
    assert len(info.digest) == 64
    assert "shop-model" in info.licence_text
    (copy / "LICENSE").write_text("terms of the base\n")
    assert resolve(ModelConfig(base=str(copy)), Path("/")).licence_text == "terms of the base\n"


def test_the_digest_follows_weights_and_tokenizer(copy: Path) -> None:
    before = folder_digest(copy)
    (copy / "README.md").write_text("x")
    assert folder_digest(copy) == before
    config = json.loads((copy / "tokenizer_config.json").read_text())
    (copy / "tokenizer_config.json").write_text(json.dumps({**config, "note": 1}))
    assert folder_digest(copy) != before


def test_refuses_what_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="neither"):
        resolve(ModelConfig(base="nonsense"), tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"config\.json"):
        resolve(ModelConfig(base="empty"), tmp_path)


def test_refuses_a_pickle(copy: Path) -> None:
    (copy / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    refuse(copy, "pickle")


def test_refuses_missing_weights(copy: Path) -> None:
    for file in copy.glob("*.safetensors"):
        file.unlink()
    refuse(copy, "safetensors")


def test_refuses_a_missing_tokenizer(copy: Path) -> None:
    (copy / "tokenizer.json").unlink()
    refuse(copy, "tokenizer.json")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"model_type": "deepseek", "auto_map": {"AutoModelForCausalLM": "modeling_deepseek.X"}}, "never run"),
        ({"model_type": "clip"}, "not as a text-generating"),
        ({"model_type": None}, "not as a text-generating"),
    ],
)
def test_refuses_remote_code_and_other_kinds(copy: Path, change: dict[str, Any], match: str) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, **change}))
    refuse(copy, match)


def test_refuses_a_broken_config(copy: Path) -> None:
    (copy / "config.json").write_text("{")
    refuse(copy, "cannot be read")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"rms_norm_eps": "1e-6"}, r'config\.json: rms_norm_eps = "1e-6" is a value of the wrong kind'),
        ({"num_hidden_layers": "four"}, r'config\.json: num_hidden_layers = "four"'),
        ({"max_position_embeddings": None}, r"config\.json: max_position_embeddings = null"),
        ({"vocab_size": "abc"}, r'config\.json: vocab_size = "abc"'),
        ({"eos_token_id": "</s>"}, r'config\.json: eos_token_id = "</s>"'),
        ({"rope_parameters": {"rope_type": "yarn"}}, r"config\.json describes no model .*factor"),
        ({"quantization_config": "x"}, r"config\.json describes no model"),
        ({"dtype": "bfloat17"}, r"config\.json describes no model .*bfloat17"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named_with_its_field(copy: Path, change: dict[str, Any], match: str) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, **change}))
    refuse(copy, match)
    for used in (load_model, stored_half):
        with pytest.raises(ModelError, match=r"config\.json"):
            used(copy)


@pytest.mark.parametrize("value", ["</s>", [1, "x"], {"id": 1}, [[1]], float("inf"), [1, float("-inf")], float("nan")])
def test_an_end_mark_that_is_no_number_is_refused(copy: Path, value: object) -> None:
    (copy / "generation_config.json").write_text(json.dumps({"eos_token_id": value}))
    refuse(copy, r"generation_config\.json: eos_token_id = .*put in the id")


def in_json(file: Path, *keys: str, value: Any) -> None:
    """Put a value into a JSON file."""
    whole = part = json.loads(file.read_text())
    for key in keys[:-1]:
        part = part[key]
    part[keys[-1]] = value
    file.write_text(json.dumps(whole))


@pytest.mark.parametrize("value", [None, [], {}, "x", "7", 1.5, True, -1, float("inf")])
def test_an_id_of_a_word_that_is_no_number_is_refused(copy: Path, value: object) -> None:
    in_json(copy / "tokenizer.json", "model", "vocab", "a", value=value)
    refuse(copy, r'tokenizer\.json: model\.vocab gives "a" the id .*which is no number.*take tokenizer\.json')


def test_two_words_with_one_id_are_refused(copy: Path) -> None:
    vocabulary = json.loads((copy / "tokenizer.json").read_text())["model"]["vocab"]
    in_json(copy / "tokenizer.json", "model", "vocab", "a", value=vocabulary["b"])
    refuse(copy, rf'tokenizer\.json: model\.vocab gives "a" and "b" one id, {vocabulary["b"]}: take tokenizer\.json')


@pytest.mark.parametrize("value", ["x", "512", [512], {}, True])
def test_a_longest_text_that_is_no_number_is_refused(copy: Path, value: object) -> None:
    in_json(copy / "tokenizer_config.json", "model_max_length", value=value)
    refuse(copy, r"tokenizer_config\.json: model_max_length = .* is no number: put in how many tokens")
    if value is not True:
        with pytest.raises(ModelError, match=r"cannot be read .*tokenizer_config\.json"):
            load_tokenizer(copy)  # where nobody looked at the files before


@pytest.mark.parametrize("value", [None, 512, 1e30, 10**30])
def test_a_longest_text_as_publishers_write_it_is_taken(copy: Path, value: object) -> None:
    in_json(copy / "tokenizer_config.json", "model_max_length", value=value)
    resolve(ModelConfig(base="shop-model"), copy.parent)
    load_tokenizer(copy)


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("tokenizer.json", "added_tokens", [{"content": "<x>", "id": float("inf")}]),
        ("tokenizer.json", "added_tokens", [{"content": "<x>"}]),
        ("tokenizer.json", "model", {"vocab": 7}),
        ("tokenizer_config.json", "added_tokens_decoder", {"x": {"content": "<x>"}}),
        ("tokenizer_config.json", "added_tokens_decoder", {"1": "<x>"}),
        ("tokenizer_config.json", "added_tokens_decoder", 7),
    ],
)
def test_a_file_of_the_tokenizer_that_cannot_be_read_is_named(copy: Path, name: str, key: str, value: object) -> None:
    in_json(copy / name, key, value=value)
    refuse(copy, rf"{name} cannot be read .*download the tokenizer's files again")


def test_whatever_a_class_raises_while_it_is_built_is_told(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "num_attention_heads": 0}))
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_model(copy)


def test_refuses_weights_that_do_not_belong_together(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    with pytest.raises(ModelError, match="missing or of the wrong shape"):
        load_model(copy)


def test_refuses_torn_weights(copy: Path) -> None:
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match="is torn"):
        load_model(copy)
    refuse(copy, "is torn")


def test_the_model_is_fp32_greedy_and_its_ids_agree(copy: Path) -> None:
    import torch

    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "bos_token_id": 7}))
    (copy / "generation_config.json").write_text(json.dumps({"do_sample": True, "temperature": 0.6, "top_p": 0.95}))
    model, tokenizer = load_model(copy), load_tokenizer(copy)
    assert model.dtype == torch.float32
    assert not model.training
    assert model.config.bos_token_id == tokenizer.bos_token_id == 0
    assert model.config.pad_token_id == model.generation_config.pad_token_id == 2
    assert model.generation_config.do_sample is False
    assert model.generation_config.temperature is None
    model.save_pretrained(copy / "again")  # a temperature without sampling would raise here


def test_a_pad_token_is_found(copy: Path) -> None:
    path = copy / "tokenizer_config.json"
    config = json.loads(path.read_text())
    config.pop("pad_token")
    path.write_text(json.dumps(config))
    assert load_tokenizer(copy).pad_token == "<｜▁pad▁｜>"


def test_a_tokenizer_that_loses_blanks_is_refused(copy: Path) -> None:
    path = copy / "tokenizer.json"
    whole = json.loads(path.read_text())
    whole["decoder"] = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
    path.write_text(json.dumps(whole))
    with pytest.raises(ModelError, match="give text back"):
        load_tokenizer(copy)


def test_a_hub_that_cannot_be_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub as hub

    def down(*args: object, **kwargs: object) -> None:
        raise OSError("no route")

    monkeypatch.setattr(hub.HfApi, "model_info", down)
    with pytest.raises(ModelError, match="HF_ENDPOINT"):
        resolve(ModelConfig(base="deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B"), tmp_path)
    with pytest.raises(ModelError, match="modelscope"):
        resolve(ModelConfig(base="modelscope:deepseek-ai/x"), tmp_path)
