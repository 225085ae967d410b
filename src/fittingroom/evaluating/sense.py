"""What a recipe asks of judging that can never be met, or changes nothing: refused before any row is read."""

from __future__ import annotations

from fittingroom.evaluating.config import EvaluateConfig, FewShotConfig, TuneConfig
from fittingroom.evaluating.gate_config import GateConfig
from fittingroom.evaluating.latency import FEWEST, TELLING
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.recommend import HISTORY

_TEXTS = ("length", "script", "source", "time")


def refuse_senseless(task: TaskConfig, evaluate: EvaluateConfig, gate: GateConfig) -> None:
    """Raises ValueError that names the key."""
    _slices(task, gate)
    _without_effect(task, evaluate)
    if gate.latency_ms is not None:
        fewest = TELLING if gate.decide == "bound" else FEWEST
        if evaluate.latency_rows < fewest:
            raise ValueError(
                f"gate.latency_ms has a limit, but evaluate.latency_rows is {evaluate.latency_rows}: raise it to "
                f"{fewest} at least"
            )


def slices_of(task: TaskConfig) -> tuple[str, ...]:
    """The kinds of slices that a report of this job holds."""
    if task.kind == "recommend":
        return ("goods", "customer", "history", "source") if HISTORY in task.input else ("goods", "source")
    if task.kind != "classify":
        return _TEXTS
    return (*_TEXTS, "class", "frequency", *(("scope",) if task.none_of_these is not None else ()))


def _slices(task: TaskConfig, gate: GateConfig) -> None:
    known = slices_of(task)
    for by, floor in gate.slices.items():
        if by not in known:
            hint = "; scope needs task.none_of_these" if by == "scope" and task.kind == "classify" else ""
            raise ValueError(
                f"gate.slices.{by} has a floor, but this task of the kind {task.kind} has no such slices; it has: "
                f"{', '.join(known)}{hint}"
            )
        if by == "class" and task.labels is not None:
            strange = sorted(set(floor.only) - {*task.labels, task.none_of_these})
            if strange:
                raise ValueError(
                    f"gate.slices.class.only holds {', '.join(strange)}, which task.labels does not hold: it holds "
                    f"{', '.join(task.labels)}"
                )


def _without_effect(task: TaskConfig, evaluate: EvaluateConfig) -> None:
    set_here = {
        "encoder": evaluate.encoder is not None,
        "few_shot": evaluate.few_shot != FewShotConfig(),
        "head": evaluate.head != TuneConfig(),
    }
    for name, is_set in set_here.items():
        if is_set and name not in evaluate.baselines:
            raise ValueError(
                f"evaluate.{name} says how the baseline {name} is made, but evaluate.baselines does not hold it: add "
                "it there, or take the section out"
            )
    free = task.kind in ("reply", "copywrite")
    if not free and evaluate.generated_rows != EvaluateConfig.model_fields["generated_rows"].default:
        raise ValueError(
            f"evaluate.generated_rows is of free answers, and a task of the kind {task.kind} has none: take it out"
        )
