"""Evaluate: one part of the data, judged through the road that serves it, beside baselines on the same rows.

A score alone says little: the report sets it beside the most frequent answer, a linear model on TF-IDF features that
trains in seconds, and the base model before tuning. Each comparison is paired (both on the same rows and the same
bootstrap replicates), so that a small difference can be told from luck. How answers are judged depends on the job and
lies in the room `evaluating`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from fittingroom.engine import Context
from fittingroom.errors import FittingroomError
from fittingroom.evaluating import forgetting, judged
from fittingroom.evaluating.baselines import champion, encoder
from fittingroom.evaluating.config import EvaluateConfig
from fittingroom.evaluating.judges import JUDGES
from fittingroom.evaluating.setting import FAILURES, Setting, untold, why
from fittingroom.models.endpoint_config import EndpointConfig
from fittingroom.serving.registry import CHAMPION, releases
from fittingroom.sources import preferences
from fittingroom.store import file_sha256
from fittingroom.tasks.config import TaskConfig
from fittingroom.types import Bundle, EvalReport, Frozen, Splits

__all__ = ["EvaluateConfig", "evaluate"]

VERSION = 10
LIBRARIES = ("torch", "transformers", "scikit-learn")


def observes(*, evaluate: EvaluateConfig, deploy: Frozen, context: Context) -> dict[str, str]:
    """What a judgement reads outside the recipe: the champion's bundle, an encoder's folder, a file of texts."""
    seen: dict[str, str] = {}
    if champion.NAME in evaluate.baselines:
        try:
            release = champion.standing(context.root, _alias(deploy))
            seen["champion"] = release.bundle if release else f"none of {len(releases(context.root))}"
        except FittingroomError as error:
            seen["champion"] = why(error)
    if evaluate.encoder is not None and "encoder" in evaluate.baselines:
        seen["encoder"] = encoder.digest(evaluate.encoder, context)
    if evaluate.forgetting.measure and evaluate.forgetting.path is not None:
        path = context.path(evaluate.forgetting.path)
        seen["forgetting"] = file_sha256(path) if path.is_file() else "missing"
    if evaluate.judge is not None and (people := preferences.fingerprint(context.root)):
        seen["people"] = people
    return seen


def fleeting(report: EvalReport) -> bool:
    """Whether an endpoint did not answer: that may be over the next time, so such a report is not recalled."""
    return any(score.name == "api" and score.error for score in report.baselines) or "error" in report.facts.get(
        "judge", {}
    )


def evaluate(
    bundle: Bundle,
    splits: Splits,
    *,
    evaluate: EvaluateConfig,
    task: TaskConfig,
    deploy: Frozen | None = None,
    seed: int,
    part: Literal["dev", "test"],
    context: Context,
    endpoints: Mapping[str, EndpointConfig] | None = None,
) -> EvalReport:
    """Score the bundle and its baselines on one part, by the judge of the job; `deploy` names the champion's alias.

    A baseline that fails keeps its reason in `error`; the rest of the report stands. Raises UserError when no row of
    the part can be judged.
    """
    setting = Setting(bundle, splits, part, evaluate, task, seed, context, _alias(deploy), endpoints or {})
    report = JUDGES[task.kind](setting)
    return report.model_copy(update={"facts": {**report.facts, **_of_all_jobs(setting, report)}})


def _of_all_jobs(setting: Setting, report: EvalReport) -> dict[str, Any]:
    """Facts that do not depend on the kind of job. What cannot be measured tells why under `error`."""
    facts: dict[str, Any] = {}
    if setting.config.forgetting.measure:
        try:
            facts["forgetting"] = forgetting.forgetting(setting)
        except FAILURES as error:
            facts["forgetting"] = untold(error)
    if champion.NAME in setting.config.baselines:
        try:
            facts["champion"] = champion.told(setting)
        except FittingroomError as error:
            facts["champion"] = {"alias": setting.alias, **untold(error)}
    if setting.config.judge is not None:
        try:
            facts["judge"] = judged.judged(setting, report)
        except FAILURES as error:
            facts["judge"] = untold(error)
    return facts


def _alias(deploy: Frozen | None) -> str:
    return str(getattr(deploy, "alias", CHAMPION))
