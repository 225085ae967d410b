"""The section `train` of a recipe."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from fittingroom.types import Frozen

Auto = Literal["auto"]
Find = Literal["find"]


class TrainConfig(Frozen):
    """How the model is fine-tuned. `auto` is replaced by a value from the data and the machine; the plan says why."""

    method: Literal["full", "lora"] = "lora"
    """`full` changes every weight but the router's; `lora` trains small adapters beside frozen weights."""
    learning_rate: Annotated[float, Field(gt=0, le=1)] | Auto | Find = "auto"
    """Highest rate of the schedule. `auto`: by the size of the model; `find`: read off a short training in which the
    rate rises from step to step (range test); its curve stands in the report."""
    batch_size: Annotated[int, Field(ge=1, le=4096)] | Auto = "auto"
    """Rows per optimiser step; split into smaller passes where memory is short, with the same result."""
    pass_tokens: Annotated[int, Field(ge=16, le=1_048_576)] | Auto | Find = "auto"
    """Tokens of one forward pass at most; a step of more is accumulated, with the same result. `auto`: as many as the
    memory estimate allows; `find`: passes of rising size are tried on the longest rows, and the fastest that fits into
    memory is taken."""
    epochs: Annotated[float, Field(gt=0, le=1000)] | Auto = "auto"
    """Passes over the training rows at most."""
    schedule: Literal["cosine", "linear", "constant", "step"] = "cosine"
    """How the rate falls after the warm-up; `step` divides it by 10 after one and two thirds of the way."""
    warmup: float = Field(default=0.05, ge=0, lt=1)
    """Share of the steps in which the rate rises from zero."""
    weight_decay: float = Field(default=0.01, ge=0, le=1)
    """Decay of weights per step and rate (AdamW); biases and norms are left out."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """`lora`: before the adapters; `full`: on attention weights."""
    packing: Literal["auto", "off"] = "auto"
    """`auto`: rows that begin with the same tokens are computed behind one copy of them where that is faster and the
    model's attention allows it; loss and gradients stay the same. `off`: every row by itself, padded."""
    max_length: Annotated[int, Field(ge=16, le=1_048_576)] | Auto = "auto"
    """Tokens of prompt and answer; a longer input is cut at its end, never the answer."""
    early_stopping: Annotated[int, Field(ge=1, le=100)] | None = 3
    """Evaluations without a better dev macro-F1 after which training ends, as it does when the train rows are learnt by
    heart; null trains to the end."""
    eval_rows: int = Field(default=300, ge=10, le=100_000)
    """Dev rows per evaluation at most (half as many train rows); fewer where evaluations would cost too much time."""
    lora_rank: int = Field(default=16, ge=1, le=1024)
    """Rank of the adapters."""
    lora_alpha: float = Field(default=32.0, gt=0, le=4096)
    """Scale of the adapters, divided by the rank."""
    max_grad_norm: float = Field(default=1.0, gt=0, le=1000)
    """Longer gradients are shortened to this norm."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of the target spread over the whole vocabulary."""
