"""Rows that are moments of customers: what is alike there is no copy, and only a torn moment is a leak."""

from __future__ import annotations

from typing import Any

from fittingroom.config import RunConfig
from fittingroom.engine import Context
from fittingroom.pitfalls.data import duplicates, leaked_test_examples, resampled_before_split, texts_that_say_nothing
from fittingroom.stages.dedup import dedup
from fittingroom.stages.split import split
from fittingroom.tables import Table
from fittingroom.types import Rows, Splits, dropped_schema
from shopping import rows, task

OF = task(rebuy=True)
CONFIG = {
    "task": OF.model_dump(mode="json"),
    "sources": [{"kind": "csv", "path": "sales.csv", "role": "events", "group": "who", "time": "day"}],
}


def purchases(customers: int, days: int) -> list[dict[str, Any]]:
    """Everybody buys the same two things on each day, having bought them the day before."""
    return [
        {"group": f"c{who}", "day": day, "history": "milk; bread" if day else "", "title": title}
        for who in range(customers)
        for day in range(days)
        for title in ("milk", "bread")
    ]


def prepared(found: list[dict[str, Any]]) -> Rows:
    kept = rows(found, OF)
    return Rows(kept=kept, dropped=Table.records([], dropped_schema(kept.schema)), facts={"gathered": {}})


def parted(context: Context, **sections: Any) -> tuple[RunConfig, Rows, Splits]:
    config = RunConfig.model_validate({**CONFIG, **sections})
    stays = dedup(prepared(purchases(25, 8)), dedup=config.dedup, task=OF, context=context)
    return config, stays, split(stays, split=config.split, task=OF, seed=1, context=context)


GROUPED = {"by_time": False}


def test_likeness_is_left_alone(context: Context) -> None:
    config, stays, parts = parted(context, split=GROUPED)
    assert (config.dedup.method, config.split.group_by) == ("none", ["group"])
    assert stays.kept.rows == 400
    assert not list(texts_that_say_nothing.detect(prepared(purchases(9, 1)), texts_that_say_nothing.Settings()))
    assert not list(duplicates.detect(stays, duplicates.Settings()))
    assert not list(resampled_before_split.detect(parts, resampled_before_split.Settings()))
    assert not list(leaked_test_examples.detect(parts, leaked_test_examples.Settings()))


def test_no_moment_is_torn_by_time(context: Context) -> None:
    config, _, parts = parted(context)
    assert (config.split.by_time, config.split.group_by) == (True, []), "where events have times, so it is"
    whole = {name: {(row["group"], row["time"]) for row in part.dicts()} for name, part in parts.parts().items()}
    for name, part in parts.parts().items():
        assert part.rows == 2 * len(whole[name])
    assert min(time for _, time in whole["test"]) >= max(time for _, time in whole["train"])
    assert not list(leaked_test_examples.detect(parts, leaked_test_examples.Settings()))


def test_a_torn_moment_is_a_leak(context: Context) -> None:
    _, _, parts = parted(context, split=GROUPED)
    first = parts.train.arrow().slice(0, 40)
    torn = parts.model_copy(update={"dev": Table.of(first)})
    [found] = leaked_test_examples.detect(torn, leaked_test_examples.Settings())
    assert found.measured["shared_group"] == 40
    used = {"split": {"group_by": []}, "dedup": {"method": "none", "threshold": 0.8, "cluster_threshold": 0.6}}
    cure = leaked_test_examples.remedy(found, used)
    assert cure is not None
    assert cure.patch == {"split.group_by": ["group"]}


def test_without_times_customers_stay_whole() -> None:
    timeless = [{"kind": "csv", "path": "sales.csv", "role": "events", "group": "who"}]
    config = RunConfig.model_validate({**CONFIG, "sources": timeless})
    assert (config.split.by_time, config.split.group_by) == (False, ["group"])


def test_what_the_recipe_says_stays() -> None:
    said = {"dedup": {"method": "exact"}, "split": {"group_by": ["group", "cluster"]}}
    config = RunConfig.model_validate({**CONFIG, **said})
    assert (config.dedup.method, config.split.group_by) == ("exact", ["group", "cluster"])
    graded = task(["query", "grade"], grade="grade").model_dump(mode="json")
    config = RunConfig.model_validate({**CONFIG, "task": graded})
    assert (config.dedup.method, config.split.group_by) == ("near", ["group", "cluster"])
