"""The journal survives a kill in the middle of a line."""

from __future__ import annotations

from pathlib import Path

from fittingroom.journal import Journal


def test_events_come_back_in_order(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run" / "events.jsonl")
    for number in range(5):
        journal.append("step", number=number, text="中文")
    events = list(journal.read())
    assert [event["number"] for event in events] == list(range(5))
    assert all(event["kind"] == "step" and event["text"] == "中文" for event in events)


def test_a_torn_tail_is_ignored_and_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    journal = Journal(path)
    journal.append("one")
    for torn in (b"{", b'{"kind": "two", "at"', b"x" * 200_000):
        with path.open("ab") as file:
            file.write(torn)
        assert [event["kind"] for event in journal.read()][-1] != "two"
        journal.append("after")
    assert [event["kind"] for event in journal.read()] == ["one", "after", "after", "after"]


def test_reading_what_is_not_there_gives_nothing(tmp_path: Path) -> None:
    assert list(Journal(tmp_path / "none.jsonl").read()) == []
