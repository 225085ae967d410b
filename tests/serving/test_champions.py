"""Following the alias: hot swap, warm rollback, a release that cannot be loaded."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fittingroom.errors import StoreError
from fittingroom.serving.champions import Champions
from fittingroom.serving.metrics import Metrics
from fittingroom.serving.registry import move_alias, register, rollback
from fittingroom.types import Release
from serving.fakes import FakePredictor


class Loader:
    """Makes predictors, counts them, and can be told to wait or to fail."""

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        self.bad: set[str] = set()

    def __call__(self, release: Release) -> FakePredictor:
        self.loaded.append(release.bundle)
        assert self.gate.wait(20)
        if release.bundle in self.bad:
            raise StoreError("is damaged", "已损坏", place=release.bundle)
        return FakePredictor()


def deployed(root: Path, bundle: str) -> None:
    version = register(root, bundle=bundle, run=bundle, name="n", base="nano", metrics={}).version
    move_alias(root, "champion", version)


def served(champions: Champions) -> str:
    now = champions.current("champion")
    assert now is not None
    return now.release.bundle


def eventually(true: Callable[[], bool]) -> bool:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.01)
    return False


def test_nothing_deployed_is_an_error_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="alias champion"):
        Champions(tmp_path, Loader()).follow()


def test_the_old_one_answers_until_the_new_one_is_whole(tmp_path: Path) -> None:
    deployed(tmp_path, "one")
    loader, metrics = Loader(), Metrics()
    champions = Champions(tmp_path, loader, metrics=metrics)
    champions.follow()
    old = champions.current("champion")
    loader.gate.clear()
    deployed(tmp_path, "two")
    assert served(champions) == "one"
    assert eventually(lambda: loader.loaded == ["one", "two"])
    assert [served(champions) for _ in range(20)] == ["one"] * 20
    assert loader.loaded == ["one", "two"], "loaded once, however many asked"
    loader.gate.set()
    assert eventually(lambda: served(champions) == "two")
    assert old is not None
    assert old.predictor is not champions.current("champion").predictor  # type: ignore[union-attr]
    page = metrics.page().decode()
    assert 'fittingroom_release{alias="champion"} 2.0' in page
    assert 'fittingroom_swaps_total{alias="champion",outcome="done"} 1.0' in page
    champions.close()


def test_a_rollback_is_immediate_and_loads_nothing(tmp_path: Path) -> None:
    deployed(tmp_path, "one")
    loader = Loader()
    champions = Champions(tmp_path, loader)
    champions.follow()
    deployed(tmp_path, "two")
    assert eventually(lambda: served(champions) == "two")
    rollback(tmp_path)
    assert served(champions) == "one"
    assert loader.loaded == ["one", "two"]


def test_only_so_many_are_kept_warm(tmp_path: Path) -> None:
    loader = Loader()
    deployed(tmp_path, "one")
    champions = Champions(tmp_path, loader, warm=2)
    for bundle in ("one", "two", "three"):
        deployed(tmp_path, bundle)
        champions.follow()
    rollback(tmp_path)
    rollback(tmp_path)
    champions.follow()
    assert loader.loaded == ["one", "two", "three", "one"]


def test_a_release_that_cannot_be_loaded_changes_nothing_and_is_tried_once(tmp_path: Path) -> None:
    deployed(tmp_path, "one")
    loader, metrics = Loader(), Metrics()
    champions = Champions(tmp_path, loader, metrics=metrics)
    champions.follow()
    loader.bad = {"two"}
    deployed(tmp_path, "two")
    assert served(champions) == "one"
    assert eventually(lambda: 'outcome="failed"} 1.0' in metrics.page().decode())
    time.sleep(0.1)
    for _ in range(10):
        assert served(champions) == "one"
    assert loader.loaded.count("two") == 1
    deployed(tmp_path, "three")
    assert eventually(lambda: served(champions) == "three")


def test_a_damaged_alias_file_keeps_the_old_one(tmp_path: Path) -> None:
    deployed(tmp_path, "one")
    champions = Champions(tmp_path, Loader())
    champions.follow()
    (tmp_path / "registry" / "aliases.json").write_text("{")
    assert served(champions) == "one"
    champions.close()
    assert served(champions) == "one"


def test_the_watcher_follows_without_requests(tmp_path: Path) -> None:
    deployed(tmp_path, "one")
    loader = Loader()
    champions = Champions(tmp_path, loader)
    champions.follow()
    champions.watch(0.02)
    deployed(tmp_path, "two")
    assert eventually(lambda: loader.loaded == ["one", "two"])
    champions.close()


def test_an_alias_that_is_not_served_is_unknown(tmp_path: Path) -> None:
    deployed(tmp_path, "one")
    champions = Champions(tmp_path, Loader())
    assert champions.current("champion") is None or served(champions) == "one"
    with pytest.raises(KeyError):
        champions.current("challenger")
    champions.close()
