"""Split: train, dev, calibration and test, so that nothing that belongs together stands on two sides.

Rows of one customer, one conversation or one cluster of near copies form a component, and components move as a whole.
Otherwise the test measures memory: a model that has seen a customer's first complaint knows the second.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from fittingroom.engine import Context
from fittingroom.errors import UserError
from fittingroom.statistics.folds import assign, components, keyed_order
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.rows import dropped, labels, ordered, take
from fittingroom.types import Frozen, Rows, Splits

if TYPE_CHECKING:
    import pyarrow as pa

VERSION = 1
LIBRARIES = ("pyarrow",)

PARTS = ("train", "dev", "calibration", "test")


class SplitConfig(Frozen):
    """Shares of the parts and what must stay together. `train` gets what is left."""

    dev: float = Field(default=0.1, ge=0, lt=1)
    """Share of the rows on which attempts are judged."""
    calibration: float = Field(default=0.05, ge=0, lt=1)
    """Share of the rows on which probabilities are calibrated."""
    test: float = Field(default=0.15, ge=0, lt=1)
    """Share of the rows that only a release is judged on."""
    group_by: list[Literal["group", "cluster"]] = Field(default=["group", "cluster"])
    """What must not be torn apart: `group` (customer, conversation) and `cluster` (near copies)."""
    by_time: bool = False
    """Whether the newest rows are the test, and the newest of the others dev and calibration, as in production."""
    min_per_class: int = Field(default=2, ge=1)
    """Rows that each class needs in train."""
    min_per_part: int = Field(default=0, ge=0)
    """Rows that each class needs in every other part that was asked for; 0 lets a part do without a class, and says so
    under `absent`."""

    @model_validator(mode="after")
    def _room_for_train(self) -> SplitConfig:
        if self.dev + self.calibration + self.test >= 1:
            raise ValueError("dev, calibration and test together must leave a share for train (their sum is below 1)")
        return self

    @property
    def shares(self) -> list[float]:
        """Shares in the order of `PARTS`."""
        return [1 - self.dev - self.calibration - self.test, self.dev, self.calibration, self.test]


def split(rows: Rows, *, split: SplitConfig, task: TaskConfig, seed: int, context: Context) -> Splits:
    """Four parts, stratified by label, grouped, reproducible by seed and independent of the order of rows.

    Raises UserError when there are fewer rows than classes, when a class has too few rows for train (or, with
    `min_per_part`, for another part), when a part that was asked for stays empty, and when the split shall go by time
    but rows have none. AssertionError, a fault of ours, when the result tears apart what `group_by` holds together.
    """
    table = ordered(rows.kept.arrow(), task)
    names = labels(table, task)
    _refuse_too_few(names, split)
    ids: list[str] = table.column("id").to_pylist()
    groups = components(*(table.column(column).to_pylist() for column in split.group_by), ids=ids)
    if split.by_time:
        parts = _by_time(groups, names, table.column("time").to_pylist(), split, seed)
    else:
        parts = assign(groups, names, split.shares, seed=seed)
    largest = max(Counter(groups).values())
    _refuse_bad_parts(parts, names, split, largest)
    context.progress("split", 1, 1)
    tables = {
        part: take(table, task, [index for index, found in enumerate(parts) if found == number])
        for number, part in enumerate(PARTS)
    }
    counts = {
        part: dict(sorted(Counter(name for name, found in zip(names, parts, strict=True) if found == number).items()))
        for number, part in enumerate(PARTS)
    }
    proof = {f"shared_{column}": _shared(table, column, parts) for column in ("cluster", "group")}
    torn = [column for column in split.group_by if proof[f"shared_{column}"]]
    if torn:
        raise AssertionError(f"the split tears {' and '.join(torn)} apart: {proof}")
    if split.by_time:
        proof["newer_in_train"] = _newer(table.column("time").to_pylist(), parts)
    facts = {
        "in": table.num_rows,
        "parts": {part: found.rows for part, found in tables.items()},
        "classes": counts,
        "absent": {part: sorted(set(names) - set(found)) for part, found in counts.items() if tables[part].rows},
        "components": len(set(groups)),
        "largest_component": largest,
        "proof": proof,
    }
    return Splits(**tables, dropped=dropped(table, task, {}), facts=facts)


def _by_time(
    groups: Sequence[str], names: Sequence[str], times: Sequence[Any], config: SplitConfig, seed: int
) -> list[int]:
    """Test from the newest components, dev and calibration from the newest of the rest; a component is as new as its
    newest row, so that no row of train is newer than all of the test."""
    known = [time for time in times if time is not None]
    if not known:
        raise UserError(
            "the split shall go by time, but no row has one: name the time column of a source (`time:`) or set "
            "`split.by_time` to false",
            "要求按时间划分，但没有任何一行带有时间：请在数据源中指定时间列（`time:`），"
            "或将 `split.by_time` 设为 false",
            place="split.by_time",
        )
    newest: dict[str, Any] = {}
    sizes = Counter(groups)
    for group, time in zip(groups, times, strict=True):
        if time is not None and (group not in newest or time > newest[group]):
            newest[group] = time
    undated = min(known)  # rows without a time cannot be shown to be new: they count as the oldest
    order = sorted(sizes, key=lambda group: (newest.get(group, undated), keyed_order(seed, group)), reverse=True)
    wanted = {"test": config.test * len(groups), "later": (config.dev + config.calibration) * len(groups)}
    place: dict[str, str] = {}
    for group in order:
        slot = next((slot for slot in ("test", "later") if wanted[slot] >= sizes[group] / 2), "train")
        if slot != "test":
            wanted["test"] = 0.0  # once a row of the test is passed over, no older one may enter it
        if slot == "train":
            wanted["later"] = 0.0
        wanted[slot] = wanted.get(slot, 0.0) - sizes[group]
        place[group] = slot
    later = [index for index, group in enumerate(groups) if place[group] == "later"]
    parts = [3 if place[group] == "test" else 0 for group in groups]
    if later:
        inside = assign(
            [groups[index] for index in later],
            [names[index] for index in later],
            [config.dev, config.calibration],
            seed=seed,
        )
        for index, part in zip(later, inside, strict=True):
            parts[index] = 1 + part
    return parts


def _shared(table: pa.Table, column: str, parts: Sequence[int]) -> int:
    """How many values of a column stand in more than one part: the proof, taken from the result."""
    seen: dict[str, set[int]] = {}
    for value, part in zip(table.column(column).to_pylist(), parts, strict=True):
        if value is not None:
            seen.setdefault(value, set()).add(part)
    return sum(len(found) > 1 for found in seen.values())


def _newer(times: Sequence[Any], parts: Sequence[int]) -> int:
    """How many rows of train are newer than every row of the test."""
    newest = max(
        (time for time, part in zip(times, parts, strict=True) if part == 3 and time is not None), default=None
    )
    if newest is None:
        return 0
    return sum(time is not None and time > newest for time, part in zip(times, parts, strict=True) if part == 0)


def _refuse_too_few(names: Sequence[str], config: SplitConfig) -> None:
    counts = Counter(names)
    if len(names) < len(counts) * (config.min_per_class + 1):
        need = len(counts) * (config.min_per_class + 1)
        raise UserError(
            f"{len(names)} rows are too few for {len(counts)} classes: at least {need} are needed, "
            f"{need - len(names)} are missing",
            f"{len(names)} 行数据不足以训练 {len(counts)} 个类别：至少需要 {need} 行，还缺 {need - len(names)} 行",
            place="split",
        )
    short = {name: config.min_per_class - count for name, count in counts.items() if count < config.min_per_class}
    if short:
        _refuse_classes(short, config)


def _refuse_bad_parts(parts: Sequence[int], names: Sequence[str], config: SplitConfig, largest: int) -> None:
    train = Counter(name for name, part in zip(names, parts, strict=True) if part == 0)
    short = {name: config.min_per_class - train[name] for name in set(names) if train[name] < config.min_per_class}
    filled = Counter(parts)
    empty = [part for number, part in enumerate(PARTS) if config.shares[number] > 0 and not filled[number]]
    if empty and "train" not in empty and not short:
        raise UserError(
            f"no row is left for {', '.join(empty)}: {len(parts)} rows, of which {largest} hang together by "
            f"{' and '.join(config.group_by) or 'nothing'}; add rows, set the share to 0, or shorten `split.group_by`",
            f"{', '.join(empty)} 分不到任何数据：共 {len(parts)} 行，其中 {largest} 行因 "
            f"{'、'.join(config.group_by) or '无'} 连在一起；请增加数据、把该比例设为 0，或缩短 `split.group_by`",
            place="split",
        )
    if short:
        _refuse_classes(short, config)
    _refuse_thin_parts(parts, names, config)


def _refuse_thin_parts(parts: Sequence[int], names: Sequence[str], config: SplitConfig) -> None:
    """Say which class lacks how many rows in which part, and how many new rows of it would fill that."""
    counts = Counter(zip(parts, names, strict=True))
    missing = [
        (part, name, config.min_per_part - counts[number, name], share)
        for number, (part, share) in enumerate(zip(PARTS, config.shares, strict=True))
        for name in sorted(set(names))
        if number and share > 0 and counts[number, name] < config.min_per_part
    ]
    if not missing:
        return
    told = "; ".join(f"{name!r} in {part}: {lacks}" for part, name, lacks, _ in missing[:20])
    more = f" and {len(missing) - 20} more" if len(missing) > 20 else ""
    rows = max(math.ceil(lacks / share) for _, _, lacks, share in missing)
    raise UserError(
        f"each class needs {config.min_per_part} rows in every part; missing: {told}{more}. About {rows} more rows of "
        "such a class would do; or raise the share of the part, or lower `split.min_per_part`",
        f"每个类别在每个部分至少需要 {config.min_per_part} 行；还缺：{told}{more}。每个这样的类别约需再补充 {rows} 行；"
        "也可提高该部分的比例，或调低 `split.min_per_part`",
        place="split.min_per_part",
    )


def _refuse_classes(short: dict[str, int], config: SplitConfig) -> None:
    told = ", ".join(f"{name!r}: {missing}" for name, missing in sorted(short.items()))
    raise UserError(
        f"each class needs {config.min_per_class} rows in train; missing: {told}. Add rows of these classes, merge "
        "them into others with `task.aliases`, or lower `split.min_per_class`",
        f"每个类别在训练部分至少需要 {config.min_per_class} 行；还缺：{told}。请补充这些类别的数据，"
        "用 `task.aliases` 并入其他类别，或调低 `split.min_per_class`",
        place="split.min_per_class",
    )
