"""Every pitfall: it fires on its bad fixture, is silent on the good one, and its remedy makes the bad one good.

A fixture is a module of the pitfall's id in `fixtures`: `SECTIONS` are the sections of a recipe in which the pit lies,
`bad(config, context)` and `good(config, context)` run the stage (or a training of the same kind) under a configuration.
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
from fittingroom.types import Finding, Output, Safety, Severity

BLOCKING = {"leaked-test-examples", "personal-data", "all-labels-masked"}
TRAIN = {
    "method": "full",
    "learning_rate": 0.01,
    "batch_size": 32,
    "epochs": 10,
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


def found(name: str, output: Output) -> list[Finding]:
    """What the pitfall says of an output of its stage, by the same way as in a run."""
    stage = catalog()[name].after
    return [one for one in detect_all(output, stage, settings={}, disabled=[]) if one.pitfall == name]


@pytest.mark.parametrize("name", sorted(catalog()))
def test_it_fires_and_its_remedy_mends(name: str, context: Context) -> None:
    pitfall, fixture = catalog()[name], fixture_of(name)
    config = recipe(fixture.SECTIONS)

    findings = found(name, fixture.bad(config, context))

    assert len(findings) == 1
    finding = findings[0]
    assert finding.severity is (Severity.BLOCK if name in BLOCKING else Severity.WARN)
    assert finding.summary.en
    assert finding.summary.zh
    assert finding.strength >= 1
    assert set(finding.limits) & set(finding.measured)
    remedy = pitfall.remedy(finding, used_values(config, None))
    assert remedy is not None
    assert remedy.safety is Safety.AUTOMATIC
    assert remedy.expectation is not None
    patched = config.patched(remedy.patch)
    assert set(config.diff(patched)) == set(remedy.patch)

    assert found(name, fixture.bad(patched, context)) == []


@pytest.mark.parametrize("name", sorted(catalog()))
def test_it_is_silent_where_all_is_well(name: str, context: Context) -> None:
    output = fixture_of(name).good(recipe({}), context)

    assert detect_all(output, catalog()[name].after, settings={}, disabled=[]) == []


@pytest.mark.parametrize("name", sorted(catalog()))
def test_its_remedies_come_to_an_end(name: str, context: Context) -> None:
    """However often a remedy is applied to the same finding, it ends with advice or nothing, within ten steps."""
    pitfall, fixture = catalog()[name], fixture_of(name)
    config = recipe(fixture.SECTIONS)
    finding = found(name, fixture.bad(config, context))[0]
    for _ in range(10):
        remedy = pitfall.remedy(finding, used_values(config, None))
        if remedy is None or remedy.safety is Safety.ADVICE:
            return
        config = config.patched(remedy.patch)
    raise AssertionError(f"{name} still wants to change {remedy.patch}")


@pytest.mark.parametrize(
    "name", [name for name, pitfall in sorted(catalog().items()) if pitfall.after in {"train", "evaluate"}]
)
def test_pits_of_one_training_are_told_apart(name: str, context: Context) -> None:
    """The first cause in order of rank is the true one."""
    fixture = fixture_of(name)

    findings = detect_all(
        fixture.bad(recipe(fixture.SECTIONS), context), catalog()[name].after, settings={}, disabled=[]
    )

    assert findings[0].pitfall == name
