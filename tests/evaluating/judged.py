"""A small bundle, rows that say their label, and a tiny encoder: what judges and baselines are tried on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fittingroom.engine import Context
from fittingroom.evaluating.config import EvaluateConfig
from fittingroom.evaluating.setting import Setting
from fittingroom.serving.bundle import read_info
from fittingroom.tables import Table
from fittingroom.types import Bundle, Folder, Splits, dropped_schema, row_schema
from serving.bundles import LABELS, make_bundle

WORDS = {"good": "great lovely", "bad": "awful broken", "where": "parcel arrive", "质量很好": "质量很好 满意"}


def rows(part: str, many: int, labels: list[str] = LABELS) -> list[dict[str, Any]]:
    """Rows whose text names their label in other words; every fifth says nothing."""
    made = []
    for number in range(many):
        label = labels[number % len(labels)]
        words = "no idea" if number % 5 == 4 else WORDS.get(label, label)
        row: dict[str, Any] = {"id": f"{part}-{number:03d}", "source": "s", "row_key": str(number), "group": None}
        row |= {"time": datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=number), "cluster": None, "dup_count": 1}
        row |= {"input": {"review": f"{words} {number}"}, "target": {"label": label}, "annotations": [], "edits": []}
        made.append(row)
    return made


def setting(context: Context, folder: Path | None = None, *, dev: int = 40, train: int = 60, **over: Any) -> Setting:
    """A judgement of a tiny bundle on dev; `over` replaces keys of the section."""
    folder = folder or make_bundle(context.root / "bundle")
    schema = row_schema(["review"], "label")
    made = {"train": rows("train", train), "dev": rows("dev", dev), "calibration": [], "test": []}
    splits = Splits(
        **{name: Table.records(some, schema) for name, some in made.items()},
        dropped=Table.records([], dropped_schema(schema)),
    )
    config = EvaluateConfig(**{"replicates": 200, "baselines": [], "forgetting": {"measure": False}} | over)
    return Setting(Bundle(folder=Folder(folder)), splits, "dev", config, read_info(folder).task, 7, context)


def tiny_encoder(folder: Path) -> Path:
    """A random BERT with a word-piece vocabulary of letters and words."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder.mkdir(parents=True)
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *sorted({word for said in WORDS.values() for word in said.split()}),
    ]
    words += (
        [f"##{sign}" for sign in "0123456789"] + list("0123456789") + ["no", "idea", "质", "量", "很", "好", "满", "意"]
    )
    vocabulary = {word: at for at, word in enumerate(dict.fromkeys(words))}
    BertTokenizerFast(vocab=vocabulary, model_max_length=64).save_pretrained(folder)
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=64, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    return folder
