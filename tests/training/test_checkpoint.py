"""Checkpoints: whole or passed over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fittingroom.training.checkpoint import Checkpoints, Passed, read_tensors, read_value


def save(checkpoints: Checkpoints, step: int, best: int) -> Path:
    import torch

    weights: Any = {"w": torch.full((3,), float(step))}
    checkpoints.save_best(best, {"w": torch.full((3,), float(best))})
    return checkpoints.save(step, {"weights": weights}, {"recorder": {"step": step}}, best=best)


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    return Checkpoints(tmp_path / "checkpoints", {"seed": 1})


def test_the_newest_is_found_and_old_ones_go(checkpoints: Checkpoints) -> None:
    for step, best in ((1, 0), (2, 2), (3, 2), (4, 4)):
        save(checkpoints, step, best)
    heard: list[str] = []
    newest = checkpoints.newest(lambda passed: heard.append(passed.name))
    assert newest is not None
    assert heard == []
    assert read_value(newest, "recorder") == {"step": 4}
    assert read_tensors(newest, "weights")["w"].tolist() == [4.0] * 3
    assert checkpoints.best_weights(4)["w"].tolist() == [4.0] * 3
    names = sorted(path.name for path in checkpoints.folder.iterdir())
    assert names == ["best-00000002", "best-00000004", "step-00000003", "step-00000004"]


@pytest.mark.parametrize("file", ["weights.safetensors", "recorder.json", "manifest.json"])
@pytest.mark.parametrize("cut", [0, 5, None])
def test_a_torn_one_is_passed_over(checkpoints: Checkpoints, file: str, cut: int | None) -> None:
    save(checkpoints, 1, 1)
    torn = save(checkpoints, 2, 1) / file
    if cut is None:
        torn.unlink()
    else:
        torn.write_bytes(torn.read_bytes()[:cut])
    heard: list[str] = []
    newest = checkpoints.newest(lambda passed: heard.append(passed.name))
    assert newest is not None
    assert newest.name == "step-00000001"
    assert heard == ["step-00000002"]


def test_a_torn_best_counts_as_torn(checkpoints: Checkpoints) -> None:
    save(checkpoints, 1, 1)
    save(checkpoints, 2, 2)
    (checkpoints.folder / "best-00000002" / "weights.safetensors").write_bytes(b"")
    newest = checkpoints.newest(lambda name: None)
    assert newest is not None
    assert newest.name == "step-00000001"


def test_one_of_another_training_is_never_taken_up(checkpoints: Checkpoints) -> None:
    save(checkpoints, 1, 1)
    other = Checkpoints(checkpoints.folder, {"seed": 2})
    assert other.newest(lambda name: None) is None


def test_what_a_kill_left_aside_is_cleared(checkpoints: Checkpoints) -> None:
    save(checkpoints, 1, 1)
    (checkpoints.folder / ".aside-dead").mkdir()
    save(checkpoints, 2, 1)
    assert not list(checkpoints.folder.glob(".aside-*"))


def test_what_is_missing_is_named(checkpoints: Checkpoints) -> None:
    save(checkpoints, 1, 1)
    for damage, said in (
        (lambda path: (path / "recorder.json").unlink(), "recorder.json is missing"),
        (lambda path: (path / "recorder.json").write_text("{"), "recorder.json is torn"),
        (lambda path: (path / "manifest.json").unlink(), "has no manifest.json"),
        (lambda path: (path / "manifest.json").write_text('{"files": {'), "manifest.json is torn"),
        (lambda path: (path / "manifest.json").write_text("[]"), "manifest.json is torn"),
    ):
        damage(save(checkpoints, 2, 1))
        heard: list[Passed] = []
        newest = checkpoints.newest(heard.append)
        assert newest is not None
        assert newest.name == "step-00000001"
        [passed] = heard
        assert passed.torn
        assert said in passed.why.en
        assert passed.why.zh != passed.why.en
