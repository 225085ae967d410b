"""A full disk when a result is kept: a clear error, nothing lost, and the same work goes on once there is room."""

from __future__ import annotations

from pathlib import Path

import pytest

from fittingroom.config import parse
from fittingroom.engine import Context, Note
from fittingroom.errors import FittingroomError, ModelError, NoRoom, UserError
from fittingroom.run import Run
from fittingroom.store import Store
from fittingroom.training.checkpoint import Checkpoints, read_value
from fittingroom.types import Folder, Trained
from training.test_full_disk import files_of_at_most

VERSION = 1
CONFIG = parse(
    {
        "task": {"kind": "classify", "input": ["text"], "target": "label"},
        "sources": [{"kind": "jsonl", "path": "rows.jsonl", "key": "id"}],
    },
    "test",
)
SIZE = 300_000
faults: list[Exception] = []


def work(*, seed: int, context: Context) -> Trained:
    """A stage that goes on from what its scratch folder holds, and brings weights along."""
    with (context.scratch / "done.txt").open("a") as file:
        file.write("x")
    if faults:
        raise faults.pop()
    weights = context.scratch / "weights"
    weights.mkdir(exist_ok=True)
    for part in range(4):
        (weights / f"{part}.bin").write_bytes(b"\0" * (SIZE // 4))
    return Trained(
        weights=Folder(weights), method="full", steps=[], evals=[], best_step=0, stopped="completed",
        facts={"seen": len((context.scratch / "done.txt").read_text())},
    )  # fmt: skip


def training(*, seed: int, context: Context) -> Trained:
    """A stage that trains: it takes up its checkpoint, writes one 5000 steps later, and may fail then."""
    import torch

    checkpoints = Checkpoints(context.scratch / "checkpoints", {"seed": seed})
    newest = checkpoints.newest(lambda passed: pytest.fail(str(passed)))
    step = 5000 + (read_value(newest, "at")["step"] if newest is not None else 0)
    if faults and isinstance(faults[-1], UserError) and faults[-1].place == "before":
        (checkpoints.folder / ".aside-12345678").mkdir(parents=True)  # a kill left it: nothing that could be taken up
        raise faults.pop()
    weights = {"w": torch.zeros(2)}
    checkpoints.save_best(step, weights)
    checkpoints.save(step, {"weights": weights}, {"at": {"step": step}}, best=step)
    if faults:
        raise faults.pop()
    folder = context.scratch / "weights"
    folder.mkdir()
    return Trained(
        weights=Folder(folder), method="full", steps=[], evals=[], best_step=0, stopped="completed",
        facts={"steps": step},
    )  # fmt: skip


def run_in(root: Path) -> Run:
    folder = root / "runs" / "one"
    folder.mkdir(parents=True, exist_ok=True)
    return Run(folder, Store(root), root=root, secret=b"k" * 32)


def test_what_is_done_stays_until_there_is_room(tmp_path: Path) -> None:
    faults[:] = [NoRoom("the disk is full", "磁盘已满", place="scratch")]
    with pytest.raises(NoRoom):
        run_in(tmp_path).step(work, CONFIG)
    with files_of_at_most(SIZE // 5), pytest.raises(NoRoom) as caught:
        run_in(tmp_path).step(work, CONFIG)
    assert list((tmp_path / "aside").iterdir()) == [] if (tmp_path / "aside").exists() else True
    assert caught.value.exit_code == 2
    assert run_in(tmp_path).step(work, CONFIG).facts["seen"] == 3
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_store_that_finds_no_room_says_how_much_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fittingroom.store as store_module

    def refused(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store_module, "_fsync_file", refused)
    with pytest.raises(NoRoom, match=r"293\.0 KiB are needed") as caught:
        run_in(tmp_path).step(work, CONFIG)
    assert str(tmp_path) in caught.value.place
    assert list((tmp_path / "aside").iterdir()) == [], "what was written of it is gone again"
    monkeypatch.undo()
    assert run_in(tmp_path).step(work, CONFIG).facts["seen"] == 2


def test_bad_input_still_leaves_nothing_behind(tmp_path: Path) -> None:
    faults[:] = [UserError("bad", "坏", place="here")]
    with pytest.raises(UserError):
        run_in(tmp_path).step(work, CONFIG)
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.parametrize("place", ["train", "train.pass_tokens", "engine.processes"])
def test_what_was_trained_before_an_error_is_taken_up(tmp_path: Path, place: str) -> None:
    """Memory that is short after hours, with sharded weights too, and processes whose weights fell apart."""
    faults[:] = [ModelError("a pass of 512 tokens does not fit", "放不下", place=place)]
    run, told = run_in(tmp_path), list[Note]()
    run.note = told.append
    with pytest.raises(ModelError):
        run.step(training, CONFIG)
    [folder] = (tmp_path / "scratch").iterdir()
    assert (folder / "checkpoints" / "step-00005000" / "manifest.json").is_file()
    [word] = [note for note in told if note.kind == "checkpoints_kept"]
    assert word.text is not None
    assert "step 5000" in word.text.en
    assert "第 5000 步" in word.text.zh
    [event] = [event for event in run.journal.read() if event["kind"] == "checkpoints_kept"]
    assert event["step"] == 5000

    assert run_in(tmp_path).step(training, CONFIG).facts["steps"] == 10000, "it begins where the checkpoint ended"
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_journal_on_a_full_disk_does_not_hide_what_went_wrong(tmp_path: Path) -> None:
    faults[:] = [ModelError("a pass of 512 tokens does not fit", "放不下", place="train")]
    run = run_in(tmp_path)

    def note(note: Note) -> None:
        raise OSError(28, "No space left on device")

    run.note = note
    with pytest.raises(ModelError):
        run.step(training, CONFIG)
    assert run_in(tmp_path).step(training, CONFIG).facts["steps"] == 10000


@pytest.mark.parametrize("error", [ModelError, UserError])
def test_a_training_that_failed_before_its_first_checkpoint_leaves_nothing(
    tmp_path: Path, error: type[FittingroomError]
) -> None:
    faults[:] = [error("bad", "坏", place="before")]
    with pytest.raises(error):
        run_in(tmp_path).step(training, CONFIG)
    assert list((tmp_path / "scratch").iterdir()) == []
