"""Trainings of a few steps on a few rows, for tests of what happens in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from fittingroom.engine import Context, NoteSink, unheard
from fittingroom.models.load import load_model, load_tokenizer
from fittingroom.models.render import Renderer
from fittingroom.training.config import TrainConfig
from fittingroom.training.evaluation import make_probe
from fittingroom.training.fit import Fitted, fit, prepared
from fittingroom.training.passes import Layout
from fittingroom.training.rows import NO_REPLAY, Encoded, Replaying
from fittingroom.training.state import trainable
from fittingroom.types import Plan
from tiny_model import tiny_folder

LABELS = {"good": "good quality", "refund": "broken box", "where": "我的订单"}
STEPS = 18


class Killed(BaseException):
    """Like a kill: no `except Exception` sees it."""


def shop_rows() -> Encoded:
    """44 rendered rows of three classes, of unequal lengths and weights."""
    renderer = Renderer(load_tokenizer(tiny_folder()))
    made = []
    for number in range(44):
        label, text = list(LABELS.items())[number % 3]
        words = ["size", "price", "colour", "尺码", "颜色", "thank", "you"][: 1 + number % 7]
        made.append((renderer.example([{"role": "user", "content": " ".join([*words, text])}], label, 64), number % 3))
    return Encoded(
        row_ids=[f"r{number}" for number in range(44)],
        ids=[row.ids for row, _ in made],
        answer_starts=[row.answer_start for row, _ in made],
        wanted=[label for _, label in made],
        weights=[1.0 + label for _, label in made],
        truncated=0,
    )


def plan(method: Literal["full", "lora", "experts"], **changes: Any) -> Plan:
    """A plan of few steps."""
    values: dict[str, Any] = {
        "method": method, "learning_rate": 3e-3, "batch_size": 8, "pass_tokens": 100, "epochs": 3.0,
        "steps": STEPS, "warmup_steps": 2, "schedule": "cosine", "weight_decay": 0.01, "dropout": 0.1, "max_length": 64,
    }  # fmt: skip
    if method == "experts":
        values["experts"] = {"model.layers.1.mlp.experts": [0, 2]}
    return Plan(**{**values, **changes})


def run(
    scratch: Path,
    rows: Encoded,
    this: Plan,
    *,
    kill_at: int | None = None,
    patience: int | None = None,
    seed: int = 7,
    dev: Encoded | None = None,
    note: NoteSink = unheard,
    model: Any = None,
    replay: Replaying = NO_REPLAY,
    probed: Encoded | None = None,
    **said: Any,
) -> Fitted:
    """Train as `plan` says; `said` goes into the section `train`."""
    scratch.mkdir(exist_ok=True)

    def progress(what: str, done: float, total: float) -> None:
        if kill_at is not None and done == kill_at:
            raise Killed

    renderer = Renderer(load_tokenizer(tiny_folder()))
    answers = [renderer.answer_ids(label) for label in LABELS]
    config = TrainConfig(**{"method": this.method, "early_stopping": patience, **said})
    own = probed or rows
    model = model or prepared(load_model(tiny_folder()), this, config, seed)
    return fit(
        model,
        rows=rows,
        probe=make_probe(own, dev or own, answers, rows=60, epochs=this.epochs, evaluations=5, seed=seed),
        plan=this,
        train=config,
        layout=Layout.of(model, 1),
        base_digest="base",
        replay=replay,
        seed=seed,
        context=Context(root=scratch, scratch=scratch, secret=b"", progress=progress, threads=1, note=note),
    )


def same(first: Fitted, second: Fitted) -> None:
    """To the last bit."""
    import torch

    assert first.recorder == second.recorder
    mine, theirs = trainable(first.model), trainable(second.model)
    assert mine.keys() == theirs.keys()
    for name, value in mine.items():
        assert torch.equal(value, theirs[name]), name
