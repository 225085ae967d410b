"""Free answers on the road: nothing is merged and nothing is in conflict, as two people answer the same in two ways.

What a job must not learn from goes here, with its reason; all else passes through.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fittingroom.engine import Context
from fittingroom.errors import UserError
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.jobs import job_of
from fittingroom.tasks.leaving import Gone, parted, placed

if TYPE_CHECKING:
    import pyarrow as pa


def sorted_out(table: Table, task: TaskConfig, context: Context) -> tuple[Table, Table, dict[str, Any]]:
    """Rows to learn from, rows to leave out with the job's reason, and what is told of it.

    Raises UserError when no row is left: it names the reasons and how many rows went for each.
    """
    import pyarrow as pa

    job = job_of(task)
    reasons: list[str] = []
    ids: list[pa.Array] = []
    for part, rows in placed(table):
        ids += rows.column("id").chunks
        reasons += job.learnable(rows, task)
        context.progress("label", part.stop, table.rows)
    gone = Gone(table.rows, sorted({reason for reason in reasons if reason}))
    for place, reason in enumerate(reasons):
        if reason:
            gone.drop(place, reason)
    counts = gone.by_reason()
    if not table.rows or sum(counts.values()) == table.rows:
        raise _nothing_left(table.rows, counts)
    kept, dropped = parted(table, task, context, gone, pa.chunked_array(ids, pa.string()), lambda found, part: found)
    told = {
        "free": True,
        "in": table.rows,
        "kept": kept.rows,
        "annotated": 0,
        "relabelled": 0,
        "dropped_by_reason": counts,
        "agreement": {},
        "classes": {},
    }
    return kept, dropped, told


def _nothing_left(rows: int, counts: dict[str, int]) -> UserError:
    told = ", ".join(f"{reason}: {count}" for reason, count in counts.items()) or "-"
    return UserError(
        f"none of {rows} rows can be learnt from (rows that went: {told}); check the field names under `task` and in "
        "the sources, and whether the facts that answers speak of are handed in",
        f"{rows} 行数据中没有一行可以用来学习（去掉的行：{told}）；请检查 `task` 与数据源中的字段名，"
        "以及答案所依据的事实是否一并给出",
        place="task",
    )
