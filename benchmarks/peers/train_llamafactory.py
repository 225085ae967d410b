"""LLaMA-Factory's side of the training benchmarks, run by its own Python: `python train_llamafactory.py JOB.json`.

Its `run_sft` with its packing and collator; only the rendering of a row is ours, so that the ids are those of everyone
else (its templates render otherwise). Settings: `batch`, `accumulate`, `attention` (sdpa or disabled, which is eager),
`packing`: "neat" or "plain", `pack` (its length), `checkpointing`.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "stubs"))  # a torchaudio that needs no CUDA; never called

import torch
from llamafactory.data.processor.supervised import SupervisedDatasetProcessor
from llamafactory.extras.constants import IGNORE_INDEX
from llamafactory.hparams import get_train_args
from llamafactory.train.sft import workflow
from train_snapshots import watch_of
from train_watch import Watch, labelled, plain_loss, read_rows, router_frozen
from transformers import TrainerCallback


class Steps(TrainerCallback):
    def __init__(self, watch: Watch, job: dict) -> None:
        self.watch, self.job = watch, job
        self.held_out = float("nan")

    def on_train_begin(self, args, state, control, model=None, **kwargs):
        router_frozen(model)
        self.watch.begin()

    def on_step_end(self, args, state, control, model=None, **kwargs):
        control.should_training_stop = self.watch.step(model) or control.should_training_stop

    def on_log(self, args, state, control, logs=None, **kwargs):
        if logs and "loss" in logs:
            self.watch.losses.append(float(logs["loss"]))

    def on_train_end(self, args, state, control, model=None, **kwargs):
        self.held_out = plain_loss(model, read_rows(Path(self.job["held_out"])))


def given_rows(rows: list) -> None:
    """A row of the data set is a number: its ids and labels are looked up."""

    def encode(self, prompt, response, system, tools, images, videos, audios):
        ids, start = rows[int(prompt[0]["content"])]
        assert IGNORE_INDEX == -100
        return list(ids), labelled(ids, start)

    SupervisedDatasetProcessor._encode_data_example = encode


def watched(watch: Watch) -> None:
    """Keep every batch that its collator makes."""
    collate = workflow.SFTDataCollatorWith4DAttentionMask.__call__
    workflow.SFTDataCollatorWith4DAttentionMask.__call__ = lambda self, rows: watch.batch(collate(self, rows))


def arguments(job: dict, count: int) -> dict:
    """What a user of LLaMA-Factory would write into its YAML file."""
    scratch, settings = Path(job["scratch"]), job["settings"]
    scratch.mkdir(parents=True, exist_ok=True)
    rows = [{"instruction": str(at), "input": "", "output": "-"} for at in range(count)]
    (scratch / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
    (scratch / "dataset_info.json").write_text(json.dumps({"rows": {"file_name": "rows.json"}}), encoding="utf-8")
    packing = settings.get("packing")
    return {
        "model_name_or_path": job["model"],
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "full",
        "dataset_dir": str(scratch),
        "dataset": "rows",
        "template": "empty",
        "cutoff_len": settings.get("pack", 4096),
        "packing": bool(packing),
        "neat_packing": packing == "neat",
        "overwrite_cache": True,
        "output_dir": str(scratch / "out"),
        "overwrite_output_dir": True,
        "per_device_train_batch_size": settings["batch"],
        "gradient_accumulation_steps": settings["accumulate"],
        "num_train_epochs": job.get("epochs", 1),
        "learning_rate": job["rate"],
        "lr_scheduler_type": "constant",
        "weight_decay": 0.0,
        "max_grad_norm": 1.0,
        "optim": "adamw_torch_fused",
        "flash_attn": settings.get("attention", "sdpa"),
        "disable_gradient_checkpointing": not settings.get("checkpointing", False),
        "disable_shuffling": not job.get("shuffle"),
        "use_cpu": True,
        "bf16": False,
        "fp16": False,
        "save_strategy": "no",
        "logging_steps": 1,
        "disable_tqdm": True,
        "report_to": "none",
        "seed": 7,
    }


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    torch.set_num_threads(job["threads"])
    rows = read_rows(Path(job["rows"]))
    given_rows(rows)
    watch = watch_of(job, job["settings"]["accumulate"])
    watched(watch)
    steps = Steps(watch, job)
    model, data, training, finetuning, generating = get_train_args(arguments(job, len(rows)))
    workflow.run_sft(model, data, training, finetuning, generating, [steps])
    watch.write(Path(job["out"]), steps.held_out)


if __name__ == "__main__":
    main()
