"""Split: train, dev, calibration and test, so that nothing that belongs together stands on two sides.

Rows of one customer, one conversation or one cluster of near copies form a component, and components move as a whole.
Otherwise the test measures memory: a model that has seen a customer's first complaint knows the second.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from fittingroom.engine import Context
from fittingroom.errors import UserError
from fittingroom.sources.people import PEOPLE
from fittingroom.statistics.folds import apportion, keyed_ranks, tied
from fittingroom.tables import Table, Writer
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.jobs import job_of
from fittingroom.tasks.leaving import placed
from fittingroom.tasks.questions import moments_of
from fittingroom.tasks.recommend import of_moments
from fittingroom.tasks.rows import dropped, in_order, labels
from fittingroom.tasks.whose import Told, not_grouped, people_of, shared
from fittingroom.types import Frozen, Rows, Splits, row_schema

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

VERSION = 3
LIBRARIES = ("pyarrow", "numpy", "scipy")

PARTS = ("train", "dev", "calibration", "test")
_UNDATED = -(2**63)
_NEVER = 2**63 - 1


class SplitConfig(Frozen):
    """Shares of the parts and what must stay together. `train` gets what is left."""

    dev: float = Field(default=0.1, ge=0, lt=1)
    """Share of the rows on which attempts are judged."""
    calibration: float = Field(default=0.05, ge=0, lt=1)
    """Share of the rows on which probabilities are calibrated."""
    test: float = Field(default=0.15, ge=0, lt=1)
    """Share of the rows that only a release is judged on."""
    group_by: list[Literal["group", "cluster"]] = Field(default=["group", "cluster"])
    """What must not be torn apart: `group` (customer, conversation: every column that a source names there) and
    `cluster` (near copies)."""
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
    table = in_order(rows.kept, task)
    people = people_of(table, rows.tables.get(PEOPLE))
    marked = _Marked(table, task, split, seed, [one.codes for one in people if one.tied])
    _refuse_too_few(marked, split)
    parts = _by_time(marked, table, split) if split.by_time else _by_share(marked, split)
    counts = marked.counts(parts)
    _refuse_bad_parts(marked, counts, split)
    context.progress("split", 1, 2)
    proof = _proof(table, marked, parts, split, people)
    tables = _parted(table, task, context, parts)
    classes = {
        part: dict(sorted((name, int(count)) for name, count in zip(marked.names, row, strict=True) if count))
        for part, row in zip(PARTS, counts, strict=True)
    }
    classes = classes if job_of(task).closed else {}
    facts = {
        "in": table.rows,
        "parts": {part: found.rows for part, found in tables.items()},
        "classes": classes,
        "absent": {part: sorted(set(marked.names) - set(found)) for part, found in classes.items() if found},
        "components": len(marked.sizes),
        "largest_component": int(marked.sizes.max(initial=0)),
        "proof": proof,
        **not_grouped(people, parts),
        **({} if job_of(task).closed else {"free": True}),
        **({"moments": True} if of_moments(task) else {}),
    }
    context.progress("split", 2, 2)
    return Splits(**tables, dropped=dropped(row_schema(task.input, task.target).empty_table(), task, {}), facts=facts)


class _Marked:
    """What decides where a row goes: its component and its class, as numbers."""

    def __init__(
        self, table: Table, task: TaskConfig, config: SplitConfig, seed: int, also: Sequence[NDArray[np.int64]]
    ) -> None:
        """`also`: what sources name under `group` besides the first column, as numbers by row."""
        import numpy as np
        import pyarrow as pa

        met: dict[str, int] = {}
        closed = job_of(task).closed
        self.label: NDArray[np.int64] = np.empty(table.rows, dtype=np.int64)
        for part, rows in placed(table):
            names = labels(rows, task) if closed else [""] * rows.num_rows
            self.label[part] = [met.setdefault(name, len(met)) for name in names]
        self.names = list(met)
        """Class by number; one without a name where answers are free."""
        columns = [_codes(table, column) for column in config.group_by]
        if of_moments(task):
            columns.append(moments_of(table))
        first = tied([*columns, *(also if "group" in config.group_by else ())], table.rows)
        heads, component = np.unique(first, return_inverse=True)
        self.component: NDArray[np.int64] = component
        """Number of the component of each row, by first rows."""
        self.sizes: NDArray[np.int64] = np.bincount(component)
        # A component is named by the smallest id in it: rows are sorted by id, so that is its first.
        self.ranks = keyed_ranks(seed, table.column("id").take(pa.array(heads)).to_pylist())

    def counts(self, parts: NDArray[np.int8]) -> NDArray[np.int64]:
        """Rows by part and class [4, classes]."""
        import numpy as np

        cells = parts.astype(np.int64) * len(self.names) + self.label
        found: NDArray[np.int64] = np.bincount(cells, minlength=len(PARTS) * len(self.names))
        return found.reshape(len(PARTS), len(self.names))


def _codes(table: Table, column: str) -> NDArray[np.int64]:
    """A number for each different value of a text column, -1 for none."""
    import numpy as np

    encoded = table.column(column).combine_chunks().dictionary_encode()
    return np.asarray(encoded.indices.fill_null(-1), dtype=np.int64)


def _by_share(marked: _Marked, config: SplitConfig) -> NDArray[np.int8]:
    part: NDArray[np.int8] = apportion(marked.component, marked.label, config.shares, marked.ranks)[marked.component]
    return part


def _by_time(marked: _Marked, table: Table, config: SplitConfig) -> NDArray[np.int8]:
    """Test from the newest components, dev and calibration from the newest of the rest; a component is as new as its
    newest row, so that no row of train is newer than all of the test."""
    import numpy as np

    times = _times(table)
    if not len(times) or times.max() == _UNDATED:
        raise UserError(
            "the split shall go by time, but no row has one: name the time column of a source (`time:`) or set "
            "`split.by_time` to false",
            "要求按时间划分，但没有任何一行带有时间：请在数据源中指定时间列（`time:`），"
            "或将 `split.by_time` 设为 false",
            place="split.by_time",
        )
    # Rows without a time cannot be shown to be new: they count as the oldest.
    newest = np.full(len(marked.sizes), times[times > _UNDATED].min())
    np.maximum.at(newest, marked.component, times)
    order = np.lexsort((marked.ranks[:, 1], marked.ranks[:, 0], newest))[::-1]
    wanted = {"test": config.test * len(times), "later": (config.dev + config.calibration) * len(times)}
    part = np.zeros(len(marked.sizes), dtype=np.int8)
    later = np.zeros(len(marked.sizes), dtype=np.bool_)
    for component, size in zip(order.tolist(), marked.sizes[order].tolist(), strict=True):
        slot = next((slot for slot in ("test", "later") if wanted[slot] >= size / 2), "train")
        if slot == "train":
            break  # once a row of a later part is passed over, no older one may enter it
        if slot != "test":
            wanted["test"] = 0.0
        wanted[slot] -= size
        part[component] = 3
        later[component] = slot == "later"
    rows = np.flatnonzero(later[marked.component])
    if len(rows):
        own, inside = np.unique(marked.component[rows], return_inverse=True)
        shares = [config.dev, config.calibration]
        part[own] = 1 + apportion(inside, marked.label[rows], shares, marked.ranks[own])
    found: NDArray[np.int8] = part[marked.component]
    return found


def _times(table: Table) -> NDArray[np.int64]:
    """Microseconds of every row; the smallest number there is for a row without a time."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    return np.asarray(pc.fill_null(table.column("time").cast(pa.int64()), _UNDATED), dtype=np.int64)


def _proof(
    table: Table, marked: _Marked, parts: NDArray[np.int8], config: SplitConfig, people: Sequence[Told]
) -> dict[str, int]:
    """How many clusters and groups stand in more than one part, taken from the result; what a source names under
    `group` besides the first column counts as one. AssertionError, a fault of ours, when one does that `group_by` holds
    together. `newer_in_train`: rows of train that are newer than the oldest of the test; `older_in_test`: rows of the
    test that are older than the newest of train. There are some wherever a customer stayed for long."""
    proof = {f"shared_{column}": shared(_codes(table, column), parts) for column in ("cluster", "group")}
    proof["shared_group"] += sum(shared(one.codes, parts) for one in people if one.tied)
    torn = [column for column in config.group_by if proof[f"shared_{column}"]]
    if torn:
        raise AssertionError(f"the split tears {' and '.join(torn)} apart: {proof}")
    if config.by_time:
        times = _times(table)
        train, test = times[parts == 0], times[parts == 3]
        oldest, newest = test[test > _UNDATED].min(initial=_NEVER), train.max(initial=_UNDATED)
        proof["newer_in_train"] = int((train > oldest).sum())
        proof["older_in_test"] = int(((test > _UNDATED) & (test < newest)).sum())
    return proof


def _parted(table: Table, task: TaskConfig, context: Context, parts: NDArray[np.int8]) -> dict[str, Table]:
    """The tables of the parts, streamed to files of their own in the action's scratch folder."""
    import pyarrow as pa

    schema = row_schema(task.input, task.target)
    folder = Path(tempfile.mkdtemp(prefix="parted-", dir=context.scratch))
    with ExitStack() as open_files:
        files = [open_files.enter_context(Writer(folder / f"{part}.parquet", schema)) for part in PARTS]
        for place, rows in placed(table):
            for number, file in enumerate(files):
                file.write(rows.filter(pa.array(parts[place] == number)))
    return {part: file.table() for part, file in zip(PARTS, files, strict=True)}


def _refuse_too_few(marked: _Marked, config: SplitConfig) -> None:
    import numpy as np

    free = marked.names in ([], [""])
    rows, need = len(marked.label), max(1, len(marked.names)) * (config.min_per_class + 1)
    if rows < need:
        classes = ("", "") if free else (f" for {len(marked.names)} classes", f"训练 {len(marked.names)} 个类别")
        raise UserError(
            f"{rows} rows are too few{classes[0]}: at least {need} are needed, {need - rows} are missing",
            f"{rows} 行数据不足以{classes[1] or '训练'}：至少需要 {need} 行，还缺 {need - rows} 行",
            place="split",
        )
    _refuse_classes(marked.names, np.bincount(marked.label), config)


def _refuse_bad_parts(marked: _Marked, counts: NDArray[np.int64], config: SplitConfig) -> None:
    filled = counts.sum(axis=1)
    short = bool((counts[0] < config.min_per_class).any())
    empty = [part for part, share, rows in zip(PARTS, config.shares, filled, strict=True) if share > 0 and not rows]
    if empty and "train" not in empty and not short:
        rows, largest = len(marked.label), int(marked.sizes.max())
        raise UserError(
            f"no row is left for {', '.join(empty)}: {rows} rows, of which {largest} hang together by "
            f"{' and '.join(config.group_by) or 'nothing'}; add rows, set the share to 0, or shorten `split.group_by`",
            f"{', '.join(empty)} 分不到任何数据：共 {rows} 行，其中 {largest} 行因 "
            f"{'、'.join(config.group_by) or '无'} 连在一起；请增加数据、把该比例设为 0，或缩短 `split.group_by`",
            place="split",
        )
    _refuse_classes(marked.names, counts[0], config)
    _refuse_thin_parts(marked.names, counts, config)


def _refuse_thin_parts(names: Sequence[str], counts: NDArray[np.int64], config: SplitConfig) -> None:
    """Say which class lacks how many rows in which part, and how many new rows of it would fill that."""
    missing = [
        (part, name, config.min_per_part - int(row[names.index(name)]), share)
        for part, share, row in zip(PARTS[1:], config.shares[1:], counts[1:], strict=True)
        for name in sorted(names)
        if share > 0 and row[names.index(name)] < config.min_per_part
    ]
    if not missing:
        return
    told = "; ".join(f"{name!r} in {part}: {lacks}" for part, name, lacks, _ in missing[:20])
    told_zh = "；".join(f"{name!r} 在 {part}：{lacks}" for part, name, lacks, _ in missing[:20])
    more = f" and {len(missing) - 20} more" if len(missing) > 20 else ""
    more_zh = f"，另有 {len(missing) - 20} 处" if len(missing) > 20 else ""
    rows = max(math.ceil(lacks / share) for _, _, lacks, share in missing)
    raise UserError(
        f"each class needs {config.min_per_part} rows in every part; missing: {told}{more}. About {rows} more rows of "
        "such a class would do; or raise the share of the part, or lower `split.min_per_part`",
        f"每个类别在每个部分至少需要 {config.min_per_part} 行；还缺：{told_zh}{more_zh}。"
        f"每个这样的类别约需再补充 {rows} 行；也可提高该部分的比例，或调低 `split.min_per_part`",
        place="split.min_per_part",
    )


def _refuse_classes(names: Sequence[str], counts: NDArray[np.int64], config: SplitConfig) -> None:
    short = {name: config.min_per_class - int(count) for name, count in zip(names, counts, strict=True)}
    told = ", ".join(f"{name!r}: {missing}" for name, missing in sorted(short.items()) if missing > 0)
    told_zh = "，".join(f"{name!r}：{missing}" for name, missing in sorted(short.items()) if missing > 0)
    if not told:
        return
    if list(names) == [""]:
        raise UserError(
            f"train needs {config.min_per_class} rows, and {short['']} of them are missing: add rows, or make the "
            "other parts smaller (`split.dev`, `split.calibration`, `split.test`)",
            f"训练部分至少需要 {config.min_per_class} 行，还缺 {short['']} 行：请补充数据，或缩小其他部分"
            "（`split.dev`、`split.calibration`、`split.test`）",
            place="split",
        )
    raise UserError(
        f"each class needs {config.min_per_class} rows in train; missing: {told}. Add rows of these classes, merge "
        "them into others with `task.aliases`, or lower `split.min_per_class`",
        f"每个类别在训练部分至少需要 {config.min_per_class} 行；还缺：{told_zh}。请补充这些类别的数据，"
        "用 `task.aliases` 并入其他类别，或调低 `split.min_per_class`",
        place="split.min_per_class",
    )
