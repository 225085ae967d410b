"""What a training tells while it runs, and that a kill puts no point there twice."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from fittingroom.engine import Context, Note
from fittingroom.history import TrainingCurves, curves
from fittingroom.journal import Journal
from fittingroom.training.recorder import Recorder
from fittingroom.training.rows import Encoded
from fittingroom.training.telling import Clock, Telling
from fittingroom.training.told import Listener, Teller
from training.test_fit import STEPS, Killed, every_step, plan, rows, run
from training.test_full_disk import files_of_at_most

__all__ = ["every_step", "rows"]  # fixtures


class Book:
    """A journal as a run keeps it, and the notes that are only shown."""

    def __init__(self, path: Path) -> None:
        self.journal = Journal(path)
        self.shown: list[Note] = []
        self.full = False
        self.journal.append("attempt_started", attempt={"number": 1})

    def note(self, note: Note) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        if not note.kept:
            self.shown.append(note)
            return
        text: Any = {"text": note.text.model_dump()} if note.text is not None else {}
        self.journal.append(note.kind, stage="train", **note.data, **text)

    def curves(self) -> TrainingCurves:
        return curves(self.journal.read())[1]


def test_curves_grow_in_the_journal_and_a_kill_doubles_nothing(rows: Encoded, tmp_path: Path, every_step: None) -> None:
    book = Book(tmp_path / "events.jsonl")
    with pytest.raises(Killed):
        run(tmp_path / "a", rows, plan("full"), kill_at=10, note=book.note)
    midway = book.curves()
    assert 5 <= len(midway.steps) < 10
    assert midway.total == STEPS
    assert midway.evals[0]["step"] == 0
    with pytest.raises(Killed):
        run(tmp_path / "a", rows, plan("full"), kill_at=12, note=book.note)
    fitted = run(tmp_path / "a", rows, plan("full"), note=book.note)
    whole = book.curves()
    assert whole.steps == fitted.recorder.steps
    assert whole.evals == fitted.recorder.evals
    assert whole.speed["tokens_per_second"] > 0
    assert whole.said == []
    told = [event for event in book.journal.read() if event["kind"] == "training"]
    assert len(told) <= 4 * (len(fitted.recorder.steps) + len(fitted.recorder.evals))
    assert not any(event.get("kind") == "step" for event in book.journal.read())


def test_every_step_is_shown_with_its_speed(rows: Encoded, tmp_path: Path) -> None:
    book = Book(tmp_path / "events.jsonl")
    fitted = run(tmp_path / "a", rows, plan("full"), note=book.note)
    assert [note.data["step"] for note in book.shown] == list(range(1, STEPS + 1))
    last = book.shown[-1].data
    assert last["seconds_left"] == 0
    assert last["steps"] == STEPS
    assert last["examples_per_second"] > 0
    # Tokens per row are the same in the speed of the moment and in the whole.
    timing = fitted.clock.timing(fitted.recorder)
    assert timing["examples_per_second"] * fitted.clock.training == pytest.approx(fitted.recorder.examples, rel=0.02)
    assert fitted.recorder.examples == 3 * len(rows)
    assert timing["tokens_per_second"] * fitted.clock.training == pytest.approx(3 * sum(map(len, rows.ids)), rel=0.02)
    assert timing["evaluating_seconds"] > 0


def test_the_clock_goes_on_after_a_kill_and_is_no_part_of_the_result(
    rows: Encoded, tmp_path: Path, every_step: None
) -> None:
    with pytest.raises(Killed):
        run(tmp_path / "a", rows, plan("full"), kill_at=16)
    fitted = run(tmp_path / "a", rows, plan("full"))
    seconds = fitted.clock.training
    again = run(tmp_path / "a", rows, plan("full"))
    assert again.clock.training == pytest.approx(seconds, rel=0.2)
    assert again.clock.timing(again.recorder)["examples_per_second"] > 0


def test_a_journal_that_takes_nothing_does_not_end_the_training(rows: Encoded, tmp_path: Path) -> None:
    book = Book(tmp_path / "events.jsonl")

    def note(note: Note) -> None:
        book.full = note.kept and 3 <= len(book.shown) < 12
        book.note(note)

    fitted = run(tmp_path / "a", rows, plan("full"), note=note)
    assert fitted.recorder.stopped == "completed"
    assert book.curves().steps == fitted.recorder.steps, "what was not taken is told with the next event"


def test_a_worker_on_a_full_disk_trains_on_and_says_so_once(rows: Encoded, tmp_path: Path) -> None:
    """One of several processes tells by a file, on the disk that is full."""
    book, teller = Book(tmp_path / "events.jsonl"), Teller(tmp_path / "told.jsonl")
    listener = Listener(tmp_path / "told.jsonl", Context(tmp_path, tmp_path, b"", note=book.note))
    steps: list[int] = []

    def note(note: Note) -> None:
        steps.extend([note.data["step"]] if note.kind == "step" else [])
        if 3 <= len(steps) < 12:
            with files_of_at_most(1):
                teller.note(note)
        else:
            teller.note(note)

    fitted = run(tmp_path / "a", rows, plan("full"), note=note)
    listener.listen(last=True)
    assert fitted.recorder.stopped == "completed"
    assert [note.data["step"] for note in book.shown] == [1, 2, *range(12, STEPS + 1)]
    assert book.curves().steps == fitted.recorder.steps, "the journal has all of them"
    [word] = [said for said in book.curves().said if "disk is full" in said.en]
    assert "磁盘已满" in word.zh


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_step_whose_progress_finds_no_room_is_no_fault(tmp_path: Path, number: int) -> None:
    told: list[Note] = []

    def progress(what: str, done: float, total: float) -> None:
        raise OSError(number, os.strerror(number))

    telling = Telling(Context(tmp_path, tmp_path, b"", note=told.append, progress=progress), Recorder(4, None), Clock())
    for step in (1, 2):
        telling.step(step, 1e-3)
    assert [note.kind for note in told].count("step") == 2
    assert [note.kind for note in told].count("not_told") == 1, "once"


def test_other_errors_of_telling_end_the_training(tmp_path: Path) -> None:
    def note(note: Note) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    with pytest.raises(PermissionError):
        Telling(Context(tmp_path, tmp_path, b"", note=note), Recorder(4, None), Clock()).step(1, 1e-3)
