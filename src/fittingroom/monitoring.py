"""`monitor`: recorded traffic against the rows that the deployed release was judged on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from fittingroom.config import RunConfig
from fittingroom.engine import Context, ProgressSink
from fittingroom.errors import StoreError, UserError
from fittingroom.history import History
from fittingroom.pitfalls import detect_all
from fittingroom.serving.recorder import FOLDER, read_traffic
from fittingroom.stages.deploy import alias_target
from fittingroom.stages.monitor import DriftReport, compare, reference_of
from fittingroom.store import Store
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.jobs import job_of
from fittingroom.types import EvalReport, Release, Splits, Text


def compare_traffic(
    root: Path, config: RunConfig, *, alias: str, secret: bytes, progress: ProgressSink, now: datetime | None = None
) -> DriftReport:
    """Compare the last `monitor.days` of requests to an alias with the release's own test part.

    What the release was asked, and in which fields, its own run says; the recipe of today only says how to compare.
    Raises StoreError when nothing is deployed, or when the rows of the release's run are gone from the store.
    """
    release = alias_target(root, alias)
    task, reference, splits = _judged(root, release)
    if not job_of(task).closed:
        raise UserError(
            f"what is compared are labels and how sure the model is of them; a task of the kind {task.kind} has "
            "neither. Its requests lie in `requests/`",
            f"监控比较的是标签及其置信度；{task.kind} 类型的任务两者都没有。其请求记录在 `requests/` 中",
            place=f"release {release.version}",
        )
    since = (now or datetime.now(UTC)) - timedelta(days=config.monitor.days)
    wanted = partial(read_traffic, root / FOLDER, since=since, alias=alias, release=release.version)
    context = Context(root=root, scratch=root, secret=secret, progress=progress)
    report = compare(
        reference_of(reference, splits.parts()[reference.part], task),
        wanted().table,
        monitor=config.monitor,
        seed=config.seed,
        context=context,
    )
    findings = detect_all(report, "monitor", settings=config.pitfalls.settings, disabled=config.pitfalls.disable)
    told = [
        Text(en=f"{finding.pitfall}: {finding.summary.en}", zh=f"{finding.pitfall}：{finding.summary.zh}")
        for finding in findings
    ]
    return report.model_copy(update={"chats": wanted(route="chat").table.rows, "next": [*told, *report.next]})


def _judged(root: Path, release: Release) -> tuple[TaskConfig, EvalReport, Splits]:
    """The task of the release, the report that let it through, and the parts it was judged on."""
    history, store = History(root), Store(root)
    folder = history.find(release.run)
    digests = history.summary(folder).digests
    report, splits = digests.get("evaluate.test"), digests.get("balance")
    if not report or not splits or not store.has(report) or not store.has(splits):
        raise StoreError(
            "the rows this release was judged on are gone from the store; run its recipe again to make them",
            "该版本评判所用的数据已不在存储中；请重新运行其配方",
            place=f"release {release.version}, run {release.run}",
        )
    return history.config(folder).task, store.load(report, EvalReport), store.load(splits, Splits)
