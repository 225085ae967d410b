"""Every pitfall: it fires on its bad fixture, is silent on the good one, and its remedy makes the bad one good.

A fixture is a module of the pitfall's id in `fixtures`: `SECTIONS` are the sections of a recipe in which the pit lies,
`bad(config, context)` and `good(config, context)` run the stage (or a training of the same kind) under a configuration.
Where only people can mend, `mended(config, context)` is `bad` after they did what the remedy advises.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import pytest

from fittingroom.config import RunConfig, parse
from fittingroom.diagnose import used_values
from fittingroom.engine import Context
from fittingroom.pitfalls import catalog, detect_all
from fittingroom.types import Examination, Finding, Output, Pitfall, Safety, Severity
from pitfalls.small_training import draw, train

BLOCKING = {
    "leaked-test-examples", "personal-data", "all-labels-masked", "personal-data-in-labels", "redacted-too-late",
    "adapters-misplaced", "adapters-refused", "half-precision-training", "model-cannot-be-saved", "nothing-trains",
    "packing-leaks", "weights-not-trainable",
    "double-bos", "forged-control-tokens", "labels-of-the-same-tokens", "loss-on-the-prompt", "missing-end-mark",
    "prompt-differs-in-service", "tokenizer-changes-text",
}  # fmt: skip
TOLD = {"labels-with-one-beginning", "no-chat-template", "plan-missed", "special-ids-disagree", "uncorrected-prior"}
"""Those that are no cause to look for: what they tell may be wanted."""
TRAIN = {
    "method": "full",
    "learning_rate": 0.01,
    "batch_size": 32,
    "epochs": 4,
    "weight_decay": 0.01,
    "max_length": 256,
}


def recipe(sections: dict[str, Any]) -> RunConfig:
    """A recipe with these sections; what they leave out is healthy."""
    values: dict[str, Any] = {
        "task": {"kind": "classify", "input": ["text"], "target": "label"},
        "sources": [{"kind": "jsonl", "path": "rows.jsonl", "key": "id"}],
        **sections,
    }
    return parse({**values, "train": {**TRAIN, **sections.get("train", {})}}, "test")


def fixture_of(name: str) -> ModuleType:
    return importlib.import_module(f"pitfalls.fixtures.{name.replace('-', '_')}")


def found(pitfall: Pitfall, output: Output) -> list[Finding]:
    """What all pitfalls of that stage say of an output, by the same way as in a run; that a fixture is small is no
    fault of its kind.
    """
    small = {"held-out-part-too-small"} - {pitfall.id}
    return detect_all(output, pitfall.after, settings={}, disabled=sorted(small))


@pytest.mark.parametrize("name", sorted(catalog()))
def test_it_fires_and_its_remedy_mends(name: str, context: Context) -> None:
    pitfall, fixture = catalog()[name], fixture_of(name)
    config = recipe(fixture.SECTIONS)

    findings = found(pitfall, fixture.bad(config, context))

    assert findings[0].pitfall == name, "of several causes the true one has the lowest rank"
    finding = findings[0]
    assert finding.severity is (
        Severity.BLOCK if name in BLOCKING else Severity.INFO if name in TOLD else Severity.WARN
    )
    assert finding.summary.en
    assert finding.summary.zh
    assert finding.strength >= 1
    assert set(finding.limits) & set(finding.measured)
    remedy = pitfall.remedy(finding, used_values(config, None))
    assert remedy is not None
    if remedy.safety is Safety.ADVICE:
        assert not remedy.patch
        assert name not in [one.pitfall for one in found(pitfall, fixture.mended(config, context))]
        return
    assert not hasattr(fixture, "mended")
    assert remedy.expectation is not None or remedy.expected is not None
    patched = config.patched(remedy.patch)
    assert set(config.diff(patched)) == set(remedy.patch)

    assert name not in [one.pitfall for one in found(pitfall, fixture.bad(patched, context))]

    assert _steps_until_nothing_is_left(pitfall, finding, config) <= 10


def _steps_until_nothing_is_left(pitfall: Pitfall, finding: Finding, config: RunConfig) -> int:
    """How often its remedy changes a recipe when the finding stays the same: it must be bounded."""
    for step in range(20):
        remedy = pitfall.remedy(finding, used_values(config, None))
        if remedy is None or remedy.safety is Safety.ADVICE:
            return step
        config = config.patched(remedy.patch)
    return 20


@pytest.mark.parametrize("name", sorted(catalog()))
def test_it_is_silent_where_all_is_well(name: str, context: Context) -> None:
    output = fixture_of(name).good(recipe({}), context)

    assert found(catalog()[name], output) == []


SWEEP: dict[str, dict[str, Any]] = {
    "clear": {"clear": 0.4},
    "wrong labels": {"clear": 0.35, "wrong": 0.08},
    "uneven": {"clear": 0.35, "shares": (0.6, 0.2, 0.1, 0.06, 0.04)},
}


@pytest.mark.parametrize("kind", SWEEP)
@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (1e-4, ["learning-rate-too-low"]),
        (1e-3, ["learning-rate-too-low"]),
        (3e-2, []),
        (1.0, ["learning-rate-too-high"]),
    ],
)
def test_over_rates_one_pit_at_most_speaks(kind: str, rate: float, expected: list[str]) -> None:
    """Three kinds of data, three epochs: far too low, low, the best rate of the sweep, far too high."""
    config = recipe({"train": {"learning_rate": rate, "epochs": 3}})

    examined = train(draw(**SWEEP[kind]), config.train).examined

    assert [one.pitfall for one in detect_all(examined, "examine", settings={}, disabled=[])] == expected


MEASURED = {
    1e-4: (
        [0.02, 0.02, 0.02, 0.04, 0.05, 0.09, 0.17, 0.17, 0.19, 0.19, 0.19],
        {"0.1": 7.701893, "0.3": 7.441941, "1": 6.904736, "3": 6.012826, "10": 3.894303},
        "learning-rate-too-low",
        10.0,
    ),
    1e-2: (
        [0.02, 0.11, 0.05, 0.02, 0.03, 0.08, 0.04, 0.04, 0.03, 0.07, 0.04],
        {"0.1": 3.894303, "0.3": 1.825433, "1": 1.609495, "3": 2.66687, "10": 3.864052},
        "learning-rate-too-high",
        0.1,
    ),
}
"""Rate -> macro-F1 on the training rows by epoch, rate response, pit, factor: the built-in model, all weights, on the
intents of the sample shop; at 1e-3 it learnt its rows (0.95)."""


@pytest.mark.parametrize("rate", MEASURED)
def test_rates_measured_on_the_built_in_model(rate: float) -> None:
    metrics, losses, pit, factor = MEASURED[rate]
    still = {"dev_loss": 0.7, "dev_metric": 0.1, "train_loss": 0.7}
    examined = Examination(
        steps=[{"step": n, "epoch": n / 54, "loss": max(0.6, 7.8 / n), "learning_rate": rate} for n in range(1, 541)],
        evals=[{"step": 54 * n, "epoch": n, **still, "train_metric": metric} for n, metric in enumerate(metrics)],
        best_step=54,
        stopped="completed",
        facts={"rate_response": {"start": 7.864458, "losses": losses}},
    )

    (finding,) = detect_all(examined, "examine", settings={}, disabled=[])

    assert finding.pitfall == pit
    assert finding.measured["best_factor"] == factor


@pytest.mark.parametrize("stopped", ["diverged", "non_finite"])
def test_a_training_that_broke_names_the_rate_and_nothing_else(stopped: str) -> None:
    examined = Examination(
        steps=[{"step": 1, "epoch": 0.1, "loss": float("nan"), "learning_rate": 1.0}],
        evals=[],
        best_step=0,
        stopped=stopped,
        facts={"rate_response": {"start": 5.0, "losses": {"0.1": 2.0, "0.3": 1.0, "1": None, "3": None, "10": None}}},
    )

    (finding,) = detect_all(examined, "examine", settings={}, disabled=[])

    assert finding.proven
    assert finding.pitfall == "learning-rate-too-high"
    assert finding.measured["best_factor"] == 0.3
