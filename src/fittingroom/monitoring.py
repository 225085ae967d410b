"""`monitor`: recorded traffic against the rows that the deployed release was judged on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from fittingroom.config import RunConfig
from fittingroom.engine import Context, ProgressSink
from fittingroom.errors import StoreError
from fittingroom.history import History
from fittingroom.serving.recorder import FOLDER, read_traffic
from fittingroom.stages.deploy import alias_target
from fittingroom.stages.monitor import DriftReport, compare, reference_of
from fittingroom.store import Store
from fittingroom.types import EvalReport, Release, Splits


def compare_traffic(
    root: Path, config: RunConfig, *, alias: str, secret: bytes, progress: ProgressSink, now: datetime | None = None
) -> DriftReport:
    """Compare the last `monitor.days` of requests to an alias with the release's own test part.

    Raises StoreError when nothing is deployed, or when the rows of the release's run are gone from the store.
    """
    release = alias_target(root, alias)
    reference, splits = _judged(root, release)
    since = (now or datetime.now(UTC)) - timedelta(days=config.monitor.days)
    traffic = read_traffic(root / FOLDER, since=since, alias=alias, release=release.version)
    context = Context(root=root, scratch=root, secret=secret, progress=progress)
    return compare(
        reference_of(reference, splits.parts()[reference.part], config.task),
        traffic.table,
        monitor=config.monitor,
        seed=config.seed,
        context=context,
    )


def _judged(root: Path, release: Release) -> tuple[EvalReport, Splits]:
    """The report that let the release through, and the parts it was judged on."""
    history, store = History(root), Store(root)
    digests = history.summary(history.find(release.run)).digests
    report, splits = digests.get("evaluate.test"), digests.get("balance")
    if not report or not splits or not store.has(report) or not store.has(splits):
        raise StoreError(
            "the rows this release was judged on are gone from the store; run its recipe again to make them",
            "该版本评判所用的数据已不在存储中；请重新运行其配方",
            place=f"release {release.version}, run {release.run}",
        )
    return store.load(report, EvalReport), store.load(splits, Splits)
