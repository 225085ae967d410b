"""Balance: only the training part moves, within limits, and every copy says what it is."""

from __future__ import annotations

import math
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
        4,
        "4f4274a3daf7a1eb599ba6e88236614b",
        "b037d291087d816c9226a6ca3122a2a3",
    )


def test_tempered_meets_in_the_middle(skewed: Splits, task: TaskConfig, context: Context) -> None:
    config = BalanceConfig(method="tempered", max_factor=3)
    out = balance(skewed, balance=config, task=task, seed=1, context=context)
    # p is proportional to the root of n: 10, 5, 2 of 17 parts of 129 rows; the rarest class is held at three times 4.
    assert count(out) == {"a": 76, "b": 38, "c": 12}
    assert out.dropped.rows == 24
    assert {row["reason"] for row in out.dropped.dicts()} == {"undersampled"}
    copies = [row for row in out.train.dicts() if "~" in row["id"]]
    assert out.train.rows - len(copies) + out.dropped.rows == 129
    assert {row["target"]["label"] for row in copies} == {"b", "c"}
    assert out.dev.digest == skewed.dev.digest
    assert out.test.digest == skewed.test.digest


@pytest.mark.parametrize("method", ["weights", "oversample", "undersample", "tempered"])
def test_the_prior_shift_undoes_what_balancing_did(
    skewed: Splits, task: TaskConfig, context: Context, method: Any
) -> None:
    out = balance(skewed, balance=BalanceConfig(method=method), task=task, seed=1, context=context)
    met = {name: rows * out.class_weights.get(name, 1.0) for name, rows in count(out).items()}
    shift = out.facts["prior_shift"]
    believed = {name: rows * math.exp(shift[name]) for name, rows in met.items()}
    for name, rows in COUNTS.items():
        assert believed[name] / sum(believed.values()) == pytest.approx(rows / 129, rel=1e-4)
    assert shift["c"] < 0 < shift["a"]
    kept = BalanceConfig(method=method, correct_prior=False)
    assert "prior_shift" not in balance(skewed, balance=kept, task=task, seed=1, context=context).facts


def test_no_shift_where_nothing_was_balanced(skewed: Splits, task: TaskConfig, context: Context) -> None:
    assert set(balance(skewed, balance=BalanceConfig(), task=task, seed=1, context=context).facts) == {
        "method",
        "labels",
        "in",
        "before",
        "after",
        "weights",
    }


def test_augmented_rows_say_so_and_stay_in_their_group(
    make_rows: Callable[..., Rows], as_splits: Make, task: TaskConfig, context: Context
) -> None:
    found = [
        {
            "text": f"这件衣服的质量真的很好,物流也快,客服 {n} 号很耐心",
            "label": "a",
            "cluster": f"c{n}",
            "group": f"g{n}",
        }
        for n in range(20)
    ]
    rare = [
        {
            "text": f"the parcel number {n} is really very late, just please tell me why, nobody at the shop does",
            "label": "b",
            "cluster": f"d{n}",
            "group": "h",
        }
        for n in range(4)
    ]
    splits = as_splits(make_rows([*found, *rare, {"text": "坏", "label": "b"}]), {"train": range(25), "dev": range(25)})
    config = BalanceConfig(method="oversample", temperature=0, augment=0.2)
    out = balance(splits, balance=config, task=task, seed=1, context=context)
    rows = {row["id"]: row for row in out.train.dicts()}
    copies = [row for name, row in rows.items() if "~" in name]
    moved = [row for row in copies if any(one["rule"] == "augmented" for one in row["edits"])]
    assert len(copies) == 15
    assert out.facts["augmented"] == len(moved) == 12, "three copies of the shortest text cannot be varied"
    for row in copies:
        original = rows[row["id"].split("~")[0]]
        assert (row["group"], row["cluster"]) == (original["group"], original["cluster"])
        assert (row["input"] != original["input"]) == (row in moved)
        assert any(one["rule"] == "oversampled" for one in row["edits"])
    assert len({row["input"]["text"] for row in moved}) > 8
    assert not any(row["edits"] for name, row in rows.items() if "~" not in name)
    assert out.dev.digest == splits.dev.digest
