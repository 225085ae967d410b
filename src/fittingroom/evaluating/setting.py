"""What a judge and a baseline may use, and what all of them do alike."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from fittingroom.engine import Context
from fittingroom.errors import FittingroomError, RecipeError, UserError
from fittingroom.evaluating.config import ApiBaselineConfig, EvaluateConfig
from fittingroom.models.endpoint_config import EndpointConfig, allowed
from fittingroom.serving.registry import CHAMPION
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.types import Bundle, Splits

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fittingroom.serving.predictor import Predictor

FAILURES = (Exception,)
"""What a measurement beside our model's own may fail of: a device that runs out of memory, a file that is gone or torn,
a model that does not fit its tokenizer. Libraries raise what they like, so it is anything: its reason is told in the
report, and the rest of the report stands."""
_BATCH = 128  # rows handed to the predictor at a time: enough to sort by length, few enough to show progress


@dataclass(frozen=True)
class Setting:
    """One judgement: which bundle on which part, under which recipe."""

    bundle: Bundle
    splits: Splits
    part: Literal["dev", "test"]
    config: EvaluateConfig
    task: TaskConfig
    seed: int
    context: Context
    alias: str = CHAMPION
    """The alias behind which the former champion stands."""
    endpoints: Mapping[str, EndpointConfig] = field(default_factory=dict)
    """Chat APIs that may be asked."""

    @property
    def rows(self) -> Table:
        """The part that is judged."""
        return self.splits.parts()[self.part]

    def predictor(self, weights: Literal["bundle", "base"] = "bundle") -> Predictor:
        """The bundle's predictor, with its own weights or with those of the base before. The caller drops it before the
        next one is loaded: two large models at once would not fit a card.
        """
        from fittingroom.serving.predictor import Predictor

        folder, context = self.bundle.folder.path, self.context
        return Predictor.load(
            folder, threads=context.threads, weights=weights, root=context.root, secret=context.secret
        )

    def sample(self, ids: Sequence[str], most: int | None = None) -> list[int]:
        """Places of at most `most` (else `untuned_rows`) of the rows with these ids, ascending: for contestants that
        are slow or cost money.
        """
        order = sorted(range(len(ids)), key=lambda place: lot(ids[place], self.seed))
        return sorted(order[: self.config.untuned_rows if most is None else most])

    def hosted(self) -> tuple[ApiBaselineConfig, EndpointConfig]:
        """How the hosted model is asked, and where. Raises RecipeError where the recipe does not say, or names an
        endpoint that is not on the list.
        """
        config = self.config.api
        if config is None:
            raise RecipeError("say which endpoint is asked", "请指明所用接口", place="evaluate.api")
        return config, allowed(self.endpoints, config.endpoint, "evaluate.api.endpoint")


class Spoken(NamedTuple):
    """What a contestant said where answers are free."""

    places: list[int]
    """In the exam: the rows that it answered."""
    texts: list[str]
    facts: dict[str, Any] = {}  # noqa: RUF012 - never written to
    """For `facts.baseline_facts`: what it cost, what was cut, why rows are unscored."""


class Ordered(NamedTuple):
    """What a contestant put in which order where goods are ranked."""

    lists: list[list[str] | None]
    """By question, best first; None for one that it was not asked, or gave no order for."""
    facts: dict[str, Any] = {}  # noqa: RUF012 - never written to
    """For `facts.baseline_facts`."""


def unbalanced(splits: Splits) -> Table:
    """Train as it was before it was balanced: baselines learn from the classes as they come, each row once."""
    import polars as pl

    train = splits.train.frame()
    copied = pl.col("edits").list.eval(pl.element().struct.field("rule") == "oversampled").list.any()
    left_out = splits.dropped.frame().filter(pl.col("reason") == "undersampled")
    return Table.of(pl.concat([train.filter(~copied.fill_null(False)), left_out.select(train.columns)]))


def in_batches(
    score: Callable[[Sequence[dict[str, str]]], np.ndarray], inputs: list[dict[str, str]], what: str, context: Context
) -> NDArray[np.float64]:
    """[n, k] probabilities by `score`, in batches so that progress can be seen.

    Rounded to six digits: what is left differs between machines in the order of additions only.
    """
    import numpy as np

    done: list[NDArray[np.float64]] = []
    for start in range(0, len(inputs), _BATCH):
        done.append(np.asarray(score(inputs[start : start + _BATCH]), dtype=np.float64))
        context.progress(what, min(start + _BATCH, len(inputs)), len(inputs))
    together: NDArray[np.float64] = np.concatenate(done)
    return together.round(6)


def truncated(cuts: Sequence[int]) -> dict[str, float]:
    """For `facts.truncated`: of how many judged rows the input was cut, their share, and the tokens cut in all."""
    rows = sum(cut > 0 for cut in cuts)
    return {"rows": rows, "share": round(rows / max(1, len(cuts)), 4), "tokens": sum(cuts)}


def nothing_to_judge(part: str, rows: Table) -> UserError:
    """The error for a part without a row that could be judged."""
    return UserError(
        f"none of its {rows.rows} rows can be judged: add labelled rows, or raise `split.{part}`",
        f"{rows.rows} 行中没有一行可以评判：请补充带标签的数据，或调大 `split.{part}`",
        place=part,
    )


def nothing_finite(part: str, rows: int) -> UserError:
    """The error for a model that gave no number on any of the labelled rows."""
    return UserError(
        f"the model gave no finite number on any of its {rows} labelled rows: train again with train.precision=fp32; "
        "where it stays so, the weights are broken: download the base model again, or take another",
        f"模型在 {rows} 行带标签的数据上没有给出任何有限的数值：请用 train.precision=fp32 重新训练；"
        "若仍然如此，则是权重损坏：请重新下载基座模型，或换一个",
        place=part,
    )


def why(error: Exception) -> str:
    """One line; of a foreign error the class alone, for its text may quote a customer's words."""
    if isinstance(error, FittingroomError):
        return " ".join(str(error).split())
    return f"internal error: {type(error).__name__}"


def why_zh(error: Exception) -> str:
    """The same in Chinese."""
    return error.text("zh") if isinstance(error, FittingroomError) else f"内部错误：{type(error).__name__}"


def untold(error: Exception) -> dict[str, str]:
    """Why something could not be measured, in both languages: `error` and `error_zh` of a score or of facts."""
    return {"error": why(error), "error_zh": why_zh(error)}


def lot(row: str, seed: int) -> str:
    """A row's place in the draw: the same in every run, in no relation to its content."""
    return hashlib.blake2b(f"{seed}:{row}".encode(), digest_size=8).hexdigest()
