"""The job of a task, by its kind. A new kind is a file beside this one and a line in `_JOBS`."""

from __future__ import annotations

from collections.abc import Collection

from fittingroom.errors import RecipeError
from fittingroom.tasks import classify, copywrite, recommend, reply
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.job import Job

_JOBS: dict[str, Job] = {
    classify.JOB.kind: classify.JOB,
    reply.JOB.kind: reply.JOB,
    recommend.JOB.kind: recommend.JOB,
    copywrite.JOB.kind: copywrite.JOB,
}


def job_of(task: TaskConfig) -> Job:
    """What a task does; see `job_of_kind`."""
    return job_of_kind(task.kind)


def job_of_kind(kind: str) -> Job:
    """What tasks of this kind do. Raises RecipeError for a kind that this version does not know."""
    found = _JOBS.get(kind)
    if found is None:
        known = ", ".join(sorted(_JOBS))
        raise RecipeError(
            f"this version does not know the kind {kind!r}; it knows: {known}",
            f"当前版本不支持任务类型 {kind!r}；支持：{known}",
            place="task.kind",
        )
    return found


def job_judged_by(metrics: Collection[str]) -> Job | None:
    """The first job that has all these metrics; None for no metric, or where no job has them."""
    return next((job for job in _JOBS.values() if metrics and set(metrics) <= set(job.metrics)), None)
