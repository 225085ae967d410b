"""What a recipe leaves out, as the kind of its job wants it."""

from __future__ import annotations

from typing import Any

from fittingroom.evaluating.config import STANDARD
from fittingroom.tasks.jobs import job_of_kind

_Sections = dict[str, dict[str, Any]]


def filled(values: Any) -> Any:
    """Plain values of a recipe with the defaults of its job; what it says itself stays. Values that are no mapping, or
    that name no known job, are left to whoever checks them.
    """
    task = values.get("task") if isinstance(values, dict) else None
    kind = task.get("kind") if isinstance(task, dict) else getattr(task, "kind", None)
    if kind not in STANDARD or kind == "classify":  # the defaults of the sections are those of classify
        return values
    wanted = _judged(kind)
    if kind == "recommend" and isinstance(task, dict) and not _graded(task):
        wanted |= _of_moments(values)
    whole = dict(values)
    for section, defaults in wanted.items():
        said = values.get(section, {})
        if isinstance(said, dict):
            whole[section] = defaults | said
    return whole


def _judged(kind: str) -> _Sections:
    """The metric and the baselines that belong to the kind of job."""
    ours = list(STANDARD[kind])
    metric = job_of_kind(kind).metrics[0]
    return {"evaluate": {"baselines": ours}, "gate": {"metric": metric, "better_than": ours}}


def _of_moments(values: dict[str, Any]) -> _Sections:
    """Where rows are moments of customers, equal ones are no copies, and likeness ties nobody together. Where they have
    times, the newest are the test: what a customer bought before may be learnt then, as in service.
    """
    split = values.get("split")
    by_time = _dated(values.get("sources")) and not (isinstance(split, dict) and split.get("by_time") is False)
    parted = {"by_time": True, "group_by": []} if by_time else {"group_by": ["group"]}
    return {"dedup": {"method": "none"}, "split": parted}


def _graded(task: dict[str, Any]) -> bool:
    settings = task.get("recommend")
    return isinstance(settings, dict) and bool(settings.get("grade"))


def _dated(sources: Any) -> bool:
    """Whether a source of events has times: named in the recipe, or those of a log."""
    if not isinstance(sources, list):
        return False
    events = [one for one in sources if isinstance(one, dict) and one.get("role") == "events"]
    return any(one.get("time") or one.get("kind") in ("weblog", "social") for one in events)
