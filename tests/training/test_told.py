"""What a worker tells reaches the run, though it is killed in the middle of a line."""

from __future__ import annotations

from pathlib import Path

from fittingroom.engine import Context, Note
from fittingroom.training.told import Listener, Teller
from fittingroom.types import Text


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
