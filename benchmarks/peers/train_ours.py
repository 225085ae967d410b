"""Our side of the training benchmarks: `python train_ours.py JOB.json`.

The product's own `fit`, with its trainer, layout and records; the probe is empty, so that nothing is evaluated within
the time taken. Settings: `pass_tokens`, `packing` ("auto" or "off").
"""

from __future__ import annotations

import contextlib
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from train_shapes import model_of
from train_snapshots import watch_of
from train_watch import Watch, plain_loss, read_rows

from fittingroom.engine import Context
from fittingroom.models.load import load_model, load_tokenizer
from fittingroom.training.config import TrainConfig
from fittingroom.training.evaluation import Probe
from fittingroom.training.fit import fit, prepared
from fittingroom.training.passes import Layout
from fittingroom.training.rows import Encoded
from fittingroom.types import Plan

SEED = 7


def encoded(rows: list[tuple[list[int], int]]) -> Encoded:
    """Rows of token ids as the trainer takes them."""
    count = len(rows)
    return Encoded(
        row_ids=[f"{at:06d}" for at in range(count)],
        ids=[ids for ids, _ in rows],
        answer_starts=[start for _, start in rows],
        wanted=[0] * count,
        weights=[1.0] * count,
        truncated=0,
    )


def plan_of(job: dict[str, Any], rows: Encoded) -> Plan:
    return Plan(
        method="lora" if "lora" in job else "full",
        learning_rate=job["rate"],
        batch_size=job["batch"],
        pass_tokens=job["settings"]["pass_tokens"],
        epochs=float(job.get("epochs", 1)),
        steps=-(-len(rows) // job["batch"]) * job.get("epochs", 1),
        warmup_steps=0,
        schedule="constant",
        weight_decay=0.0,
        dropout=0.0,
        max_length=max(len(ids) for ids in rows.ids),
    )


def watched(watch: Watch) -> None:
    """Keep every pass as it goes to the model."""
    collate = Layout.collate

    def kept(self: Layout, rows: Encoded, chosen: Sequence[int]) -> list[dict[str, Any]]:
        if not watch.times:
            watch.begin()
        made = collate(self, rows, chosen)
        watch.passes(made, len(chosen))
        return made

    Layout.collate = kept  # type: ignore[method-assign]


class TimeIsOver(Exception):
    """The watch has seen enough."""


def context_of(job: dict[str, Any], watch: Watch, model: Any, held_out: list[float]) -> Context:
    """A context whose progress is the watch: it is told of every optimiser step at its end."""

    def progress(what: str, done: int, total: int) -> None:
        if what != "train":
            return
        if watch.step(model):
            raise TimeIsOver
        if done == total and "held_out" in job:
            held_out.append(plain_loss(model, read_rows(Path(job["held_out"]))))

    scratch = Path(job["scratch"])
    scratch.mkdir(parents=True, exist_ok=True)
    return Context(root=scratch, scratch=scratch, secret=b"-", progress=progress, threads=job["threads"])


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    torch.set_num_threads(job["threads"])
    rows, folder = encoded(read_rows(Path(job["rows"]))), Path(job["model"])
    plan, lora = plan_of(job, rows), job.get("lora", {})
    sizes = {f"lora_{name}": lora[name] for name in ("rank", "alpha") if name in lora}
    train = TrainConfig(method=plan.method, early_stopping=None, **sizes)
    model = prepared(model_of(job) if "shape" in job else load_model(folder), plan, train, SEED)
    layout = Layout.of(model, int(load_tokenizer(folder).pad_token_id), packing=job["settings"]["packing"] == "auto")
    watch, held_out = watch_of(job, 1), list[float]()
    watched(watch)
    with contextlib.suppress(TimeIsOver):
        fitted = fit(
            model,
            rows=rows,
            probe=Probe(rows, rows, [], [], [[0]]),
            plan=plan,
            train=train,
            layout=layout,
            base_digest="",
            seed=SEED,
            context=context_of(job, watch, model, held_out),
        )
        watch.losses = [step["loss"] for step in fitted.recorder.steps]
    watch.write(Path(job["out"]), held_out[0] if held_out else math.nan)


if __name__ == "__main__":
    main()
