"""A disk that fills up during a training: it goes on with a word, what is whole stays whole, what is half goes."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fittingroom.engine import Note
from fittingroom.errors import ModelError, NoRoom
from fittingroom.room import full, roomy
from fittingroom.training import checkpoint as checkpoint_module
from fittingroom.training import worker
from fittingroom.training.checkpoint import Checkpoints, NotWritten, read_value
from fittingroom.training.ranks import ALONE
from fittingroom.training.rows import Encoded
from training.test_checkpoint import save
from training.test_fit import Killed, every_step, plan, rows, run, same

__all__ = ["every_step", "rows"]  # fixtures

NO_SPACE = OSError(28, "No space left on device")


class Disk:
    """A disk that takes so many more operations (files, syncs, folders, renames) and is full then."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = 10**9
        self.done = 0
        for owner, name in (
            (Path, "mkdir"), (Path, "write_text"), (Path, "rename"), (os, "fsync"), (checkpoint_module, "fsync_folder"),
        ):  # fmt: skip
            monkeypatch.setattr(owner, name, self._counted(getattr(owner, name)))
        import safetensors.torch

        monkeypatch.setattr(safetensors.torch, "save_file", self._counted(safetensors.torch.save_file, tensors=True))

    def _counted(self, real: Any, *, tensors: bool = False) -> Any:
        from safetensors import SafetensorError

        def operation(*given: Any, **more: Any) -> Any:
            self.done += 1
            self.left -= 1
            if self.left >= 0:
                return real(*given, **more)
            if tensors:
                Path(given[1]).write_bytes(b"half of it")
                raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")
            raise NO_SPACE

        return operation


def test_a_checkpoint_that_finds_no_room_at_any_point_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    checkpoints = Checkpoints(tmp_path / "checkpoints", {"seed": 1})
    save(checkpoints, 1, 1)
    before = disk.done
    save(checkpoints, 2, 2)
    operations = disk.done - before
    assert operations > 15
    for number in range(operations):
        for name in ("best-00000003", "step-00000003"):
            shutil.rmtree(checkpoints.folder / name, ignore_errors=True)
        disk.left = number
        with pytest.raises(NotWritten) as caught:
            save(checkpoints, 3, 3)
        assert full(caught.value.cause)
        assert caught.value.needed == 12
        disk.left = 10**9
        assert not list(checkpoints.folder.glob(".aside-*")), number
        newest = checkpoints.newest(lambda passed: pytest.fail(str(passed)))
        assert newest is not None
        step = read_value(newest, "recorder")["step"]
        # Only when the last sync, of the folder's names (counted twice), fails does the new one stand there, whole.
        assert step == (3 if number >= operations - 2 else 2), number
        assert checkpoints.best_weights(step)["w"].tolist() == [float(step)] * 3


def test_training_goes_on_and_says_so(
    rows: Encoded, tmp_path: Path, every_step: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    this = plan("lora", steps=12, epochs=2.0)
    whole = run(tmp_path / "whole", rows, this)
    disk, told = Disk(monkeypatch), list[Note]()

    def note(note: Note) -> None:
        told.append(note)
        if note.kind == "step":
            disk.left = 4 if 5 <= note.data["step"] <= 9 else 10**9  # full after steps 5 to 9

    with pytest.raises(Killed):
        run(tmp_path / "killed", rows, this, kill_at=9, note=note)
    words = [note for note in told if note.kind == "checkpoint_not_written"]
    assert [word.data["step"] for word in words] == [5], "once, not with every try"
    assert words[0].text is not None
    assert "No space left on device" in words[0].text.en
    assert str(tmp_path / "killed" / "checkpoints") in words[0].text.zh
    names = sorted(path.name for path in (tmp_path / "killed" / "checkpoints").glob("step-*"))
    assert names == ["step-00000003", "step-00000004"]
    disk.left = 10**9
    same(run(tmp_path / "killed", rows, this), whole)


@contextmanager
def files_of_at_most(limit: int) -> Iterator[None]:
    """The kernel refuses to let a file grow beyond so many bytes (EFBIG), in the middle of a write."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_the_kernel_refuses_to_write_is_gone_again(
    rows: Encoded, tmp_path: Path, every_step: None, capfd: pytest.CaptureFixture[str]
) -> None:
    this = plan("lora", steps=6, epochs=1.0)
    whole = run(tmp_path / "whole", rows, this)
    told: list[Note] = []
    with files_of_at_most(4096):
        fitted = run(tmp_path / "small", rows, this, note=told.append)
    assert [note.data["step"] for note in told if note.kind == "checkpoint_not_written"] == [1]
    assert list((tmp_path / "small" / "checkpoints").iterdir()) == []
    same(fitted, whole)


def test_no_room_before_training_is_refused_and_little_room_is_said(
    rows: Encoded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    free = 10**12

    def disk_usage(folder: Path) -> Any:
        return usage._replace(free=free)

    monkeypatch.setattr(shutil, "disk_usage", disk_usage)
    this = plan("lora", steps=6, epochs=1.0)
    told: list[Note] = []
    run(tmp_path / "a", rows, this, note=told.append)
    assert not [note for note in told if note.kind == "little_room"]
    free = 250_000
    run(tmp_path / "b", rows, this, note=told.append)
    [word] = [note for note in told if note.kind == "little_room"]
    assert word.data["needed"] > free == word.data["free"]
    free = 1000
    with pytest.raises(NoRoom, match="1000 B are free") as caught:
        run(tmp_path / "c", rows, this)
    assert str(tmp_path / "c") in caught.value.place
    assert not list((tmp_path / "c").glob("checkpoints/*")), "before the first step"


def test_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(NoRoom, match="are needed"), roomy(tmp_path, 5):
        raise NO_SPACE
    with pytest.raises(PermissionError), roomy(tmp_path, 5):
        raise PermissionError(13, "Permission denied")
    assert not full(ValueError("os error 2"))


def test_a_failure_that_cannot_be_written_down_is_still_the_one_that_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(folder: Path, ranks: Any) -> None:
        raise ModelError("the base model is torn", "基座已损坏", place="model.base")

    def refused(path: Path, value: Any) -> None:
        raise NO_SPACE

    monkeypatch.setattr(worker, "work", fails)
    (tmp_path / "job").mkdir()
    assert worker.take_part(tmp_path, ALONE) == 1
    found = worker.failed(tmp_path)
    assert found is not None
    assert found.en == "the base model is torn"
    monkeypatch.setattr(worker, "write_json", refused)
    with pytest.raises(ModelError, match="the base model is torn") as caught:
        worker.take_part(tmp_path, ALONE)
    assert any("No space left on device" in note for note in caught.value.__notes__)
