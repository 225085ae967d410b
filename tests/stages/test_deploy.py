"""The registry: no version is lost, nothing is torn, a rollback goes back."""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from fittingroom.errors import StoreError
from fittingroom.serving.registry import _create
from fittingroom.stages.deploy import (
    DeployConfig,
    alias_target,
    aliases,
    deploy,
    move_alias,
    register,
    release_of,
    releases,
    rollback,
)


def made(root: Path, number: int, run: str = "") -> int:
    release = register(
        root, bundle=f"b{number}", run=run or f"r{number}", name="reviews", base="nano", metrics={"test.macro_f1": 0.5}
    )
    return release.version


def test_versions_count_from_one_and_keep_what_was_said(tmp_path: Path) -> None:
    assert releases(tmp_path) == []
    assert [made(tmp_path, number) for number in (1, 2, 3)] == [1, 2, 3]
    second = release_of(tmp_path, 2)
    assert (second.bundle, second.run, second.name, second.base) == ("b2", "r2", "reviews", "nano")
    assert second.metrics == {"test.macro_f1": 0.5}
    assert [release.version for release in releases(tmp_path)] == [1, 2, 3]
    assert sorted(path.name for path in (tmp_path / "registry" / "releases").iterdir()) == [
        "0001.json",
        "0002.json",
        "0003.json",
    ]


def test_a_bundle_is_released_once(tmp_path: Path) -> None:
    assert made(tmp_path, 1) == 1
    before = (tmp_path / "registry" / "releases" / "0001.json").read_bytes()
    assert made(tmp_path, 1) == 1
    assert (tmp_path / "registry" / "releases" / "0001.json").read_bytes() == before
    assert made(tmp_path, 1, run="another") == 1
    assert made(tmp_path, 2, run="another") == 2


def test_alias_moves_keeps_previous_and_rolls_back_step_by_step(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        move_alias(tmp_path, "champion", made(tmp_path, number))
    assert alias_target(tmp_path, "champion").version == 3
    assert alias_target(tmp_path, "previous").version == 2
    assert rollback(tmp_path, "champion").version == 2
    assert alias_target(tmp_path, "previous").version == 1
    assert rollback(tmp_path, "champion").version == 1
    with pytest.raises(StoreError, match="no earlier release"):
        rollback(tmp_path, "champion")
    assert alias_target(tmp_path, "champion").version == 1
    assert [(move.how, move.to) for move in aliases(tmp_path)["champion"].moves] == [
        ("deploy", 1),
        ("deploy", 2),
        ("deploy", 3),
        ("rollback", 2),
        ("rollback", 1),
    ]


def test_moving_to_where_it_points_changes_nothing(tmp_path: Path) -> None:
    for number in (1, 2):
        move_alias(tmp_path, "champion", made(tmp_path, number))
    before = (tmp_path / "registry" / "aliases.json").read_bytes()
    move_alias(tmp_path, "champion", 2)
    assert (tmp_path / "registry" / "aliases.json").read_bytes() == before
    assert rollback(tmp_path).version == 1


def test_other_aliases_stand_beside(tmp_path: Path) -> None:
    for number in (1, 2):
        made(tmp_path, number)
    move_alias(tmp_path, "champion", 1)
    move_alias(tmp_path, "challenger", 2)
    assert alias_target(tmp_path, "champion").version == 1
    assert alias_target(tmp_path, "challenger").version == 2
    with pytest.raises(StoreError):
        alias_target(tmp_path, "previous")


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="alias champion"):
        alias_target(tmp_path, "champion")
    with pytest.raises(StoreError, match="no release 7"):
        move_alias(tmp_path, "champion", 7)
    assert aliases(tmp_path) == {}
    made(tmp_path, 1)
    for name in ("previous", "../x", "", "A", "a" * 64):
        with pytest.raises(StoreError, match="cannot be the name"):
            move_alias(tmp_path, name, 1)
    with pytest.raises(ValidationError):
        DeployConfig(alias="previous")


@pytest.mark.parametrize("content", ["", '{"version": 1', "[]", '{"version": 2}', "\x00\x00"])
def test_a_damaged_release_is_named(tmp_path: Path, content: str) -> None:
    move_alias(tmp_path, "champion", made(tmp_path, 1))
    (tmp_path / "registry" / "releases" / "0001.json").write_text(content)
    with pytest.raises(StoreError, match=r"0001\.json: is damaged"):
        alias_target(tmp_path, "champion")
    with pytest.raises(StoreError, match=r"0001\.json"):
        made(tmp_path, 2)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"champion": {}}', '{"champion": 3}'])
def test_damaged_aliases_are_named_and_not_overwritten(tmp_path: Path, content: str) -> None:
    made(tmp_path, 1)
    path = tmp_path / "registry" / "aliases.json"
    path.write_text(content)
    acts: list[Callable[[], object]] = [
        lambda: alias_target(tmp_path),
        lambda: move_alias(tmp_path, "champion", 1),
        lambda: rollback(tmp_path),
    ]
    for act in acts:
        with pytest.raises(StoreError, match=r"aliases.json: is damaged"):
            act()
    assert path.read_text() == content


def test_leftovers_of_a_killed_writer_do_no_harm(tmp_path: Path) -> None:
    made(tmp_path, 1)
    folder = tmp_path / "registry"
    (folder / "releases" / ".0002.json.deadbeef").write_text('{"version"')
    (folder / ".aliases.json.deadbeef").write_text("{")
    assert made(tmp_path, 2) == 2
    move_alias(tmp_path, "champion", 2)
    assert alias_target(tmp_path).version == 2


def test_a_release_is_never_overwritten(tmp_path: Path) -> None:
    made(tmp_path, 1)
    path = tmp_path / "registry" / "releases" / "0001.json"
    with pytest.raises(FileExistsError):
        _create(path, {"version": 1})
    assert release_of(tmp_path, 1).bundle == "b1"
    assert [path.name for path in path.parent.iterdir()] == ["0001.json"]


def test_threads_lose_no_version(tmp_path: Path) -> None:
    threads = [threading.Thread(target=_deploy_some, args=(tmp_path, worker)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _whole(tmp_path, 8 * 5)


def test_processes_lose_no_version(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_deploy_some, args=(tmp_path, worker)) for worker in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 4
    _whole(tmp_path, 4 * 5)


def _deploy_some(root: Path, worker: int) -> None:
    for number in range(5):
        deploy(
            root,
            deploy=DeployConfig(),
            bundle=f"b{worker}.{number}",
            run=f"r{worker}",
            name="reviews",
            base="nano",
            metrics={},
        )


def _whole(root: Path, expected: int) -> None:
    found = releases(root)
    assert [release.version for release in found] == list(range(1, expected + 1))
    assert len({release.bundle for release in found}) == expected
    moves = aliases(root)["champion"].moves
    assert sorted(move.to for move in moves) == list(range(1, expected + 1))
    assert alias_target(root).version == moves[-1].to


def test_files_are_plain_json(tmp_path: Path) -> None:
    deploy(
        tmp_path, deploy=DeployConfig(), bundle="b", run="r", name="评论", base="nano", metrics={"dev.macro_f1": 0.9}
    )
    stored = json.loads((tmp_path / "registry" / "aliases.json").read_text(encoding="utf-8"))
    assert stored["champion"]["version"] == 1
    assert stored["champion"]["previous"] is None
    assert os.access(tmp_path / "registry" / "releases" / "0001.json", os.R_OK)
    assert "评论" in (tmp_path / "registry" / "releases" / "0001.json").read_text(encoding="utf-8")
