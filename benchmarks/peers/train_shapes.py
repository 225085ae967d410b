"""The model of a job: from its folder, or random weights of a shape, made on the device where they are trained."""

from __future__ import annotations

from typing import Any

import torch
import transformers


def model_of(job: dict[str, Any]) -> Any:
    """`shape` and `family` in the job: random weights; else those of the folder `model`, in float32.

    `dtype` is that of random weights, `attention` in the settings transformers' name of an implementation.
    """
    attention = job["settings"].get("attention", "sdpa")
    if "shape" not in job:
        return transformers.AutoModelForCausalLM.from_pretrained(
            job["model"], dtype=torch.float32, attn_implementation=attention
        )
    config = getattr(transformers, f"{job['family']}Config")(**job["shape"])
    torch.manual_seed(7)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        return transformers.AutoModelForCausalLM.from_config(
            config, dtype=getattr(torch, job["dtype"]), attn_implementation=attention
        )


def adapters_of(job: dict[str, Any]) -> Any:
    """PEFT's configuration of the adapters that a job asks for; None for full fine-tuning."""
    if not job.get("lora"):
        return None
    from peft import LoraConfig

    wanted = job["lora"]
    return LoraConfig(
        r=wanted["rank"], lora_alpha=wanted["alpha"], target_modules=wanted["targets"], task_type="CAUSAL_LM"
    )
