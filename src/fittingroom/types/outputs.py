"""What the stages of the road put out, up to the bundle."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from fittingroom.tables import Table
from fittingroom.types.plain import Folder, Frozen


class Output(Frozen):
    """What a stage puts out. `VOLATILE` names fields (times, machine measurements) that are no part of its digest."""

    VOLATILE: ClassVar[tuple[str, ...]] = ()


class Rows(Output):
    """Examples before they are split. Rows in = kept + dropped (+ rejected, in `prepare`), always."""

    kept: Table
    dropped: Table
    rejected: Table | None = None
    tables: dict[str, Table] = Field(default_factory=dict)
    """Side tables of `prepare`: `goods` (the catalogue) and `events` (views, searches, orders)."""
    facts: dict[str, Any] = Field(default_factory=dict)
    """JSON values for the report: counts in/kept/dropped/rejected by reason, per source; edits by rule."""


class Splits(Output):
    """Examples by part. `dropped` holds what this stage took out, with reasons."""

    train: Table
    dev: Table
    calibration: Table
    test: Table
    dropped: Table
    review: Table | None = None
    """Rows for people to look at: id, part, given, suggested, confidence, reason (from `audit`)."""
    class_weights: dict[str, float] = Field(default_factory=dict)
    facts: dict[str, Any] = Field(default_factory=dict)

    def parts(self) -> dict[str, Table]:
        """The four parts by name."""
        return {"train": self.train, "dev": self.dev, "calibration": self.calibration, "test": self.test}


class Plan(Output):
    """The resolved training configuration (every `auto` replaced by a value), and what it will cost."""

    VOLATILE: ClassVar[tuple[str, ...]] = ("minutes", "preflight", "examples", "found")
    method: Literal["full", "lora", "qlora", "experts"]
    learning_rate: float
    batch_size: int
    """Examples per optimiser step (effective batch)."""
    pass_tokens: int
    """Tokens of one forward pass at most, padding included; a step of more is accumulated over several passes."""
    epochs: float
    steps: int
    warmup_steps: int
    schedule: Literal["cosine", "linear", "constant", "step", "wsd"]
    decay_steps: int = 0
    """`wsd`: last steps, in which the rate falls."""
    weight_decay: float
    l1: float = 0.0
    dropout: float
    max_length: int
    device: Literal["cpu", "cuda", "mps"] = "cpu"
    precision: Literal["fp32", "mixed", "bf16"] = "fp32"
    activation_checkpointing: bool = False
    sharding: Literal["none", "full", "tensor"] = "none"
    """Whether each of several processes holds a part of every weight (FSDP2), or a piece of every layer's matrices."""
    frozen: dict[str, int] = Field(default_factory=dict)
    """What does not learn at first (`layer 0`, `embeddings`), and from which step on it does (-1: never)."""
    replay: dict[str, float] = Field(default_factory=dict)
    """General rows that are learnt beside the shop's: rows, those left out (too_long, held_out), per_step, tokens
    (mean), longest, share of the loss."""
    tokens: dict[str, float] = Field(default_factory=dict)
    """Measured on the rendered training rows: rows, mean/p95/max length, truncated, all_masked, answer_tokens; and how
    many tokens the base model reads at most (reads)."""
    experts: dict[str, list[int]] = Field(default_factory=dict)
    """With method `experts`: for the module of every layer that holds some, the indices of those that learn."""
    layout: dict[str, Any] = Field(default_factory=dict)
    """How rows are laid out in forward passes: `kind` (shared-prefix, isolated, padded), `why` (`why_zh` in Chinese),
    and on a sample of steps the tokens computed per token of the rows (`computed`)."""
    preflight: dict[str, dict[str, float]] = Field(default_factory=dict)
    """What the checks before training measured, by check."""
    memory: dict[str, int] = Field(default_factory=dict)
    """Bytes at the peak of a step by what they are for (see `models.memory`)."""
    examples: dict[str, list[str]] = Field(default_factory=dict)
    """Which rows (ids) or labels these checks mean, by check; a few of each."""
    memory_bytes: int = 0
    """All of them."""
    minutes: float = 0.0
    found: dict[str, Any] = Field(default_factory=dict)
    """What was tried to find a value: curves and measured speeds, by the value's name."""
    chosen: dict[str, str] = Field(default_factory=dict)
    """For every value that was `auto`: why it came out as it did."""


class Trained(Output):
    """Weights after training (best checkpoint) and everything measured on the way."""

    VOLATILE: ClassVar[tuple[str, ...]] = ("timing",)
    weights: Folder
    """`full`: model.safetensors and config; `lora`, `qlora`: adapter_model.safetensors and adapter_config.json."""
    method: Literal["full", "lora", "qlora", "experts"]
    steps: list[dict[str, float]]
    """One record per logged optimiser step: step, epoch, loss, learning_rate, grad_norm, update_ratio."""
    evals: list[dict[str, float]]
    """One record per evaluation: step, epoch, dev_loss, dev_metric, train_loss, train_metric (fixed train sample). The
    metrics are macro-F1; of free answers the mean probability of a token of the wanted one, exp(-loss)."""
    best_step: int
    stopped: str
    """Why training ended: completed, early_stopping, learnt_by_heart, diverged, non_finite, dead_gradients."""
    facts: dict[str, Any] = Field(default_factory=dict)
    timing: dict[str, float] = Field(default_factory=dict)
    """seconds, and of them training_, evaluating_ and saving_seconds; per second of training: tokens_per_second (of the
    rows), computed_tokens_per_second, examples_per_second; torn_checkpoints passed over; pass_tokens, where memory
    was too short for passes as planned."""


class Bundle(Output):
    """What will be served: weights, tokenizer, template, labels, calibration, lineage, licence, SHA-256 manifest."""

    VOLATILE: ClassVar[tuple[str, ...]] = ("timing",)
    folder: Folder
    facts: dict[str, Any] = Field(default_factory=dict)
    timing: dict[str, float] = Field(default_factory=dict)
