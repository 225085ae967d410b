"""The shipped model folder: what it is, what it carries, and that it can be used offline like any other model."""

from __future__ import annotations

import hashlib
import json
import random
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fittingroom.models import nano
from fittingroom.models.nano_build import vocabulary

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

FOLDER = nano.nano_path()


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    from transformers import AutoTokenizer

    loaded: PreTrainedTokenizerFast = AutoTokenizer.from_pretrained(FOLDER, local_files_only=True)
    return loaded


@pytest.fixture(scope="module")
def model() -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(1)
    return AutoModelForCausalLM.from_pretrained(FOLDER, local_files_only=True, use_safetensors=True)


def test_importing_nano_loads_nothing_heavy() -> None:
    import subprocess

    code = "import sys, fittingroom.models.nano; print([m for m in ('torch', 'transformers') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_folder_is_small_and_holds_no_pickle() -> None:
    found = {path.name for path in FOLDER.iterdir()}
    assert found == {
        "model.safetensors",
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "chat_template.jinja",
        "recipe.json",
    }
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 15_000_000


def test_recipe_names_the_weights_that_are_there() -> None:
    recipe = json.loads((FOLDER / "recipe.json").read_text("utf-8"))
    assert recipe["weights_sha256"] == hashlib.sha256((FOLDER / "model.safetensors").read_bytes()).hexdigest()
    assert recipe["recipe"]["seed"] == nano.RECIPE.seed == 20260101
    assert recipe["recipe"]["steps"] > 0
    assert re.fullmatch(r"[0-9a-f]{64}", recipe["corpus_sha256"])
    assert set(recipe["libraries"]) >= {"torch", "transformers", "tokenizers"}


def test_model_is_a_deepseek_v3_of_four_to_eight_million_parameters(model: Any) -> None:
    import torch

    assert type(model).__name__ == "DeepseekV3ForCausalLM"
    assert 4_000_000 <= sum(parameter.numel() for parameter in model.parameters()) <= 8_000_000
    assert model.dtype == torch.float32
    assert all(bool(torch.isfinite(parameter).all()) for parameter in model.parameters())
    kinds = [type(layer.mlp).__name__ for layer in model.model.layers]
    assert kinds[0] == "DeepseekV3MLP"
    assert set(kinds[1:]) == {"DeepseekV3MoE"}


def test_generation_settings_do_not_sample(model: Any) -> None:
    settings = json.loads((FOLDER / "generation_config.json").read_text("utf-8"))
    assert not {"temperature", "top_p", "top_k"} & set(settings)
    assert settings["do_sample"] is False
    model.generation_config.validate(strict=True)


def test_gradients_reach_experts_and_router(model: Any) -> None:
    import torch

    ids = torch.randint(7, model.config.vocab_size, (8, 24), generator=torch.Generator().manual_seed(1))
    model(input_ids=ids, labels=ids).loss.backward()
    for name, parameter in model.named_parameters():
        if ".mlp." in name:
            assert parameter.grad is not None, name
            assert float(parameter.grad.abs().sum()) > 0, name
    experts = model.model.layers[1].mlp.experts.gate_up_proj.grad
    assert int((experts.abs().sum(dim=(1, 2)) > 0).sum()) >= 6, "most experts should be in use"
    model.zero_grad(set_to_none=True)


def test_saved_and_loaded_again_is_the_same(model: Any, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    model.save_pretrained(tmp_path)
    again = AutoModelForCausalLM.from_pretrained(tmp_path, local_files_only=True)
    before, after = model.state_dict(), again.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


# peft asks transformers for a property under its old name
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_lora_wraps_the_attention() -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    target = r".*self_attn\.(q_proj|kv_a_proj_with_mqa|kv_b_proj|o_proj)"
    fresh = AutoModelForCausalLM.from_pretrained(FOLDER, local_files_only=True)
    wrapped = get_peft_model(fresh, LoraConfig(r=4, target_modules=target, task_type="CAUSAL_LM"))
    paths = {name.split(".lora_A")[0] for name, _ in wrapped.named_parameters() if ".lora_A" in name}
    assert len(paths) == 4 * fresh.config.num_hidden_layers


def test_special_tokens_are_deepseeks_and_single(tokenizer: PreTrainedTokenizerFast, model: Any) -> None:
    for position, token in enumerate(vocabulary.SPECIAL_TOKENS):
        assert tokenizer.encode(token, add_special_tokens=False) == [position], token
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id) == (0, 1, 2)
    assert (model.config.bos_token_id, model.config.eos_token_id, model.config.pad_token_id) == (0, 1, 2)
    assert tokenizer.encode("你好 hello") == tokenizer.encode("你好 hello", add_special_tokens=False)
    assert len(tokenizer) == model.config.vocab_size


def test_level_one_characters_are_whole(tokenizer: PreTrainedTokenizerFast) -> None:
    characters = vocabulary.level_one_characters()
    assert len(characters) == len(set(characters)) == 3755
    assert (characters[0], characters[-1]) == ("啊", "座")
    torn = [c for c in vocabulary.whole_characters() if len(tokenizer.encode(c, add_special_tokens=False)) != 1]
    assert torn == []
    rng = random.Random(5)
    for _ in range(200):
        text = "".join(rng.choice(characters) for _ in range(30))
        assert len(tokenizer.encode(text, add_special_tokens=False)) == 30


@pytest.mark.parametrize(
    "text",
    [
        "It's 3 o'clock; don't be late!",
        "今天天气很好，出门走走。",
        "瑕疵、龘、饕餮",
        "混合 mixed 文本123，价￥45.6 ok",
        "😀👨‍👩‍👧 é ü ñ",
        "  two  spaces\n\n\ttab \r\n",
        "한국어 日本語 ไทย",
        "\u200b\ufeff\x00",
        "ＡＢＣ　１２３",
    ],
)
def test_any_text_comes_back_exactly(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


def test_chat_template_is_deepseeks(tokenizer: PreTrainedTokenizerFast) -> None:
    messages = [
        {"role": "system", "content": "S"},
        {"role": "user", "content": "问"},
        {"role": "assistant", "content": "答"},
    ]
    whole = tokenizer.apply_chat_template(messages, tokenize=False)
    assert whole == "<｜begin▁of▁sentence｜>S<｜User｜>问<｜Assistant｜>答<｜end▁of▁sentence｜>"
    asked = tokenizer.apply_chat_template(messages[:2], tokenize=False, add_generation_prompt=True)
    assert asked == "<｜begin▁of▁sentence｜>S<｜User｜>问<｜Assistant｜>"
    assert whole.startswith(asked)


def test_building_the_tokenizer_again_gives_the_shipped_one(tokenizer: PreTrainedTokenizerFast) -> None:
    from fittingroom.models.nano_build.corpus import tokenizer_words

    assert vocabulary.build_tokenizer(tokenizer_words()).get_vocab() == tokenizer.get_vocab()
