"""Balance: only the training part moves, within limits, and every copy says what it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from fittingroom.engine import Context
from fittingroom.stages.balance import VERSION, BalanceConfig, balance
from fittingroom.tasks.config import TaskConfig
from fittingroom.types import Rows, Splits, row_schema

Make = Callable[..., Any]
COUNTS = {"a": 100, "b": 25, "c": 4}


@pytest.fixture
def skewed(make_rows: Callable[..., Rows], as_splits: Make) -> Splits:
    names = [name for name, count in COUNTS.items() for _ in range(count)]
    rows = make_rows([{"text": f"t{n}", "label": name, "cluster": f"c{n}"} for n, name in enumerate(names)])
    splits: Splits = as_splits(rows, {"train": range(129), "dev": range(0, 129, 10), "test": range(0, 129, 7)})
    return splits


def count(splits: Splits) -> dict[str, int]:
    return dict(Counter(row["target"]["label"] for row in splits.train.dicts()))


def test_none_changes_nothing(skewed: Splits, task: TaskConfig, context: Context) -> None:
    out = balance(skewed, balance=BalanceConfig(), task=task, seed=1, context=context)
    assert out.train.digest == skewed.train.digest
    assert out.class_weights == {}
    assert out.facts["before"] == out.facts["after"] == COUNTS


def test_weights_have_mean_one_over_rows(skewed: Splits, task: TaskConfig, context: Context) -> None:
    config = BalanceConfig(method="weights", temperature=0, max_factor=100)
    out = balance(skewed, balance=config, task=task, seed=1, context=context)
    weights = out.class_weights
    assert sum(weights[name] * rows for name, rows in COUNTS.items()) / 129 == pytest.approx(1)
    assert weights["a"] * 100 == pytest.approx(weights["c"] * 4)
    assert out.train.digest == skewed.train.digest
    capped = balance(
        skewed, balance=BalanceConfig(method="weights", temperature=0), task=task, seed=1, context=context
    ).class_weights
    assert capped["c"] / capped["a"] == pytest.approx(5)


def test_oversampling_repeats_within_the_cap_and_says_so(skewed: Splits, task: TaskConfig, context: Context) -> None:
    config = BalanceConfig(method="oversample")
    out = balance(skewed, balance=config, task=task, seed=1, context=context)
    assert count(out) == {"a": 100, "b": 50, "c": 20}
    rows = {row["id"]: row for row in out.train.dicts()}
    assert len(rows) == 170
    copies = [row for name, row in rows.items() if "~" in name]
    assert len(copies) == 41
    for row in copies:
        original = rows[row["id"].split("~")[0]]
        assert row["cluster"] == original["cluster"]
        assert row["edits"] == [{"rule": "oversampled", "count": 1}]
        assert row["input"] == original["input"]
    rare = Counter(name.split("~")[0] for name, row in rows.items() if row["target"]["label"] == "c")
    assert set(rare.values()) == {5}
    assert out.train.schema == row_schema(["text"], "label")
    assert out.dev.digest == skewed.dev.digest
    assert out.test.digest == skewed.test.digest


def test_undersampling_drops_with_a_reason(skewed: Splits, task: TaskConfig, context: Context) -> None:
    out = balance(skewed, balance=BalanceConfig(method="undersample"), task=task, seed=1, context=context)
    assert count(out) == {"a": 20, "b": 10, "c": 4}
    assert out.train.rows + out.dropped.rows == 129
    assert {row["reason"] for row in out.dropped.dicts()} == {"undersampled"}
    other = balance(skewed, balance=BalanceConfig(method="undersample"), task=task, seed=2, context=context)
    assert other.train.digest != out.train.digest


def test_golden(skewed: Splits, task: TaskConfig, context: Context) -> None:
    """When this fails and VERSION stayed, stored results are stale: raise VERSION and put in the new digests."""
    over = balance(skewed, balance=BalanceConfig(method="oversample"), task=task, seed=1, context=context)
    under = balance(skewed, balance=BalanceConfig(method="undersample"), task=task, seed=1, context=context)
    assert (VERSION, over.train.digest, under.train.digest) == (
        1,
        "4f4274a3daf7a1eb599ba6e88236614b",
        "b037d291087d816c9226a6ca3122a2a3",
    )
