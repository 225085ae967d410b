"""Split: grouped, stratified, reproducible, by time when asked, and refusing what cannot work."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from fittingroom.engine import Context
from fittingroom.errors import UserError
from fittingroom.stages.split import VERSION, SplitConfig, split
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.types import Rows, Splits, row_schema

MakeRows = Callable[..., Rows]


def tangled(make_rows: MakeRows, count: int = 600) -> Rows:
    """Customers with several rows, clusters across customers, one rare class."""
    dice = random.Random(5)
    return make_rows(
        [
            {
                "text": f"row {number}",
                "label": "rare" if number % 30 == 0 else dice.choice(["a", "b"]),
                "group": f"g{dice.randrange(count // 2)}" if dice.random() < 0.8 else None,
                "cluster": f"c{dice.randrange(count * 4)}",
            }
            for number in range(count)
        ]
    )


def ids(splits: Splits) -> dict[str, list[str]]:
    return {part: found.arrow()["id"].to_pylist() for part, found in splits.parts().items()}


def test_parts_are_grouped_stratified_and_complete(make_rows: MakeRows, task: TaskConfig, context: Context) -> None:
    rows = tangled(make_rows)
    out = split(rows, split=SplitConfig(), task=task, seed=7, context=context)
    found = ids(out)
    assert sorted(chain.from_iterable(found.values())) == rows.kept.arrow()["id"].to_pylist()
    assert all(part == sorted(part) for part in found.values())
    assert out.facts["proof"] == {"shared_cluster": 0, "shared_group": 0}
    for column in ("group", "cluster"):
        seen: dict[str, set[str]] = {}
        for part, table in out.parts().items():
            for value in table.arrow()[column].to_pylist():
                if value is not None:
                    seen.setdefault(value, set()).add(part)
        assert all(len(parts) == 1 for parts in seen.values())
    shares = {"train": 0.7, "dev": 0.1, "calibration": 0.05, "test": 0.15}
    whole = Counter(row["target"]["label"] for row in rows.kept.dicts())
    for part, share in shares.items():
        assert len(found[part]) / 600 == pytest.approx(share, abs=0.03)
        for name, count in whole.items():
            assert out.facts["classes"][part].get(name, 0) == pytest.approx(share * count, abs=max(3, 0.03 * count))
    assert out.train.schema == row_schema(["text"], "label")
    assert out.dropped.rows == 0


def test_depends_on_the_seed_and_not_on_the_order(make_rows: MakeRows, task: TaskConfig, context: Context) -> None:
    rows = tangled(make_rows)
    order = list(range(600))
    random.Random(1).shuffle(order)
    moved = Rows(kept=Table.of(rows.kept.arrow().take(order)), dropped=rows.dropped)
    first = split(rows, split=SplitConfig(), task=task, seed=7, context=context)
    assert ids(split(moved, split=SplitConfig(), task=task, seed=7, context=context)) == ids(first)
    assert ids(split(rows, split=SplitConfig(), task=task, seed=8, context=context)) != ids(first)


def test_the_proof_shows_a_leak_when_nothing_is_grouped(
    make_rows: MakeRows, task: TaskConfig, context: Context
) -> None:
    rows = make_rows(
        [{"text": f"t{n}", "label": "ab"[n % 2], "cluster": f"c{n // 8}", "group": "g"} for n in range(80)]
    )
    out = split(rows, split=SplitConfig(group_by=[]), task=task, seed=7, context=context)
    assert out.facts["proof"]["shared_cluster"] > 5
    assert out.facts["proof"]["shared_group"] == 1


def test_by_time_tests_on_the_newest(make_rows: MakeRows, task: TaskConfig, context: Context) -> None:
    rows = tangled(make_rows)
    out = split(rows, split=SplitConfig(by_time=True, group_by=["cluster"]), task=task, seed=7, context=context)
    times = {part: sorted(found.arrow()["time"].to_pylist()) for part, found in out.parts().items()}
    assert len(times["test"]) == pytest.approx(90, abs=3)
    assert times["train"][-1] < times["test"][-1]
    assert times["train"][-1] <= max(times["dev"][-1], times["calibration"][-1]) <= times["test"][-1]
    # A component is as new as its newest row: only rows tied to a newer one may be older than the border.
    border = sorted(chain.from_iterable(times.values()))[-100]
    assert sum(time < border for time in times["test"]) < 20
    assert sum(time > border for time in times["train"]) == 0
    assert out.facts["proof"] == {
        "shared_cluster": 0,
        "shared_group": out.facts["proof"]["shared_group"],
        "newer_in_train": sum(time > times["test"][0] for time in times["train"]),
        "older_in_test": sum(time < times["train"][-1] for time in times["test"]),
    }
    assert 0 < out.facts["proof"]["older_in_test"] < 20, "rows that are tied to newer ones"


def test_rows_without_time_count_as_old(make_rows: MakeRows, task: TaskConfig, context: Context) -> None:
    day = datetime(2026, 5, 1, tzinfo=UTC)
    found = [
        {"text": f"t{n}", "label": "ab"[n % 2], "time": None if n < 10 else day + timedelta(days=n)} for n in range(60)
    ]
    out = split(make_rows(found), split=SplitConfig(by_time=True), task=task, seed=1, context=context)
    undated = {f"r{n:03d}" for n in range(10)}
    assert undated <= set(ids(out)["train"])
    with pytest.raises(UserError, match="no row has one"):
        split(
            make_rows([one | {"time": None} for one in found]),
            split=SplitConfig(by_time=True),
            task=task,
            seed=1,
            context=context,
        )


@pytest.mark.parametrize(
    ("labels", "config", "message"),
    [
        ("abcd", {}, "4 rows are too few for 4 classes: at least 12 are needed, 8 are missing"),
        ("a" * 20 + "b", {}, "each class needs 2 rows in train; missing: 'b': 1"),
        ("a" * 20 + "bbb", {"min_per_class": 5}, "each class needs 5 rows in train; missing: 'b': 2"),
        ("aaabbb", {}, "no row is left for"),
    ],
)
def test_refuses_too_few_rows(
    make_rows: MakeRows, task: TaskConfig, context: Context, labels: str, config: dict[str, Any], message: str
) -> None:
    rows = make_rows([(f"t{number}", name) for number, name in enumerate(labels)])
    with pytest.raises(UserError, match=message) as caught:
        split(rows, split=SplitConfig(**config), task=task, seed=1, context=context)
    assert caught.value.place.startswith("split")


def test_refuses_a_part_in_which_a_class_is_thin(make_rows: MakeRows, task: TaskConfig, context: Context) -> None:
    rows = make_rows([(f"t{number}", "rare" if number < 8 else "ab"[number % 2]) for number in range(200)])
    assert split(rows, split=SplitConfig(), task=task, seed=1, context=context).facts["absent"]
    with pytest.raises(UserError, match=r"each class needs 3 rows in every part; missing: .*'rare' in ") as caught:
        split(rows, split=SplitConfig(min_per_part=3), task=task, seed=1, context=context)
    assert caught.value.place == "split.min_per_part"
    counts = split(rows, split=SplitConfig(), task=task, seed=1, context=context).facts["classes"]
    for part in ("dev", "calibration", "test"):
        lacks = 3 - counts[part].get("rare", 0)
        assert (f"'rare' in {part}: {lacks}" in caught.value.en) == (lacks > 0)
    no_calibration = SplitConfig(min_per_part=1, calibration=0, dev=0.25, test=0.25)
    out = split(rows, split=no_calibration, task=task, seed=1, context=context)
    assert min(out.facts["classes"][part]["rare"] for part in ("train", "dev", "test")) >= 1


def test_a_split_that_tears_groups_apart_is_never_put_out(
    make_rows: MakeRows, task: TaskConfig, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "fittingroom.stages.split._by_share", lambda marked, config: np.arange(len(marked.label), dtype=np.int8) % 4
    )
    with pytest.raises(AssertionError, match="tears group and cluster apart"):
        split(tangled(make_rows), split=SplitConfig(), task=task, seed=7, context=context)


def test_one_customer_for_all_is_refused_with_the_reason(
    make_rows: MakeRows, task: TaskConfig, context: Context
) -> None:
    rows = make_rows([{"text": f"t{n}", "label": "ab"[n % 2], "group": "same"} for n in range(40)])
    with pytest.raises(UserError, match="40 hang together by group and cluster"):
        split(rows, split=SplitConfig(), task=task, seed=1, context=context)


def test_shares_must_leave_room_for_train() -> None:
    with pytest.raises(ValidationError, match="leave a share for train"):
        SplitConfig(dev=0.5, test=0.5)


def test_golden(make_rows: MakeRows, task: TaskConfig, context: Context) -> None:
    """When this fails and VERSION stayed, stored results are stale: raise VERSION and put in the new digests."""
    out = split(tangled(make_rows), split=SplitConfig(), task=task, seed=7, context=context)
    assert (VERSION, out.train.digest, out.test.digest) == (
        3,
        "f3ff4605f81f3f2b3b99a20bd005aef3",
        "03bd2ee382cf18c971c39a0031e04b5c",
    )
