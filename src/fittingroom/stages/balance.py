"""Balance: how often each class is met in training. Only the training part is touched: the other parts keep the mix of
the world, or their scores would speak of another one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from fittingroom.engine import Context
from fittingroom.statistics.folds import keyed_order
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.rows import Drop, dropped, labels, ordered, take, with_edits
from fittingroom.types import Frozen, Splits

if TYPE_CHECKING:
    import pyarrow as pa

VERSION = 1
LIBRARIES = ("pyarrow",)


class BalanceConfig(Frozen):
    """How far classes are brought together."""

    method: Literal["none", "weights", "oversample", "undersample"] = "none"
    """`weights`: rare classes weigh more in the loss; `oversample`: their rows are repeated; `undersample`: rows of
    common classes are left out."""
    temperature: float = Field(default=0.5, ge=0, le=1)
    """Classes are drawn with p ∝ n^temperature: 1 leaves them as they are, 0 makes them equal."""
    max_factor: float = Field(default=5.0, ge=1)
    """No class is weighted, repeated or thinned out by more than this: twenty copies of a row teach it by heart."""


def balance(splits: Splits, *, balance: BalanceConfig, task: TaskConfig, seed: int, context: Context) -> Splits:
    """The training part balanced, or class weights whose mean over the training rows is 1; all else passes unchanged.

    Repeated rows carry the id of the row with `~1`, `~2`, …, its group and cluster, and the edit "oversampled"; rows
    left out are dropped as "undersampled". Which ones is decided by a keyed hash of the id.
    """
    table = ordered(splits.train.arrow(), task)
    names = labels(table, task)
    before = Counter(names)
    wanted = _wanted(before, balance)
    train, drops, weights = table, dict[int, Drop](), dict[str, float]()
    if balance.method == "weights":
        weights = _weights(before, wanted)
    elif balance.method == "oversample":
        train = _repeated(table, names, wanted, task, seed)
    elif balance.method == "undersample":
        drops = _left_out(table, names, wanted, seed)
        train = take(table, task, [index for index in range(len(names)) if index not in drops]).arrow()
    after = Counter(labels(train, task))
    context.progress("balance", 1, 1)
    facts = {
        "method": balance.method,
        "in": table.num_rows,
        "before": dict(sorted(before.items())),
        "after": dict(sorted(after.items())),
        "weights": weights,
    }
    return Splits(
        train=Table.of(ordered(train, task)),
        dev=splits.dev,
        calibration=splits.calibration,
        test=splits.test,
        dropped=dropped(table, task, drops),
        review=splits.review,
        class_weights=weights,
        facts=facts,
    )


def _wanted(counts: Mapping[str, int], config: BalanceConfig) -> dict[str, float]:
    """Rows each class should have, from the largest class (from the smallest, when thinning out), within the cap."""
    if not counts:
        return {}
    least = config.method == "undersample"
    anchor = min(counts.values()) if least else max(counts.values())
    wanted = {name: anchor * (count / anchor) ** config.temperature for name, count in counts.items()}
    if least:
        return {name: max(wanted[name], count / config.max_factor) for name, count in counts.items()}
    return {name: min(wanted[name], count * config.max_factor) for name, count in counts.items()}


def _weights(counts: Mapping[str, int], wanted: Mapping[str, float]) -> dict[str, float]:
    raw = {name: wanted[name] / count for name, count in counts.items()}
    mean = sum(raw[name] * count for name, count in counts.items()) / sum(counts.values())
    return {name: round(value / mean, 9) for name, value in sorted(raw.items())}


def _by_hash(table: pa.Table, names: Sequence[str], seed: int) -> dict[str, list[int]]:
    """Indices of each class, in the order of the keyed hash of their ids."""
    ids = table.column("id").to_pylist()
    order = sorted(range(len(ids)), key=lambda index: keyed_order(seed, ids[index]))
    found: dict[str, list[int]] = {}
    for index in order:
        found.setdefault(names[index], []).append(index)
    return found


def _repeated(
    table: pa.Table, names: Sequence[str], wanted: Mapping[str, float], task: TaskConfig, seed: int
) -> pa.Table:
    """Every row as often as every other of its class, but for one."""
    import pyarrow as pa

    copies: list[tuple[int, int]] = []
    for name, members in _by_hash(table, names, seed).items():
        extra = round(wanted[name]) - len(members)
        copies += [(members[place % len(members)], place // len(members) + 1) for place in range(extra)]
    if not copies:
        return table
    again = table.take(pa.array([index for index, _ in copies], type=pa.int64()))
    ids = [f"{name}~{number}" for name, (_, number) in zip(again.column("id").to_pylist(), copies, strict=True)]
    again = again.set_column(again.schema.get_field_index("id"), "id", pa.array(ids, type=pa.string()))
    again = with_edits(again, task, {index: ["oversampled"] for index in range(len(copies))})
    return pa.concat_tables([table, again])


def _left_out(table: pa.Table, names: Sequence[str], wanted: Mapping[str, float], seed: int) -> dict[int, Drop]:
    return {
        index: Drop("undersampled")
        for name, members in _by_hash(table, names, seed).items()
        for index in members[max(1, round(wanted[name])) :]
    }
