"""What a worker tells reaches the run, though it is killed in the middle of a line."""

from __future__ import annotations

from pathlib import Path

import pytest

from fittingroom.engine import Context, Note
from fittingroom.training.told import Listener, Teller
from fittingroom.types import Text
from training.test_full_disk import files_of_at_most


def test_half_a_line_of_one_that_was_killed_is_taken_back(tmp_path: Path) -> None:
    path, told = tmp_path / "told.jsonl", []
    progress: list[tuple[str, float, float]] = []
    context = Context(
        root=tmp_path, scratch=tmp_path, secret=b"", note=told.append, progress=lambda *said: progress.append(said)
    )
    listener = Listener(path, context)
    first = Teller(path)
    first.note(Note("step", {"step": 1}, Text(en="one", zh="一"), kept=False))
    with path.open("ab") as file:
        file.write('{"kind": "step", "data": {"步'.encode())
    listener.listen()
    listener.listen()
    assert [note.data["step"] for note in told] == [1]
    again = Teller(path)
    again.progress("train", 2, 3)
    listener.listen()
    assert progress == [("train", 2, 3)]
    assert told == [Note("step", {"step": 1}, Text(en="one", zh="一"), kept=False)]


def test_one_that_listens_later_hears_what_is_told_from_then_on(tmp_path: Path) -> None:
    path, told = tmp_path / "told.jsonl", []
    teller = Teller(path)
    teller.note(Note("step", {"step": 1}))
    later = Listener(path, Context(root=tmp_path, scratch=tmp_path, secret=b"", note=told.append))
    teller.note(Note("step", {"step": 2}))
    later.listen()
    assert [note.data["step"] for note in told] == [2]


def test_a_line_that_found_no_room_is_not_half_told(tmp_path: Path) -> None:
    path, told = tmp_path / "told.jsonl", list[Note]()
    listener = Listener(path, Context(root=tmp_path, scratch=tmp_path, secret=b"", note=told.append))
    teller = Teller(path)
    teller.note(Note("step", {"step": 1}))
    size = path.stat().st_size
    with files_of_at_most(size + 20), pytest.raises(OSError, match="File too large"):
        teller.note(Note("step", {"step": 2}))
    assert size < path.stat().st_size, "the kernel took some of it"
    listener.listen()
    teller.note(Note("step", {"step": 3}))
    listener.listen()
    assert [note.data["step"] for note in told] == [1, 3]


def test_a_run_that_cannot_write_its_journal_goes_on_listening(tmp_path: Path) -> None:
    path, told, full = tmp_path / "told.jsonl", list[Note](), [True]

    def note(note: Note) -> None:
        if full[0] and note.kept:
            raise OSError(28, "No space left on device")
        told.append(note)

    def progress(what: str, done: float, total: float) -> None:
        raise OSError(28, "No space left on device")

    context = Context(root=tmp_path, scratch=tmp_path, secret=b"", note=note, progress=progress)
    listener, teller = Listener(path, context), Teller(path)
    for step in (1, 2):
        teller.note(Note("training", {"step": step}))
        teller.note(Note("step", {"step": step}, kept=False))
        teller.progress("train", step, 3)
        listener.listen()
    assert [(note.kind, note.data["step"]) for note in told] == [("step", 1), ("step", 2)]
    full[0] = False
    teller.note(Note("training", {"step": 3}))
    listener.listen()
    assert len(told) == 2, "not tried again with every look"
    listener.listen(last=True)
    assert [note.data["step"] for note in told[2:]] == [1, 2, 3], "nothing is lost, and all of it in its order"


def test_other_errors_of_the_journal_are_raised(tmp_path: Path) -> None:
    path = tmp_path / "told.jsonl"

    def note(note: Note) -> None:
        raise PermissionError(13, "Permission denied")

    listener = Listener(path, Context(root=tmp_path, scratch=tmp_path, secret=b"", note=note))
    Teller(path).note(Note("training", {"step": 1}))
    with pytest.raises(PermissionError):
        listener.listen()
