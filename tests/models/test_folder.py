"""Folders that must not be loaded are refused from names, headers and small files, before a weight is read."""

from __future__ import annotations

import gzip
import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from fittingroom.errors import ModelError
from fittingroom.models import needs
from fittingroom.models.belonging import differences, refuse_foreign_tokenizer
from fittingroom.models.configuration import read_config, weights_of
from fittingroom.models.folder import inventory
from fittingroom.models.load import ModelConfig, check_folder, load_model, resolve
from fittingroom.models.recognise import recognise
from fp8_model import store_as_fp8
from tiny_model import tiny_folder


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_folder(), tmp_path / "shop-model"))


def change(file: Path, **keys: Any) -> None:
    said = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps({**said, **keys}, ensure_ascii=False))


def header(file: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Rewrite the header of a safetensors file, the tensors stay as they are."""
    raw = file.read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    said = json.loads(raw[8 : 8 + length])
    edit(said)
    new = json.dumps(said).encode()
    file.write_bytes(struct.pack("<Q", len(new)) + new + raw[8 + length :])


def index(copy: Path, file: str) -> None:
    names = json.dumps({"weight_map": {"model.embed_tokens.weight": file}})
    (copy / "model.safetensors.index.json").write_text(names)


def pickle_below(copy: Path) -> None:
    (copy / ".old" / "states").mkdir(parents=True)
    (copy / ".old" / "states" / "optimizer.PT").write_bytes(b"\x80\x04.")


def longer(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"\0")


def shifted(said: dict[str, Any]) -> None:
    said["lm_head.weight"]["data_offsets"][1] += 4


def half_width(copy: Path) -> None:
    for name in ("tokenizer.json", "chat_template.jinja"):
        text = (copy / name).read_text("utf-8")
        (copy / name).write_text(text.replace("<｜User｜>", "<|User|>"), "utf-8")


def template_only(copy: Path) -> None:
    whole = json.loads((copy / "tokenizer.json").read_text())
    whole["added_tokens"] = [token for token in whole["added_tokens"] if token["content"] != "<｜Assistant｜>"]
    (copy / "tokenizer.json").write_text(json.dumps(whole))
    change(copy / "tokenizer_config.json", added_tokens_decoder={})


def other_publisher(copy: Path) -> None:
    for name in ("tokenizer.json", "chat_template.jinja"):
        text = (copy / name).read_text("utf-8")
        (copy / name).write_text(text.replace("<｜User｜>", "<|im_start|>").replace("<｜Assistant｜>", "<|im_end|>"))


def larger_vocabulary(copy: Path) -> None:
    whole = json.loads((copy / "tokenizer.json").read_text())
    whole["model"]["vocab"]["ahugeword"] = 151935
    (copy / "tokenizer.json").write_text(json.dumps(whole))


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a pickle below": (pickle_below, r"pickle files.*\.old/states/optimizer\.PT"),
    "an index of pickles": (
        lambda copy: (copy / "pytorch_model.bin.index.json").write_text('{"weight_map": {"a": "x.bin"}}'),
        r"points at the pickle file x\.bin",
    ),
    "an index that leaves the folder": (lambda copy: index(copy, "../model.safetensors"), r"'\.\./model\.safetensors'"),
    "an index with an absolute path": (
        lambda copy: index(copy, "/etc/x.safetensors"),
        "not a safetensors file of this",
    ),
    "an index of missing files": (lambda copy: index(copy, "model-2.safetensors"), "which is not there"),
    "an index that is torn": (
        lambda copy: (copy / "model.safetensors.index.json").write_text("{"),
        "index.json cannot be read",
    ),
    "a shard without its tensor": (
        lambda copy: (copy / "model.safetensors.index.json").write_text(
            '{"weight_map": {"model.extra.weight": "model.safetensors"}}'
        ),
        "lacks model.extra.weight",
    ),
    "weights by another name": (
        lambda copy: (copy / "model.safetensors").rename(copy / "weights.safetensors"),
        "neither model.safetensors nor",
    ),
    "bytes behind the end": (lambda copy: longer(copy / "model.safetensors"), "is torn: it holds"),
    "a tensor out of place": (lambda copy: header(copy / "model.safetensors", shifted), "is torn: its header cannot"),
    "an unknown type": (
        lambda copy: header(copy / "model.safetensors", lambda said: said["lm_head.weight"].update(dtype="Q9")),
        "is torn: its header cannot",
    ),
    "an empty file": (lambda copy: (copy / "model.safetensors").write_bytes(b""), "header is cut off"),
    "a larger vocabulary": (larger_vocabulary, "highest id is 151935, and the model has"),
    "another end mark": (
        lambda copy: ([change(copy / f"{name}.json", eos_token_id=4) for name in ("config", "generation_config")]),
        r"end mark has the id 1, and the model ends its answers with 4",
    ),
    "two id tables": (
        lambda copy: change(copy / "tokenizer_config.json", added_tokens_decoder={"9": {"content": "<｜User｜>"}}),
        "of two tokenizers",
    ),
    "half-width marks": (half_width, r"<\|User\|> with plain bars"),
    "a mark in the template alone": (template_only, "<｜Assistant｜>, which the vocabulary does not hold"),
    "a model of another publisher": (other_publisher, "none of DeepSeek's chat formats"),
    "a broken tokenizer": (lambda copy: (copy / "tokenizer.json").write_text("[]"), "tokenizer.json cannot"),
    "FP4 experts": (
        lambda copy: change(copy / "config.json", quantization_config={"quant_method": "fp8", "expert_dtype": "fp4"}),
        "stored in FP4",
    ),
    "GPTQ": (lambda copy: change(copy / "config.json", quantization_config={"quant_method": "gptq"}), "already .gptq."),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_is_refused_with_one_line(copy: Path, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil, match = FAULTS[fault]
    check_folder(copy, "shop-model")
    spoil(copy)
    import safetensors

    monkeypatch.setattr(safetensors, "safe_open", None)  # no weight is opened
    with pytest.raises(ModelError, match=match) as caught:
        resolve(ModelConfig(base="shop-model"), copy.parent)
    assert "shop-model" in caught.value.place
    assert "\n" not in caught.value.text("en")
    assert any("\u4e00" <= sign <= "\u9fff" for sign in caught.value.zh)


def test_a_model_too_large_is_refused_by_its_headers(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need = 4 * weights_of(read_config(copy, "x"), inventory(copy, "x"))
    monkeypatch.setattr(needs, "main_memory", lambda: need)
    check_folder(copy, "shop-model")
    monkeypatch.setattr(needs, "main_memory", lambda: need - 1)
    import transformers

    monkeypatch.setattr(transformers, "AutoModelForCausalLM", None)  # nothing is loaded
    for load in (lambda: resolve(ModelConfig(base="shop-model"), copy.parent), lambda: load_model(copy)):
        with pytest.raises(ModelError, match="this machine has"):
            load()


def test_half_a_mebibyte_of_config_can_claim_a_huge_model(copy: Path) -> None:
    change(copy / "config.json", num_hidden_layers=61, hidden_size=7168, n_routed_experts=100_000)
    with pytest.raises(ModelError, match="choose a smaller model"):
        resolve(ModelConfig(base="shop-model"), copy.parent)


def test_the_headers_say_what_the_files_hold(copy: Path) -> None:
    from safetensors.torch import load_file

    held = inventory(copy, "x")
    tensors = load_file(copy / "model.safetensors")
    assert held.shapes == {name: tuple(value.shape) for name, value in tensors.items()}
    assert held.bytes_by_dtype == {"F32": sum(4 * value.numel() for value in tensors.values())}
    assert held.embedded == len(tensors["model.embed_tokens.weight"])


def test_ids_that_the_loader_sets_right_are_told(copy: Path) -> None:
    change(copy / "config.json", bos_token_id=7)
    change(copy / "generation_config.json", pad_token_id=1)
    told = differences(copy, read_config(copy, "x"), "x")
    assert [line.en.split(":")[0] for line in told] == [
        "config.json has bos 7, the tokenizer 0",
        "generation_config.json has pad 1, the tokenizer 2",
    ]
    assert all("分词器" in line.zh for line in told)


def test_fp8_blocks_become_plain_weights_that_can_be_saved(tmp_path: Path) -> None:
    worth = store_as_fp8(tiny_folder(), tmp_path / "fp8")
    model = resolve(ModelConfig(base="fp8"), tmp_path)
    with pytest.raises(ModelError, match="not turned into 4 bits"):
        load_model(model.path, stored="nf4")
    loaded = load_model(model.path)
    assert {weight.dtype for weight in loaded.parameters()} == {torch.float32}
    loaded.save_pretrained(tmp_path / "again")
    from safetensors.torch import load_file

    again = load_file(tmp_path / "again" / "model.safetensors")
    assert again.keys() == worth.keys()
    assert all(torch.equal(again[name], value) for name, value in worth.items())
    assert "quantization_config" not in json.loads((tmp_path / "again" / "config.json").read_text())
    plain = load_model(tiny_folder()).state_dict()
    assert any(not torch.equal(value, plain[name]) for name, value in loaded.state_dict().items())


# ------------------------------------------------------------------------------------------ recognition


@pytest.fixture
def distilled(data_dir: Path, tmp_path: Path) -> Path:
    """The published small files of DeepSeek-R1-Distill-Qwen-1.5B, in a folder of another name."""
    source = data_dir.parent / "tokenizers" / "DeepSeek-R1-Distill-Qwen-1.5B"
    if not source.is_dir():
        pytest.skip("the published tokenizers are not on this machine")
    folder = tmp_path / "our-model"
    folder.mkdir()
    for name in ("config.json", "generation_config.json", "tokenizer_config.json"):
        shutil.copyfile(source / name, folder / name)
    (folder / "tokenizer.json").write_bytes(gzip.decompress((source / "tokenizer.json.gz").read_bytes()))
    return folder


def test_published_files_belong_together_and_are_recognised(distilled: Path, data_dir: Path) -> None:
    config = read_config(distilled, "x")
    refuse_foreign_tokenizer(distilled, config, 151936, "x")
    found = recognise(distilled, config)
    assert found.one is not None
    assert found.one.name == "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B"
    # As published: config.json has the BOS of Qwen, the tokenizer that of DeepSeek.
    assert [line.en for line in differences(distilled, config, "x")] == [
        "config.json has bos 151643, the tokenizer 151646: the tokenizer's is used"
    ]
    other = data_dir.parent / "tokenizers" / "DeepSeek-R1"
    (distilled / "tokenizer.json").write_bytes(gzip.decompress((other / "tokenizer.json.gz").read_bytes()))
    shutil.copyfile(other / "tokenizer_config.json", distilled / "tokenizer_config.json")
    with pytest.raises(ModelError, match="end mark has the id 1, and the model ends its answers with 151643"):
        refuse_foreign_tokenizer(distilled, config, 151936, "x")


QWEN_7B = {
    "model_type": "qwen2", "num_hidden_layers": 28, "hidden_size": 3584, "num_attention_heads": 28,
    "num_key_value_heads": 4, "intermediate_size": 18944, "vocab_size": 152064,
}  # fmt: skip
V3 = {
    "model_type": "deepseek_v3", "num_hidden_layers": 61, "hidden_size": 7168, "num_attention_heads": 128,
    "intermediate_size": 18432, "vocab_size": 129280, "q_lora_rank": 1536, "kv_lora_rank": 512, "v_head_dim": 128,
    "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "n_routed_experts": 256, "num_experts_per_tok": 8,
    "n_shared_experts": 1, "moe_intermediate_size": 2048, "first_k_dense_replace": 3,
}  # fmt: skip
MARKED = "{{ bos_token }}<｜User｜>q<｜Assistant｜>"


def tokenizer(folder: Path, marks: dict[str, int], template: str) -> Path:
    folder.mkdir()
    added = [{"content": text, "id": number, "special": True} for text, number in marks.items()]
    (folder / "tokenizer.json").write_text(json.dumps({"added_tokens": added, "model": {"vocab": {"a": 3}}}))
    ends = {"eos_token": "<｜end▁of▁sentence｜>", "bos_token": "<｜begin▁of▁sentence｜>", "chat_template": template}
    (folder / "tokenizer_config.json").write_text(json.dumps(ends))
    return folder


QWEN_MARKS = {
    "<｜begin▁of▁sentence｜>": 151646, "<｜end▁of▁sentence｜>": 151643, "<｜User｜>": 151644,
    "<｜Assistant｜>": 151645, "<think>": 151648, "</think>": 151649,
}  # fmt: skip
V3_MARKS = {"<｜begin▁of▁sentence｜>": 0, "<｜end▁of▁sentence｜>": 1, "<｜User｜>": 128803, "<｜Assistant｜>": 128804}


def test_a_renamed_folder_is_recognised_by_shapes_and_marks(tmp_path: Path) -> None:
    folder = tokenizer(tmp_path / "our-model-final", QWEN_MARKS, MARKED + "<think>\n")
    found = recognise(folder, QWEN_7B)
    assert found.one is not None
    assert found.one.name == found.told().zh == "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B"
    assert found.sizes is not None
    assert round(found.sizes.parameters / 1e9, 1) == 7.6


def test_a_name_alone_proves_nothing(tmp_path: Path) -> None:
    folder = tokenizer(tmp_path / "DeepSeek-R1-Distill-Qwen-7B", {"<|endoftext|>": 151643}, "<|im_start|>user")
    found = recognise(folder, QWEN_7B)
    assert (found.one, found.candidates) == (None, ())
    assert found.told().en == "a qwen2 model without DeepSeek's marks"
    moved = tokenizer(tmp_path / "b", {**QWEN_MARKS, "<｜User｜>": 151700}, MARKED)
    assert recognise(moved, QWEN_7B).candidates == ()
    other = recognise(tokenizer(tmp_path / "c", QWEN_MARKS, MARKED), {**QWEN_7B, "hidden_size": 512})
    assert other.told().en == "a qwen2 model with DeepSeek's marks, of no published shape"
    claimed = recognise(tmp_path / "c", {**QWEN_7B, "hidden_size": 512}, hub_id="deepseek-ai/DeepSeek-R1")
    assert claimed.contradicted


def test_models_of_one_shape_are_told_apart_by_the_template(tmp_path: Path) -> None:
    marks = {**V3_MARKS, "<think>": 128798, "</think>": 128799}
    templates = {"E": MARKED + "{% if thinking %}<think>{% else %}</think>{% endif %}", "C": MARKED + "<think>\n"}
    names = {}
    for letter, template in templates.items():
        found = recognise(tokenizer(tmp_path / letter, marks, template), V3)
        names[letter] = {model.name.split("/")[1] for model in found.candidates}
        assert found.one is None
        assert "one of" in found.told().en
    assert names["E"] == {"DeepSeek-V3.1-Base", "DeepSeek-V3.1", "DeepSeek-V3.1-Terminus"}
    assert names["C"] == {"DeepSeek-R1-Zero", "DeepSeek-R1", "DeepSeek-R1-0528"}
    v3 = recognise(tokenizer(tmp_path / "v3", V3_MARKS, MARKED), V3, hub_id="deepseek-ai/DeepSeek-V3")
    assert {"DeepSeek-V3", "DeepSeek-V3-0324"} <= {model.name.split("/")[1] for model in v3.candidates}
    assert v3.one is not None
    assert not v3.contradicted
