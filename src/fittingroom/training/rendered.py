"""The rendered rows of a training, measured: how long a row may be, its tokens, and how passes lay rows out."""

from __future__ import annotations

import statistics
from typing import Any

from fittingroom.engine import Context
from fittingroom.errors import RecipeError
from fittingroom.models.render import Renderer
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.jobs import job_of
from fittingroom.training import plan as rules
from fittingroom.training.config import TrainConfig
from fittingroom.training.enough import check_rows
from fittingroom.training.passes import Layout
from fittingroom.training.replay import General, per_step
from fittingroom.training.rows import Batches, Encoded, answer_room, encode, refuse_long_answers
from fittingroom.training.worded import why_laid
from fittingroom.types import Splits

_LAID = 8
"""Steps on which the layout is tried out."""


def rendered(
    splits: Splits,
    train: TrainConfig,
    task: TaskConfig,
    renderer: Renderer,
    reads: int,
    chosen: dict[str, str],
    context: Context,
) -> tuple[int, Encoded]:
    """Tokens of a row at most, and the training rows, cut to them; what is chosen here is told in `chosen`.

    `reads`: tokens that the base model reads at most. Raises RecipeError where nothing can be learnt.
    """
    labels = job_of(task).labels(splits, task)
    check_rows(splits, labels)
    context.progress("render", 0, splits.train.rows)
    refuse_long_answers(splits.train, task=task, labels=labels, renderer=renderer, reads=reads)
    length = _length(splits, train, task, labels, renderer, reads, chosen)
    rows = encode(
        splits.train, task=task, labels=labels, renderer=renderer, max_length=length,
        class_weights=splits.class_weights, learning=True,
    )  # fmt: skip
    context.progress("render", len(rows), len(rows))
    return length, rows


def _length(
    splits: Splits,
    train: TrainConfig,
    task: TaskConfig,
    labels: list[str],
    renderer: Renderer,
    reads: int,
    chosen: dict[str, str],
) -> int:
    """Tokens of prompt and answer."""
    room = answer_room(task, labels, renderer, splits.train)
    if train.max_length != "auto":
        if train.max_length > reads:
            raise RecipeError(
                f"the base model reads {reads} tokens at most: choose a smaller value",
                f"基础模型最多可读 {reads} 个 token：请改用更小的值",
                place=f"train.max_length = {train.max_length}",
            )
        return train.max_length
    whole = encode(splits.train, task=task, labels=labels, renderer=renderer, max_length=reads, learning=True)
    # Every row is cut as if its answer were the longest label, so that is the length that counts.
    length, chosen["max_length"] = rules.max_length([start + room for start in whole.answer_starts], reads)
    return length


def tokens_of(rows: Encoded) -> dict[str, float]:
    """See `Plan.tokens`."""
    lengths = sorted(len(ids) for ids in rows.ids)
    return {
        "rows": float(len(lengths)),
        "mean": round(statistics.fmean(lengths), 2),
        "p95": float(lengths[min(len(lengths) - 1, int(0.95 * len(lengths)))]),
        "max": float(lengths[-1]),
        "truncated": float(rows.truncated),
        "all_masked": float(sum(rows.answer_tokens(row) == 0 for row in range(len(rows)))),
        "answer_tokens": float(sum(rows.answer_tokens(row) for row in range(len(rows)))),
    }


def replayed(extra: General | None, train: TrainConfig, batch: int) -> dict[str, float]:
    """See `Plan.replay`."""
    if extra is None or train.replay is None:
        return {}
    lengths = [len(ids) for ids in extra.rows.ids]
    share = train.replay.share
    return {
        "rows": float(len(lengths)),
        "too_long": float(extra.too_long),
        "held_out": float(extra.held_out),
        "per_step": float(per_step(share, batch)),
        "tokens": round(statistics.fmean(lengths), 2),
        "longest": float(max(lengths)),
        "share": share,
    }


def laid(rows: Encoded, layout: Layout, batch: int, seed: int) -> dict[str, Any]:
    """What the passes of the first steps look like (see `Plan.layout`)."""
    learnt = rows.only(rows.with_loss())
    if not len(learnt):
        return {}
    steps = Batches([len(ids) for ids in learnt.ids], batch_size=batch, seed=seed).epoch_batches(0)[:_LAID]
    made = [layout.lay([learnt.ids[row] for row in step]) for step in steps]
    kinds = [one.kind for one in made]
    kind = max(sorted(set(kinds)), key=kinds.count)
    several = any(layout.holds_several(one.order) for one in made)
    own = sum(sum(one.order.lengths) for one in made)
    computed = sum(one.computed for one in made)
    why = why_laid(kind, layout, several)
    return {
        "kind": kind,
        "why": why.en,
        "why_zh": why.zh,
        "computed": round(computed / own, 4),
        "passes": round(statistics.fmean(len(one.passes) for one in made), 2),
        "tokens_per_step": round(computed / len(made), 1),
    }
