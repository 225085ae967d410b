"""Unsloth's side of `train_gpu.py`, run by its own Python: `python train_unsloth.py JOB.json`.

Unsloth loads from a folder and patches what it loads, so the random weights are written out first; TRL's trainer in
Unsloth's version does the rest.
"""

import json
import sys
from pathlib import Path

import torch
import unsloth  # it must come before transformers and TRL, which it patches
from train_shapes import model_of
from train_snapshots import watch_of
from train_trl import trainer_of
from train_watch import read_rows


def loaded(job: dict) -> object:
    """Unsloth's model of the job: with adapters, or free to learn in full."""
    folder = Path(job["scratch"]) / "weights"
    model_of({**job, "dtype": "bfloat16"}).save_pretrained(folder)
    torch.cuda.empty_cache()
    lora = job.get("lora")
    model, _ = unsloth.FastLanguageModel.from_pretrained(
        str(folder), dtype=torch.bfloat16, load_in_4bit=False, full_finetuning=lora is None, max_seq_length=8192
    )
    if lora is None:
        return model
    kinds = sorted({name.rsplit(".", 1)[-1] for name in lora["targets"]})
    return unsloth.FastLanguageModel.get_peft_model(
        model, r=lora["rank"], lora_alpha=lora["alpha"], target_modules=kinds, use_gradient_checkpointing=False
    )


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    watch = watch_of(job, job["settings"]["accumulate"])
    model = loaded(job)
    trainer = trainer_of({**job, "lora": None}, watch, read_rows(Path(job["rows"])), model)
    trainer.train()
    watch.write(Path(job["out"]), float("nan"))


if __name__ == "__main__":
    main()
