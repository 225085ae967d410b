"""Whether there are rows enough to train on, said before anything is loaded or paid."""

from __future__ import annotations

from collections.abc import Sequence

from fittingroom.errors import RecipeError, UserError
from fittingroom.training.rows import Encoded
from fittingroom.types import Splits


def check_rows(splits: Splits, labels: Sequence[str]) -> None:
    """Raises RecipeError for no training rows, no dev rows, or fewer training rows than labels."""
    rows = splits.train.rows
    if not rows:
        raise RecipeError(
            "no training rows are left: look at what the earlier stages dropped, and why",
            "没有剩下任何训练数据：请查看前面各阶段丢弃了哪些数据及原因",
            place="train",
        )
    if not splits.dev.rows:
        raise RecipeError(
            "the dev part is empty, and without it nobody knows which weights are best or when to stop: raise "
            "split.dev or bring more rows",
            "开发集为空，无法判断哪份权重最好、何时停止：请增大 split.dev 或补充数据",
            place="split.dev",
        )
    if rows < len(labels):
        raise RecipeError(
            f"{rows} training rows for {len(labels)} labels: a label without a row cannot be learnt; bring at least a "
            "few rows of every label, or list fewer in task.labels",
            f"{rows} 条训练数据对应 {len(labels)} 个标签：没有数据的标签学不会；请为每个标签至少准备几条数据，"
            "或减少 task.labels",
            place="train",
        )


_NAMES_ZH = {"training": "训练", "dev": "开发集"}


def learnable(rows: Encoded, part: str) -> list[int]:
    """Rows of a part (`training` or `dev`) whose answer fitted. Raises UserError when there are none."""
    kept = rows.with_loss()
    if not kept:
        raise UserError(
            f"no {part} row has room for its answer: raise train.max_length or shorten task.instruction",
            f"没有一条{_NAMES_ZH[part]}数据能放下答案：请增大 train.max_length 或缩短 task.instruction",
            place="train.max_length",
        )
    return kept
