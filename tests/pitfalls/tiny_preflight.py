"""What the preflight measures on real models of a few thousand weights, as a plan."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from fittingroom.models.load import load_model, load_tokenizer
from fittingroom.models.render import Renderer
from fittingroom.tasks import classify
from fittingroom.training.config import TrainConfig
from fittingroom.training.passes import Layout
from fittingroom.training.preflight import Measured, Subject
from fittingroom.training.preflight.few import SMALL, few
from fittingroom.training.preflight.mechanics import as_trained
from fittingroom.training.preflight.wrapped import Adapt, as_planned
from fittingroom.training.rows import Encoded, encode
from fittingroom.types import Plan
from tiny_model import tiny_folder
from tiny_shop import TASK, splits


@cache
def rows(folder: Path) -> Encoded:
    """Sixty rows of the small shop in the tokens of a folder."""
    made, renderer = splits(), Renderer(load_tokenizer(folder))
    return encode(made.train, task=TASK, labels=classify.labels_of(made, TASK), renderer=renderer, max_length=200)


def subject(train: TrainConfig, model: Any = None, folder: Path | None = None) -> Subject:
    """What the preflight looks at; the mixture of experts of a few thousand weights where no model is given."""
    folder = folder or tiny_folder()
    tokenizer = load_tokenizer(folder)
    model = load_model(folder) if model is None else model
    layout = Layout.of(model, int(tokenizer.pad_token_id), packing=train.packing == "auto")
    return Subject(folder, tokenizer, Renderer(tokenizer), [], [], rows(folder), model, layout, train, 7)


def short(looked_at: Subject) -> Encoded:
    """The rows that are measured with."""
    return few(looked_at.rows, SMALL)


def trained(train: TrainConfig, model: Any = None, adapt: Adapt | None = None) -> Measured:
    """All that is measured on the model as it would be trained."""
    looked_at = subject(train, model)
    return as_trained(looked_at, short(looked_at), adapt or as_planned(train))


def plan(train: TrainConfig, checks: Measured, **more: Any) -> Plan:
    """A plan of this training, in passes of four rows."""
    batch = int(train.batch_size)
    values: dict[str, Any] = {
        "method": train.method, "learning_rate": train.learning_rate, "batch_size": batch, "pass_tokens": 256,
        "layout": {"kind": "padded", "passes": max(1.0, batch / 4)}, "epochs": 1.0, "steps": 13, "warmup_steps": 1,
        "schedule": "cosine", "weight_decay": 0.0, "dropout": 0.0, "max_length": 256, "preflight": checks,
    }  # fmt: skip
    return Plan(**{**values, **more})


def lora(train: TrainConfig) -> TrainConfig:
    """The same with adapters."""
    return train.model_copy(update={"method": "lora"})


def with_adapters(model: Any, **config: Any) -> Any:
    """The model with adapters as a recipe from elsewhere would put them on; peft's warnings go unread there, too."""
    import warnings

    from peft import LoraConfig, get_peft_model

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return get_peft_model(model, LoraConfig(r=4, task_type="CAUSAL_LM", **config))
