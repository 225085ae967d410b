"""The section `evaluate` of a recipe, and which baselines a job can be set beside."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from fittingroom.types import Frozen

BaselineName = Literal[
    "majority",
    "tfidf",
    "untuned",
    "few_shot",
    "encoder",
    "head",
    "champion",
    "retrieval",
    "template",
    "popularity",
    "item_knn",
    "bm25",
    "api",
]

OFFERED: dict[str, tuple[str, ...]] = {
    "classify": ("majority", "tfidf", "untuned", "few_shot", "encoder", "head", "champion", "api"),
    "reply": ("retrieval", "template", "untuned", "few_shot", "champion", "api"),
    "recommend": ("popularity", "item_knn", "bm25", "untuned", "few_shot", "champion", "api"),
    "copywrite": ("retrieval", "template", "untuned", "few_shot", "champion", "api"),
}
"""Kind of job -> the baselines that it can be set beside, in the order in which they are shown."""

STANDARD: dict[str, tuple[str, ...]] = {
    "classify": ("majority", "tfidf", "untuned"),
    "recommend": ("popularity", "bm25"),
    "reply": ("retrieval", "template", "untuned"),
    "copywrite": ("retrieval", "template", "untuned"),
}
"""Kind of job -> the baselines that it is set beside where the recipe names none: those that cost little."""


class ApiBaselineConfig(Frozen):
    """A hosted model as a contestant. It costs money, and redacted texts leave the machine."""

    endpoint: str = Field(min_length=1)
    """Who is asked: a name of the section `endpoints`."""
    max_rows: int = Field(default=400, ge=20, le=1_000_000)
    """At most this many rows (questions, where goods are ranked) are asked, a sample fixed by the seed. Its comparison
    is paired on those that it answered with a label of the set, with an order of the goods or, where answers are free,
    at all; the others are unscored."""
    max_tokens: int = Field(default=400, ge=16, le=8192)
    """Longest answer, where answers are free."""


class JudgeConfig(Frozen):
    """A hosted model that says which of two answers is better, ours or another's; asked in both orders. It costs money,
    and redacted texts leave the machine. Its word stands in the report, beside how far it agrees with people."""

    endpoint: str = Field(min_length=1)
    """Who is asked: a name of the section `endpoints`."""
    against: str = Field(default="untuned", min_length=1)
    """Whose answers ours are compared with: a baseline, or `target`, the answers that the data holds."""
    max_rows: int = Field(default=100, ge=1, le=1_000_000)
    """At most this many pairs, a sample fixed by the seed."""


class TuneConfig(Frozen):
    """How a classifier beside ours learns."""

    tune: bool = False
    """Whether its body learns too; else it is frozen and only a linear head is fitted, which takes seconds."""
    epochs: int = Field(default=4, ge=1, le=100)
    """With `tune`: times over the training rows."""
    learning_rate: float = Field(default=5e-5, gt=0, le=0.1)
    """With `tune`: the highest rate."""
    batch_size: int = Field(default=16, ge=1, le=1024)
    """With `tune`: rows of one step."""


class EncoderConfig(TuneConfig):
    """A small encoder (BERT and its like) that is set beside our model."""

    path: str = Field(min_length=1)
    """Folder with its weights (safetensors), configuration and tokenizer; relative to the workspace."""


class FewShotConfig(Frozen):
    """Examples in the prompt of the base model."""

    examples: int = Field(default=2, ge=1, le=100)
    """Of each class, where answers are free or rankings in all, drawn from train by the seed; fewer where the model
    cannot read as much: `facts` says how many."""


class ForgettingConfig(Frozen):
    """How much of what the base model knew was lost: its loss on general texts before and after tuning."""

    measure: bool = True
    """Whether it is measured: both models read some dozens of short texts."""
    path: str | None = None
    """Your own texts: a JSONL file with `{"text": ...}` or `{"ask": ..., "answer": ...}` a line, relative to the
    workspace. None: the built-in ones, Chinese and English."""


class EvaluateConfig(Frozen):
    """The section `evaluate` of a recipe."""

    baselines: list[BaselineName] = Field(default=["majority", "tfidf", "untuned"])
    """majority: the most frequent answer of train; tfidf: a linear model on the same train rows; untuned: the base
    model with the same prompts and labels, before tuning; few_shot: the same with examples in its prompt; encoder: a
    small encoder from a folder; head: a linear head on the base model's last vector; champion: the release that the
    alias of `deploy` points at; api: the hosted model that `evaluate.api` names. Of free answers: retrieval: the
    answer of the training row whose input is most alike; template: the most frequent answer of train. Of rankings:
    popularity: what is bought most; item_knn: what goes with what the customer has; bm25: titles that share words with
    what is known."""
    replicates: int = Field(default=1000, ge=200, le=20_000)
    """Bootstrap replicates behind every interval, and swaps behind every p-value."""
    bins: int = Field(default=10, ge=2, le=50)
    """Bins of the reliability table (equal width)."""
    rare_below: int = Field(default=20, ge=1)
    """A class with fewer rows in train counts as rare: the rare ones together are a slice of their own."""
    untuned_rows: int = Field(default=400, ge=20)
    """At most this many rows go through the untuned model (also with examples), which is as slow as ours: a sample
    fixed by the seed. Its comparison is paired on those rows only; `facts` says how many there were."""
    latency_rows: int = Field(default=80, ge=0, le=10_000)
    """This many rows are asked one at a time, as customers ask, to measure how long an answer takes; 0: none. For
    `gate.latency_ms` 72 are the fewest that can pass."""
    few_shot: FewShotConfig = FewShotConfig()
    encoder: EncoderConfig | None = None
    head: TuneConfig = TuneConfig()
    forgetting: ForgettingConfig = ForgettingConfig()

    generated_rows: int = Field(default=200, ge=20)
    """Free answers: at most this many rows are generated and judged, as a token at a time is slow: a sample fixed by
    the seed. `facts` says of how many they were drawn."""
    api: ApiBaselineConfig | None = None
    """Who is asked for the baseline `api`."""
    judge: JudgeConfig | None = None
    """Who compares our answers with another's."""

    @model_validator(mode="after")
    def _api_is_named(self) -> EvaluateConfig:
        if ("api" in self.baselines) != (self.api is not None):
            raise ValueError(
                "the baseline api and the section evaluate.api belong together: add the one that is missing"
            )
        return self

    @field_validator("baselines")
    @classmethod
    def _once(cls, value: list[BaselineName]) -> list[BaselineName]:
        if len(set(value)) != len(value):
            raise ValueError("the same baseline stands twice")
        return value

    @model_validator(mode="after")
    def _encoder_has_a_folder(self) -> EvaluateConfig:
        if "encoder" in self.baselines and self.encoder is None:
            raise ValueError("the baseline encoder needs its folder: set `encoder: {path: FOLDER}`")
        return self
