"""A classification head on the same base, by transformers' `Trainer` alone: `python train_head.py JOB.json`.

The prompt without the labels goes in; a new layer over its last token gives the label. Settings: `batch`, `rate`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from train_snapshots import watch_of
from train_watch import router_frozen
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)


class Steps(TrainerCallback):  # type: ignore[misc,unused-ignore]
    """Hands every step on to the watch."""

    def __init__(self, watch: Any) -> None:
        self.watch = watch

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        router_frozen(model)
        self.watch.begin()

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        control.should_training_stop = self.watch.step(model) or control.should_training_stop


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    torch.set_num_threads(job["threads"])
    rows = [json.loads(line) for line in Path(job["rows"]).read_text(encoding="utf-8").splitlines()]
    tokenizer = AutoTokenizer.from_pretrained(job["model"])
    tokenizer.padding_side = "right"
    torch.manual_seed(7)
    model = AutoModelForSequenceClassification.from_pretrained(
        job["model"], num_labels=job["labels"], dtype=torch.float32, pad_token_id=tokenizer.pad_token_id
    )
    watch = watch_of(job, 1)
    arguments = TrainingArguments(
        output_dir=job["scratch"],
        per_device_train_batch_size=job["settings"]["batch"],
        num_train_epochs=job["epochs"],
        learning_rate=job["rate"],
        lr_scheduler_type="constant",
        weight_decay=0.0,
        max_grad_norm=1.0,
        optim="adamw_torch_fused",
        use_cpu=True,
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
        report_to="none",
        seed=7,
    )
    data: Any = [{"input_ids": row["prompt"], "labels": row["label"]} for row in rows]
    trainer = Trainer(
        model,
        arguments,
        train_dataset=data,
        data_collator=DataCollatorWithPadding(tokenizer),
        callbacks=[Steps(watch)],
    )
    trainer.train()
    watch.write(Path(job["out"]), float("nan"))


if __name__ == "__main__":
    main()
