"""Evaluate: one part of the data, judged through the road that serves it, beside baselines on the same rows.

A score alone says little: the report sets it beside the most frequent answer, a linear model on TF-IDF features that
trains in seconds, and the base model before tuning. Each comparison is paired (both on the same rows and the same
bootstrap replicates), so that a small difference can be told from luck. How answers are judged depends on the job and
lies in the room `evaluating`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from fittingroom.engine import Context
from fittingroom.evaluating.config import EvaluateConfig
from fittingroom.evaluating.judges import JUDGES
from fittingroom.evaluating.setting import Setting
from fittingroom.models.endpoint_config import EndpointConfig
from fittingroom.tasks.config import TaskConfig
from fittingroom.types import Bundle, EvalReport, Splits

__all__ = ["EvaluateConfig", "evaluate"]

VERSION = 2
LIBRARIES = ("torch", "transformers", "scikit-learn")


def evaluate(
    bundle: Bundle,
    splits: Splits,
    *,
    evaluate: EvaluateConfig,
    task: TaskConfig,
    seed: int,
    part: Literal["dev", "test"],
    context: Context,
    endpoints: Mapping[str, EndpointConfig] | None = None,
) -> EvalReport:
    """Score the bundle and its baselines on one part, by the judge of the job.

    A baseline that fails keeps its reason in `error`; the rest of the report stands. Raises UserError when no row of
    the part can be judged.
    """
    return JUDGES[task.kind](Setting(bundle, splits, part, evaluate, task, seed, context, endpoints or {}))
