"""TRL's side of the training benchmarks, run by its own Python: `python train_trl.py JOB.json`.

Its `SFTTrainer`, fed rows that are token ids and labels already, in the order given. Settings: `batch` (rows, or packs,
of a pass), `accumulate`, `attention`, `packing` (a strategy), `pack` (its length), `padding_free`, `answers_only`: on a
machine without Triton TRL computes logits of every position although it needs those of the answers; this makes it take
the road that it takes on a GPU (a patch of ours, no setting of TRL's).
"""

import json
import sys
from pathlib import Path

import torch
import trl.trainer.utils
from datasets import Dataset
from train_shapes import adapters_of, model_of
from train_snapshots import watch_of
from train_watch import Watch, labelled, plain_loss, read_rows, router_frozen
from transformers import AutoTokenizer, TrainerCallback
from trl import SFTConfig, SFTTrainer


class Steps(TrainerCallback):
    def __init__(self, watch: Watch) -> None:
        self.watch = watch

    def on_train_begin(self, args, state, control, model=None, **kwargs):
        router_frozen(model)
        self.watch.begin()

    def on_step_end(self, args, state, control, model=None, **kwargs):
        control.should_training_stop = self.watch.step(model) or control.should_training_stop

    def on_log(self, args, state, control, logs=None, **kwargs):
        if logs and "loss" in logs:
            self.watch.losses.append(float(logs["loss"]))


def answers_only() -> None:
    """Take the compact road of `add_fused_lm_head` with the plain kernels that a CPU has."""
    kernels = sys.modules["trl.kernels.chunked_logprob"]
    trl.trainer.utils._use_triton = lambda device: True
    assert not kernels._use_triton(torch.device("cpu"))


def trainer_of(job: dict, watch: Watch, rows: list, model: object = None) -> SFTTrainer:
    settings = job["settings"]
    gpu = torch.cuda.is_available()
    arguments = SFTConfig(
        output_dir=job["scratch"],
        per_device_train_batch_size=settings["batch"],
        gradient_accumulation_steps=settings["accumulate"],
        num_train_epochs=job.get("epochs", 1),
        learning_rate=job["rate"],
        lr_scheduler_type="constant",
        weight_decay=0.0,
        max_grad_norm=1.0,
        optim="adamw_torch_fused",
        max_length=settings.get("pack"),
        packing=bool(settings.get("packing")),
        packing_strategy=settings.get("packing") or "bfd",
        padding_free=settings.get("padding_free", False),
        gradient_checkpointing=settings.get("checkpointing", False),
        torch_compile=settings.get("compile", False),
        train_sampling_strategy="random" if job.get("shuffle") else "sequential",
        use_cpu=not gpu,
        bf16=gpu,
        save_strategy="no",
        logging_steps=1,
        disable_tqdm=True,
        report_to="none",
        seed=7,
    )
    data = Dataset.from_dict(
        {"input_ids": [ids for ids, _ in rows], "labels": [labelled(ids, start) for ids, start in rows]}
    )
    trainer = SFTTrainer(
        model or model_of(job),
        arguments,
        train_dataset=data,
        processing_class=AutoTokenizer.from_pretrained(job["model"]),
        callbacks=[Steps(watch)],
        peft_config=adapters_of(job),
    )
    collate = trainer.data_collator
    trainer.data_collator = lambda rows: watch.batch(collate(rows))
    return trainer


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    torch.set_num_threads(job["threads"])
    if job["settings"].get("answers_only"):
        answers_only()
    watch = watch_of(job, job["settings"]["accumulate"])
    trainer = trainer_of(job, watch, read_rows(Path(job["rows"])))
    trainer.train()
    held_out = read_rows(Path(job["held_out"])) if "held_out" in job else []
    watch.write(Path(job["out"]), plain_loss(trainer.model, held_out) if held_out else float("nan"))


if __name__ == "__main__":
    main()
