"""The section `train` of a recipe."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from fittingroom.models.device import Wanted
from fittingroom.types import Frozen

Auto = Literal["auto"]
Find = Literal["find"]


def _switch(said: object) -> object:
    """YAML 1.1 reads a bare `on` as true."""
    return {True: "on", False: "off"}.get(said, said) if isinstance(said, bool) else said


class FreezeConfig(Frozen):
    """What does not learn at first, from the bottom of the model upwards, and when it begins to."""

    layers: int = Field(default=0, ge=0, le=1000)
    """Layers at the bottom that do not learn (with `lora`: their adapters); the embeddings below them do not either."""
    embeddings: bool = False
    """The embeddings alone (`full`); where they are shared with the head, the head does not learn either."""
    unfreeze_after: Annotated[float, Field(ge=0, lt=1)] | None = None
    """Share of the steps after which they begin to learn, the topmost first; null: never."""
    unfreeze_over: float = Field(default=0.2, ge=0, lt=1)
    """Share of the steps over which one after the other begins to learn, at even distances; 0: all at once."""

    @model_validator(mode="after")
    def _all_get_to_learn(self) -> FreezeConfig:
        if self.unfreeze_after is not None and self.unfreeze_after + self.unfreeze_over >= 1:
            raise ValueError("unfreeze_after and unfreeze_over together must be below 1: the last layer learns, too")
        return self


class ReplayConfig(Frozen):
    """General conversations of your own that are learnt beside the shop's rows, against forgetting."""

    path: str = Field(min_length=1)
    """JSON lines, each `{"messages": [{"role": "user", "content": ...}, {"role": "assistant", "content": ...}]}`; the
    last message is the answer that is learnt. Redacted as `prepare.redact` says before anything else."""
    share: float = Field(default=0.1, gt=0, le=0.5)
    """Their share of the loss (and about of the rows) of every optimiser step."""
    max_length: int = Field(default=1024, ge=16, le=1_048_576)
    """Tokens of a conversation; longer ones lose their oldest turns, never the answer."""


class ExpertsConfig(Frozen):
    """Which experts of a mixture learn with `method: experts`."""

    by: Literal["gate", "token"] = "gate"
    """What ranks them on the task's own rows: their share of the `gate` scores, or of the `token`s sent to them."""
    share: float = Field(default=0.2, gt=0, le=1)
    """In every layer the fewest experts learn that together have this share."""
    rows: int = Field(default=64, ge=1, le=4096)
    """Train rows that are looked at."""


class TrainConfig(Frozen):
    """How the model is fine-tuned. `auto` is replaced by a value from the data and the machine; the plan says why."""

    method: Literal["full", "lora", "qlora", "experts"] = "lora"
    """`full` changes every weight but the router's; `lora` trains small adapters beside frozen weights; `qlora` holds
    the frozen weights in 4 bits (NVIDIA GPU and the extra `qlora`), to be merged into the unquantised ones; `experts`
    changes only those experts of a mixture (V2, V3) that the task's rows are sent to."""
    device: Wanted = "auto"
    """`cpu`, `cuda` (NVIDIA), `mps` (Apple); `auto`: the fastest that is there, or what FITTINGROOM_DEVICE says."""
    precision: Literal["auto", "fp32", "mixed", "bf16"] = "auto"
    """`mixed`: multiplied in bfloat16, weights that learn are kept in 32 bits; `fp32`: all in 32 bits; `bf16`: the
    weights that learn in bfloat16 as well, which swallows small updates. `auto`: `mixed` on a GPU that can, else
    `fp32`."""
    activation_checkpointing: Annotated[Literal["auto", "on", "off"], BeforeValidator(_switch)] = "auto"
    """`on`: layers are computed again on the way back instead of being kept: a third more work, a fraction of the
    memory, the same gradients. `auto`: where memory would leave room for small passes only."""
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
    schedule: Literal["cosine", "linear", "constant", "step", "wsd"] = "cosine"
    """How the rate falls after the warm-up; `step` divides it by 10 after one and two thirds of the way; `wsd` keeps
    it and lets it fall to zero over the last steps (`decay`)."""
    decay: float = Field(default=0.1, gt=0, le=1)
    """`wsd`: share of the steps in which the rate falls."""
    warmup: float = Field(default=0.05, ge=0, lt=1)
    """Share of the steps in which the rate rises from zero."""
    weight_decay: float = Field(default=0.01, ge=0, le=1)
    """Decay of weights per step and rate (AdamW); biases and norms are left out."""
    l1: float = Field(default=0.0, ge=0, le=10)
    """Pull of the same weights towards zero: after each step every one moves by l1 x rate, and stays there once it
    meets zero (with `lora`: the adapters' weights)."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """`lora`: before the adapters; `full`: on attention weights."""
    packing: Literal["auto", "off"] = "auto"
    """`auto`: rows that begin with the same tokens are computed behind one copy of them where that is faster and the
    model's attention allows it; loss and gradients stay the same, but for `dropout`: what is shared is drawn once for
    all rows behind it, not anew for each. `off`: every row by itself, padded."""
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
    experts: ExpertsConfig = ExpertsConfig()
    """With `method: experts`: which."""
    freeze: FreezeConfig = FreezeConfig()
    """What does not learn at first."""
    replay: ReplayConfig | None = None
    """General data against forgetting."""

    @model_validator(mode="after")
    def _fits_together(self) -> TrainConfig:
        if self.freeze.embeddings and self.method != "full":
            raise ValueError("freeze.embeddings is for method full: adapters leave the embeddings as they are")
        if self.schedule == "wsd" and self.warmup + self.decay > 1:
            raise ValueError("warmup and decay together must be at most 1")
        if self.method == "qlora" and self.precision in ("fp32", "bf16"):
            raise ValueError(
                "qlora is trained in mixed precision: 4-bit weights, bfloat16 products, adapters in 32 bits; "
                "set precision to auto"
            )
        return self
