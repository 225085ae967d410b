"""Dedup: keep one row of each set of near copies, and remember who belongs together.

Domain data repeats itself: one complaint, many customers. Copies over-weigh their topic and leak from train into test.
Two thresholds with two jobs: above `threshold` a row is a copy and goes (unless label, numbers or negations differ);
above the lower `cluster_threshold`, with numbers and names masked, rows stay but share a `cluster`, which `split` keeps
on one side.

The table is streamed and what is compared lies on disk (see `tasks.wordings`, `text.bands`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from fittingroom.engine import Context
from fittingroom.sources.people import PEOPLE
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.copies import EXACT, NEAR, Marked, counted, exact_copies, near_copies
from fittingroom.tasks.families import families
from fittingroom.tasks.leaving import Change, Gone, parted, with_column
from fittingroom.tasks.recommend import of_moments
from fittingroom.tasks.reference import KNOWN, REFERENCE, Reference
from fittingroom.tasks.rows import in_order
from fittingroom.tasks.wordings import Distinct, Wordings
from fittingroom.text.bands import Bands
from fittingroom.types import Frozen, Rows

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

VERSION = 3
LIBRARIES = ("pyarrow", "rensa", "numpy", "scipy")


class DedupConfig(Frozen):
    """What counts as a copy, and what only belongs together."""

    method: Literal["near", "exact", "none"] = "near"
    """`near`: copies by Jaccard index; `exact`: same wording but for case, width, spaces and punctuation; `none`:
    nothing goes. Clusters are made in any case."""
    threshold: float = Field(default=0.8, ge=0.5, le=1)
    """Share of character 5-grams that two texts have in common to be copies."""
    cluster_threshold: float = Field(default=0.6, ge=0.3, le=1)
    """The same share, with numbers and names masked, from which rows must not be torn apart by `split`."""
    largest_cluster: float = Field(default=0.1, gt=0, le=1)
    """Share of all rows that a cluster may reach before its threshold is raised: likeness is not transitive, and chains
    of it can tie a whole data set together."""


def dedup(rows: Rows, *, dedup: DedupConfig, task: TaskConfig, context: Context) -> Rows:
    """Rows without copies; dropped: "exact duplicate", "near duplicate" with the surviving twin and the Jaccard index.

    Of a set of copies the row with the most annotations stays, then the longest text, then the smallest id; its
    `dup_count` grows by those of the rows it stands for. Rows that differ in label, numbers or negations never merge.
    Copies of what is in the table "reference" go first: "copy of a reference row", with its id.
    """
    table = in_order(rows.kept, task)
    with (
        Wordings(table, task, context.scratch / "wordings", context, what="dedup") as said,
        Bands([dedup.threshold, dedup.cluster_threshold], context.scratch / "bands") as bands,
    ):
        marked = Marked(table, task, said)
        gone = Gone(said.rows, [EXACT, NEAR, KNOWN])
        wordings = Distinct(said)
        place = wordings.sketch(bands)
        near = dedup.method == "near" and dedup.threshold < 1
        ids, told = marked.ids, dict[str, int]()
        if REFERENCE in rows.tables and dedup.method != "none":
            with Reference(rows.tables[REFERENCE], task, context.scratch / "reference", context, marked) as known:
                known.exact(marked, said, gone)
                if near:
                    known.near(marked, said, place[wordings.of_key], bands, dedup.threshold, gone)
                ids = known.after(marked.ids)
                told = {"reference": known.rows, "known": gone.by_reason().get(KNOWN, 0)}
        if dedup.method != "none":
            exact_copies(marked, said, gone)
        pairs = near_copies(marked, said, place[wordings.of_key], bands, dedup.threshold, gone) if near else 0
        found = families(
            wordings, place, bands, copy=dedup.threshold, like=dedup.cluster_threshold, most=dedup.largest_cluster
        )
    kept, dropped = parted(table, task, context, gone, ids, _noted(marked, gone, found.first))
    facts = {
        "in": table.rows,
        "kept": kept.rows,
        "exact": gone.by_reason().get(EXACT, 0),
        "near": gone.by_reason().get(NEAR, 0),
        "pairs": pairs,
        "pairs_passed_over": bands.passed_over,
        "dropped_by_reason": gone.by_reason(),
        **found.facts,
        **told,
        **({"moments": True} if of_moments(task) else {}),
    }
    people = {PEOPLE: rows.tables[PEOPLE]} if PEOPLE in rows.tables else {}
    return Rows(kept=kept, dropped=dropped, tables=people, facts=facts)


def _noted(marked: Marked, gone: Gone, first: NDArray[np.int64]) -> Change:
    """What is written into the rows: the cluster, named by the smallest id in it, and how many rows each stands for."""
    counts = counted(marked.counts, gone)

    def change(rows: pa.Table, part: slice) -> pa.Table:
        import pyarrow as pa

        rows = with_column(rows, "cluster", marked.ids.take(pa.array(first[part])))
        return with_column(rows, "dup_count", pa.array(counts[part]))

    return change
