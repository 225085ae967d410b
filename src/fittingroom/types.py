"""The nouns of the house: what stages put out, what a pitfall is, what a gate decides.

Every output of a stage is a frozen pydantic model whose fields are JSON values, a `Table`, a dictionary of tables, or a
`Folder` of files; the store knows how to keep exactly these (see `store.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from fittingroom.tables import Table

if TYPE_CHECKING:
    import pyarrow as pa


class Frozen(BaseModel):
    """Base of all configuration and result models: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, protected_namespaces=())


class Text(Frozen):
    """A sentence for people, in both languages; neither can be forgotten."""

    en: str
    zh: str

    def say(self, language: str) -> str:
        """The sentence in `language` ("zh…" is Chinese, all else English)."""
        return self.zh if language.startswith("zh") else self.en


class Folder:
    """A folder of files that belongs to an output: model weights, a tokenizer, pictures."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def files(self) -> list[Path]:
        """All files below, sorted by their relative name."""
        return sorted(path for path in self.path.rglob("*") if path.is_file())


# ---------------------------------------------------------------------------------------------- rows


def row_schema(input_fields: list[str], target_field: str) -> pa.Schema:
    """Schema of one example per row.

    id           keyed digest of source and primary key; survives every edit
    source       name of the source in the recipe
    row_key      primary key in the source (a keyed pseudonym where it names a person)
    group        customer or conversation, a keyed pseudonym; null when the source names none
    time         when it was true, UTC
    input        struct of strings: what the model is given
    target       struct of one string: the wanted answer; the string is null when not labelled
    annotations  who labelled it how, before merging
    cluster      id of the group of near copies; null before `dedup`
    dup_count    how many rows this one stands for, itself included
    edits        what cleaning and redaction did: rule and count, never the old text
    """
    import pyarrow as pa

    return pa.schema(
        [
            ("id", pa.string()),
            ("source", pa.string()),
            ("row_key", pa.string()),
            ("group", pa.string()),
            ("time", pa.timestamp("us", tz="UTC")),
            ("input", pa.struct([(name, pa.string()) for name in input_fields])),
            ("target", pa.struct([(target_field, pa.string())])),
            ("annotations", pa.list_(pa.struct([("annotator", pa.string()), ("label", pa.string())]))),
            ("cluster", pa.string()),
            ("dup_count", pa.int64()),
            ("edits", pa.list_(pa.struct([("rule", pa.string()), ("count", pa.int64())]))),
        ]
    )


def dropped_schema(rows: pa.Schema) -> pa.Schema:
    """Rows that a stage took out: the row itself, why, and where there is one its twin and the score against it."""
    import pyarrow as pa

    extra = [("reason", pa.string()), ("twin", pa.string()), ("score", pa.float64())]
    return pa.schema([*rows, *(pa.field(name, kind) for name, kind in extra)])


def rejected_schema() -> pa.Schema:
    """What could not be read as a row: where it stood and why; `text` is redacted and cut to 200 characters.

    `group`: the keyed pseudonym of whose row it was, where that could be read.
    """
    import pyarrow as pa

    return pa.schema(
        [
            ("source", pa.string()),
            ("file", pa.string()),
            ("line", pa.int64()),
            ("reason", pa.string()),
            ("text", pa.string()),
            ("group", pa.string()),
        ]
    )


# ---------------------------------------------------------------------------------------------- outputs


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
    """How rows are laid out in forward passes: `kind` (shared-prefix, isolated, padded), `why`, and on a sample of
    steps the tokens computed per token of the rows (`computed`)."""
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
    rows), computed_tokens_per_second, examples_per_second; torn_checkpoints passed over."""


class Bundle(Output):
    """What will be served: weights, tokenizer, template, labels, calibration, lineage, licence, SHA-256 manifest."""

    VOLATILE: ClassVar[tuple[str, ...]] = ("timing",)
    folder: Folder
    facts: dict[str, Any] = Field(default_factory=dict)
    timing: dict[str, float] = Field(default_factory=dict)


class Interval(Frozen):
    """A value with its bootstrap interval."""

    value: float
    low: float
    high: float


class Score(Frozen):
    """How one contestant (our model or a baseline) did on one part."""

    name: str
    metrics: dict[str, Interval]
    """accuracy, macro_f1, macro_precision, macro_recall."""
    per_class: dict[str, dict[str, float]] = Field(default_factory=dict)
    """label -> precision, recall, f1, support."""
    difference: dict[str, Interval] = Field(default_factory=dict)
    """For a baseline: our model minus this baseline, paired bootstrap over groups, per metric."""
    p_values: dict[str, float] = Field(default_factory=dict)
    """For a baseline: how often a difference as large would come of two that are alike (paired randomisation test)."""
    error: str = ""
    """Why it could not be scored; then `metrics` is empty and the rest of the report still stands."""
    error_zh: str = ""
    """The same in Chinese."""

    def why(self, language: str) -> str:
        """The reason in that language."""
        return self.error_zh or self.error if language.startswith("zh") else self.error


class EvalReport(Output):
    """One part, judged: our model beside the baselines."""

    VOLATILE: ClassVar[tuple[str, ...]] = ("timing",)
    part: Literal["dev", "test"]
    labels: list[str]
    model: Score
    baselines: list[Score]
    confusion: list[list[int]]
    """confusion[i][j]: rows of true label i predicted as label j."""
    predictions: Table
    """id, group, target, predicted, confidence, probabilities (in the order of `labels`), one column per baseline."""
    rows: int
    unscored: int = 0
    facts: dict[str, Any] = Field(default_factory=dict)
    """calibration (ECE, bins), slices, distribution of predictions, digest of the part, baseline_rows; truncated
    inputs, unscored by reason, order, alone, abstention, none_of_these; forgetting and champion. What could not be
    measured has `error`."""
    timing: dict[str, float] = Field(default_factory=dict)


class Opened(Output):
    """The test part was opened for a release."""

    number: int
    """The how-manieth bundle this is that is judged on these rows."""


class Verdict(StrEnum):
    """What the gate says."""

    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"


class Check(Frozen):
    """One condition of the gate."""

    name: str
    verdict: Verdict
    measured: dict[str, float]
    limit: float
    reason: Text


class GateDecision(Output):
    """The verdict over all conditions; INCONCLUSIVE never deploys."""

    part: Literal["dev", "test"]
    verdict: Verdict
    checks: list[Check]


class Rival(Frozen):
    """A short training that differs in one thing from the one that was judged, measured on the same rows."""

    change: Literal["rate", "batch", "longer", "rank", "full", "same"]
    """`longer` goes on from the kept weights; the others begin anew; `same` changes nothing: it is what `rank` and
    `full`, which learn from as many rows, are compared with."""
    factor: float = 1.0
    """On the value that was used."""
    share: float
    """Rows it learnt from, repetitions counted, over those of the whole training."""
    train_loss: float
    """Nats per answer token, as in `Trained.evals`; 1e9 for one that is not finite."""
    train_metric: float
    dev_loss: float
    dev_metric: float


class Confused(Frozen):
    """Rows of one class that are answered as another."""

    true: str
    predicted: str
    rows: int
    share: float
    """Of the rows of the true class."""


class Examination(Output):
    """What is looked at once the gate said no: the run in short, and what more training was paid for to tell its cause.

    `steps`, `evals`, `best_step` and `stopped` are those of the training: whatever reads curves reads them here.
    """

    VOLATILE: ClassVar[tuple[str, ...]] = ("timing",)
    steps: list[dict[str, float]]
    evals: list[dict[str, float]]
    best_step: int
    stopped: str
    facts: dict[str, Any] = Field(default_factory=dict)
    """`rate_response`: {start, losses {factor: loss}, steps}, the loss after the same few steps at other rates; of the
    training: trainable, trainable_tensors, untouched; `free_answers`: the metrics of `evals` are then no macro-F1, but
    the mean probability of a token of the wanted answer; `left_out`: what was not tried although it was its turn
    (rate_response, batch, rate, longer, rank, experts) -> what did not reach (rows or time)."""
    rivals: list[Rival] = Field(default_factory=list)
    data_curve: list[dict[str, float]] = Field(default_factory=list)
    """rows, macro_f1 and accuracy on dev of a linear model that learnt from so many of the training rows."""
    classes: dict[str, dict[str, float]] = Field(default_factory=dict)
    """label -> rows (of training), weight (rows times weight in the loss), support, recall, precision, answered (how
    often it was the answer) on dev. Empty where answers are free."""
    confused: list[Confused] = Field(default_factory=list)
    """The largest pairs first."""
    slices: list[dict[str, Any]] = Field(default_factory=list)
    """As in `EvalReport.facts`."""
    labels: dict[str, float] = Field(default_factory=dict)
    """The label audit: trusted (0 or 1), model_accuracy (on training rows it has not seen), estimated_noise,
    remaining_noise, changed (rows that it mended)."""
    tokens: dict[str, float] = Field(default_factory=dict)
    """`Plan.tokens`."""
    experts: dict[str, float] = Field(default_factory=dict)
    """Of a mixture: entropy_before and entropy_after (mean over layers, over its maximum) of the load of its experts on
    training rows, before and after training, and moved (total variation between the two loads, mean over layers)."""
    scores: dict[str, float] = Field(default_factory=dict)
    """Metrics on dev."""
    baselines: dict[str, dict[str, float]] = Field(default_factory=dict)
    """Baseline -> its metrics on dev."""
    rows: dict[str, int] = Field(default_factory=dict)
    """Of train and dev."""
    timing: dict[str, float] = Field(default_factory=dict)
    """seconds; share of the training's time that they are."""

    @property
    def learnt_rows(self) -> float:
        """Rows that the training learnt from, repetitions counted."""
        return max((entry["epoch"] for entry in self.evals), default=0.0) * self.rows.get("train", 0)


# ---------------------------------------------------------------------------------------------- pitfalls


class Severity(StrEnum):
    """BLOCK ends an attempt before training; WARN is a candidate cause; INFO is only told."""

    BLOCK = "block"
    WARN = "warn"
    INFO = "info"


class Safety(StrEnum):
    """AUTOMATIC is applied in the loop, ASK waits for a person, ADVICE is only told."""

    AUTOMATIC = "automatic"
    ASK = "ask"
    ADVICE = "advice"


class Finding(Frozen):
    """A pitfall was met: what was measured, against which limit, with examples (row ids, never texts)."""

    pitfall: str = ""
    """Id of the pitfall; filled in by the runner."""
    stage: str = ""
    """The stage after which it was found; filled in by the runner."""
    severity: Severity
    summary: Text
    measured: dict[str, float] = Field(default_factory=dict)
    limits: dict[str, float] = Field(default_factory=dict)
    examples: tuple[str, ...] = ()
    strength: float = 1.0
    """How far beyond the limit, in multiples of it; ranks findings of one kind."""
    proven: bool = False
    """Whether another training, changed in this one thing, did better: a proven cause goes before suspected ones."""


class Expected(Frozen):
    """What a change should do to a score, as a number: said before the attempt, compared after it."""

    change: float
    """By how much the metric rises at least (falls, when negative)."""
    metric: str = ""
    """A metric of the dev part; empty: the score that training watches (see `diagnose.in_its_unit`)."""


class Came(Frozen):
    """What a change did to the score it was made for."""

    metric: str
    """As in `Attempt.metrics`, such as `dev.macro_f1`."""
    before: float
    """Of the attempt that was changed."""
    after: float
    met: bool
    """Whether it came as expected, or better."""

    @property
    def change(self) -> float:
        """After minus before."""
        return self.after - self.before


class Remedy(Frozen):
    """A bounded change of the configuration: dotted path -> new value."""

    title: Text
    safety: Safety
    patch: dict[str, Any] = Field(default_factory=dict)
    expectation: Text | None = None
    """What else is expected of it, in words."""
    expected: Expected | None = None
    """What is expected of the score, as a number."""


class Page(Frozen):
    """A pitfall's page in the catalogue, by section, in one language."""

    title: str
    what_goes_wrong: str
    why_it_hurts: str
    how_it_is_detected: str
    what_the_remedy_does: str
    not_detected: str
    source: str


Detect = Callable[..., Iterator[Finding]]
"""detect(output_of_the_stage, settings) -> findings; it never sees a configured value."""
Cure = Callable[[Finding, Mapping[str, Any]], Remedy | None]
"""remedy(finding, used): `used` is the configuration as nested mappings, every `auto` replaced by the value used."""


@dataclass(frozen=True)
class Pitfall:
    """One pit: where to look, how to see it, what to do. `rank` orders causes: a smaller one is nearer to the root."""

    id: str
    after: str
    settings: Frozen
    detect: Detect
    remedy: Cure
    zh: Page
    """The page in Chinese; the English page is the module's docstring."""
    rank: int = 50
    guards: bool = False
    """Whether nothing may be trained unless this detector has looked: when it raises, the attempt is blocked."""
    moves: tuple[str, ...] = ("score",)
    """Which conditions of the gate its remedy can move: score, forgetting, latency."""


# ---------------------------------------------------------------------------------------------- runs


RunStatus = Literal["running", "waiting", "passed", "failed", "inconclusive", "interrupted", "error"]


class Attempt(Frozen):
    """One pass over the road: what was changed, why, what was expected, what came."""

    number: int
    config_digest: str
    patch: dict[str, Any] = Field(default_factory=dict)
    base: int = 0
    """Number of the attempt whose configuration was changed: the best one before; 0 for the first."""
    cause: str = ""
    """Id of the pitfall whose remedy made this attempt, or `search`; empty for the first."""
    expectation: Text | None = None
    """What was expected, in words; the number is in `expected`."""
    expected: Expected | None = None
    came: Came | None = None
    """What came of it; None where one of the two was not judged."""
    metrics: dict[str, float] = Field(default_factory=dict)
    verdict: Verdict | None = None
    findings: list[Finding] = Field(default_factory=list)
    bundle: str = ""
    minutes: float = 0.0
    cost: dict[str, float] = Field(default_factory=dict)
    """What endpoints asked for it, by currency."""


class RunSummary(Frozen):
    """A run as faces show it; `--json` prints this, its schema is frozen by a test."""

    id: str
    name: str
    status: RunStatus
    metrics: dict[str, float] = Field(default_factory=dict)
    """Scores of the attempt that counts: `dev.macro_f1`, `test.macro_f1`, … Of an attempt that passed, else of the best
    by the gate's metric."""
    decision: Verdict | None = None
    """The last verdict on that attempt."""
    release: int | None = None
    attempts: list[Attempt] = Field(default_factory=list)
    report: str = ""
    message: Text | None = None
    digests: dict[str, str] = Field(default_factory=dict)
    """Digest of every part of the data that the last attempt used."""


class Release(Frozen):
    """An immutable version in the registry."""

    version: int
    bundle: str
    run: str
    name: str
    base: str
    metrics: dict[str, float]
    created: str
