"""What `monitor` says of a window goes through the pitfalls too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fittingroom import monitoring
from fittingroom.config import RunConfig, parse
from fittingroom.stages.monitor import DriftReport
from fittingroom.types import Text

CONFIG: dict[str, Any] = {
    "task": {"kind": "classify", "input": ["text"], "target": "label"},
    "sources": [{"kind": "jsonl", "path": "rows.jsonl", "key": "id"}],
}
CALM = Text(en="nothing to do", zh="无需处理")


def _report(new: int) -> DriftReport:
    """A calm comparison of a hundred requests, of which some got an answer that the reference never had."""
    classes = {"refund": {"reference": 100, "window": 100 - new}, "invoice": {"reference": 0, "window": new}}
    return DriftReport(
        rows_reference=100, rows_window=100, since="", until="", enough=True, drifted=False, signals=[], next=[CALM],
        classes=classes,
    )  # fmt: skip


@pytest.fixture
def monitored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[int, RunConfig], DriftReport]:
    """`compare_traffic` over a release and requests that are only said to be there."""
    part = SimpleNamespace(parts=lambda: {"test": None})
    monkeypatch.setattr(monitoring, "alias_target", lambda root, alias: SimpleNamespace(version=1))
    task = parse(CONFIG, "test").task
    monkeypatch.setattr(monitoring, "_judged", lambda root, release: (task, SimpleNamespace(part="test"), part))
    monkeypatch.setattr(monitoring, "reference_of", lambda report, part, task: None)
    empty = SimpleNamespace(table=SimpleNamespace(rows=0))
    monkeypatch.setattr(monitoring, "read_traffic", lambda folder, **wanted: empty)

    def run(new: int, config: RunConfig) -> DriftReport:
        monkeypatch.setattr(monitoring, "compare", lambda *sides, **wanted: _report(new))
        return monitoring.compare_traffic(
            tmp_path, config, alias="champion", secret=b"key", progress=lambda what, done, total: None
        )

    return run


def test_drift_that_no_signal_shows_is_told_first(monitored: Callable[[int, RunConfig], DriftReport]) -> None:
    report = monitored(6, parse(CONFIG, "test"))

    first, *others = report.next
    assert first.en.startswith("silent-drift: ")
    assert first.zh.startswith("silent-drift：")
    assert others == [CALM]


def test_a_calm_window_and_a_check_that_is_off_say_nothing(
    monitored: Callable[[int, RunConfig], DriftReport],
) -> None:
    assert monitored(0, parse(CONFIG, "test")).next == [CALM]
    off = parse({**CONFIG, "pitfalls": {"disable": ["silent-drift"]}}, "test")
    assert monitored(6, off).next == [CALM]
