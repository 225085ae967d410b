"""What the preflight of tokens measures on real rows of a small shop, as a plan; the weights do not matter."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from fittingroom.config import RunConfig
from fittingroom.engine import Context
from fittingroom.models.load import load_model, load_tokenizer
from fittingroom.models.render import Renderer
from fittingroom.tasks import classify
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.rows import inputs_of
from fittingroom.training.passes import Layout
from fittingroom.training.preflight import Subject, tokens
from fittingroom.training.rows import encode
from fittingroom.types import Plan
from pitfalls.made_rows import made, record, splits
from tiny_model import tiny_folder

TEXTS = ("where is  my order?", "质量很好, thank you!", "Refund please\nit is broken", "it came late")
_TASK = TaskConfig(kind="classify", input=["text"], target="label")


@cache
def _model() -> Any:
    return load_model(tiny_folder())


def folder_with(context: Context, **changes: Callable[[Any], Any]) -> Path:
    """A copy of the tiny model whose JSON files (named without their ending) or chat template were changed."""
    folder = context.scratch / "base"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(tiny_folder(), folder)
    for name, change in changes.items():
        path = folder / ("chat_template.jinja" if name == "chat_template" else f"{name}.json")
        text = path.read_text("utf-8")
        changed = change(text) if name == "chat_template" else json.dumps(change(json.loads(text)), ensure_ascii=False)
        path.write_text(changed, "utf-8") if changed else path.unlink()
    return folder


def looked_at(
    config: RunConfig,
    folder: Path | None = None,
    *,
    texts: Sequence[str] = TEXTS,
    labels: Sequence[str] = ("praise", "delivery"),
    trained: Callable[[Any], Renderer] = Renderer,
    served: Callable[[Any], Renderer] | None = None,
    layout: Callable[[Layout], Layout] = lambda layout: layout,
    padding: str | None = None,
    length: int = 200,
) -> Plan:
    """The plan's measurements of rows of these texts and labels; `trained` renders them, `served` asks as serving."""
    folder = folder or tiny_folder()
    tokenizer = load_tokenizer(folder)
    if padding is not None:
        tokenizer.pad_token = padding
    records = [record(n, text, labels[n % len(labels)]) for n, text in enumerate(texts)]
    parts = splits(records or made(4))
    names = sorted(labels)
    renderer = trained(tokenizer)
    rows = encode(parts.train, task=_TASK, labels=names, renderer=renderer, max_length=length)
    asked = [classify.messages(given, _TASK, names) for given in inputs_of(parts.train.arrow())]
    subject = Subject(
        folder, tokenizer, served(tokenizer) if served else renderer, asked, list(names),
        rows, _model(), layout(Layout.of(_model(), int(tokenizer.pad_token_id))), config.train, 7,
    )  # fmt: skip
    measured, examples = tokens.looked_at(subject)
    return Plan(
        method="full", learning_rate=1e-3, batch_size=8, pass_tokens=256, epochs=1.0, steps=1, warmup_steps=0,
        schedule="cosine", weight_decay=0.0, dropout=0.0, max_length=length, preflight=measured, examples=examples,
    )  # fmt: skip
