"""What the training benchmarks train: model folders with random weights, and real rows as token ids.

Models are made on the spot from a fixed seed, with the shapes below and the real tokenizers of DeepSeek: folders with
`tokenizer.json.gz` are looked for in FITTINGROOM_TOKENIZERS (default `../shared/tokenizers`), data sets in
FITTINGROOM_DATA. Rows are rendered by the product's renderer, so that every contestant gets the ids that it trains on.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import random
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
SHARED = HERE.parent.parent / "shared"
DATA = Path(os.environ.get("FITTINGROOM_DATA", SHARED / "data"))
TOKENIZERS = Path(os.environ.get("FITTINGROOM_TOKENIZERS", SHARED / "tokenizers"))
SEED = 7
LONGEST = 1024
"""Tokens of a dialogue at most; older turns go first."""


class Row(NamedTuple):
    """One example: its token ids, and where the answer begins."""

    ids: list[int]
    start: int


# 84 M parameters with the vocabulary of the distilled models, embedding and head apart as theirs are: two tables of
# 38.9 M each, and 6 layers of 1 M.
QWEN = {
    "vocab_size": 151936, "hidden_size": 256, "intermediate_size": 1024, "num_hidden_layers": 6,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 4096, "tie_word_embeddings": False,
    "rope_theta": 10000.0, "use_cache": False,
}  # fmt: skip
# Latent attention, a dense layer, then shared and routed experts, the shape of V3 made small.
MIXTURE = {
    "vocab_size": 129280, "hidden_size": 256, "intermediate_size": 1024, "moe_intermediate_size": 256,
    "num_hidden_layers": 6, "num_attention_heads": 8, "num_key_value_heads": 8, "n_routed_experts": 32,
    "num_experts_per_tok": 4, "n_shared_experts": 1, "n_group": 1, "topk_group": 1, "first_k_dense_replace": 1,
    "kv_lora_rank": 64, "q_lora_rank": 128, "qk_rope_head_dim": 16, "qk_nope_head_dim": 32, "v_head_dim": 32,
    "head_dim": 16, "max_position_embeddings": 4096, "rope_theta": 10000.0, "use_cache": False,
}  # fmt: skip
MODELS = {
    "qwen": ("Qwen2", QWEN, "DeepSeek-R1-Distill-Qwen-1.5B"),
    "mixture": ("DeepseekV3", MIXTURE, "DeepSeek-V3"),
}


def model_folder(work: Path, name: str) -> Path:
    """The folder of a model of `MODELS`; made when it is not there yet."""
    family, shape, tokenizer = MODELS[name]
    folder = work / f"model-{name}"
    if not (folder / "done").exists():
        made_model(folder, family, shape, TOKENIZERS / tokenizer)
    return folder


def made_model(folder: Path, family: str, shape: dict[str, Any], tokenizer: Path) -> None:
    """Write random weights of a shape and a tokenizer's files."""
    import torch
    import transformers

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file in ("tokenizer_config.json", "special_tokens_map.json"):
        if (tokenizer / file).exists():
            shutil.copy(tokenizer / file, folder / file)
    (folder / "tokenizer.json").write_bytes(gzip.decompress((tokenizer / "tokenizer.json.gz").read_bytes()))
    torch.manual_seed(SEED)
    config = getattr(transformers, f"{family}Config")(**shape)
    model = getattr(transformers, f"{family}ForCausalLM")(config)
    model.save_pretrained(folder)
    (folder / "done").write_text(str(sum(value.numel() for value in model.parameters())), encoding="utf-8")


def parameters(folder: Path) -> int:
    """Parameters of a made model."""
    return int((folder / "done").read_text(encoding="utf-8"))


def routing_rows(folder: Path, count: int, *, listed: bool = True, intents: int = 77, seed: int = SEED) -> list[Row]:
    """Customers' questions with their intent as the answer; `listed`: all labels stand in the prompt. `intents`: how
    many of the 77.
    """
    from fittingroom.models.load import load_tokenizer
    from fittingroom.models.render import Renderer
    from fittingroom.tasks import classify

    examples = banking()
    labels = sorted({label for _, label in examples})[:intents]
    examples = [(text, label) for text, label in examples if label in labels]
    task = task_of(listed)
    renderer = Renderer(load_tokenizer(folder))
    random.Random(seed).shuffle(examples)
    rows = []
    for text, label in examples[:count]:
        made = renderer.example(classify.messages({"text": text}, task, labels), label, LONGEST)
        rows.append(Row(made.ids, made.answer_start))
    return rows


def task_of(listed: bool) -> Any:
    """The task of the routing rows."""
    from fittingroom.tasks.config import TaskConfig

    return TaskConfig(kind="classify", input=["text"], target="category", list_labels=listed)


def banking() -> list[tuple[str, str]]:
    """Texts and intents of `en_intent_banking77`, in the order of the file."""
    with (DATA / "en_intent_banking77" / "train.csv").open(encoding="utf-8", newline="") as file:
        return [(line["text"], line["category"]) for line in csv.DictReader(file)]


def dialogue_rows(folder: Path, count: int, *, seed: int = SEED) -> list[Row]:
    """One answer of an agent of each dialogue of `zh_jddc_dialogues`, behind the turns before it; no shared prompt."""
    from fittingroom.models.load import load_tokenizer
    from fittingroom.models.render import Renderer

    renderer = Renderer(load_tokenizer(folder))
    draw = random.Random(seed)
    lines = (DATA / "zh_jddc_dialogues" / "dialogues.jsonl").read_text(encoding="utf-8").splitlines()
    draw.shuffle(lines)
    rows = []
    for line in lines:
        turns = _turns(json.loads(line)["turns"])
        answers = [at for at in range(1, len(turns)) if turns[at]["role"] == "assistant"]
        if not answers:
            continue
        at = draw.choice(answers)
        made = renderer.example(turns[:at], turns[at]["content"], LONGEST)
        if made.answer_start < len(made.ids):
            rows.append(Row(made.ids, made.answer_start))
        if len(rows) == count:
            break
    return rows


def _turns(said: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    """Turns as messages, from the customer's first; what one side says in a row becomes one turn."""
    turns: list[dict[str, str]] = []
    for one in said:
        role = "user" if one["role"] == "customer" else "assistant"
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += "\n" + one["text"]
        elif turns or role == "user":
            turns.append({"role": role, "content": one["text"]})
    return turns


def in_our_order(rows: Sequence[Row], batch: int) -> list[Row]:
    """Rows in the order in which our trainer takes them, so that every contestant gets the same steps."""
    from fittingroom.training.rows import Batches

    order = Batches([len(row.ids) for row in rows], batch_size=batch, seed=SEED).epoch_batches(0)
    return [rows[at] for step in order for at in step]


def write_rows(path: Path, rows: Sequence[Row]) -> Path:
    """Rows as JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row._asdict()) + "\n" for row in rows), encoding="utf-8")
    return path
