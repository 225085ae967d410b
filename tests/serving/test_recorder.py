"""The record of traffic: whole lines, torn tails, days, windows, several writers."""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fittingroom.serving.recorder import Record, Recorder, erase, read_traffic, traffic_schema

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def record(number: int, at: datetime = NOON, **changes: object) -> Record:
    values = {
        "time": at,
        "route": "classify",
        "alias": "champion",
        "release": 1,
        "input": {"title": f"标题{number}", "review": "a\nb"},
        "label": "好评",
        "confidence": 0.5 + number / 1000,
        "seconds": 0.01,
    }
    return Record(**(values | changes))  # type: ignore[arg-type]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    recorder.write([record(2, NOON + timedelta(seconds=1)), record(1)])
    recorder.close()
    traffic = read_traffic(tmp_path)
    assert traffic.torn == 0
    assert traffic.table.schema == traffic_schema()
    first, second = traffic.table.dicts()
    assert (first["time"], first["input"], first["label"], first["confidence"]) == (NOON, "标题1\na\nb", "好评", 0.501)
    assert second["input"].startswith("标题2")


def test_nothing_recorded_is_no_rows(tmp_path: Path) -> None:
    assert read_traffic(tmp_path / "requests").table.rows == 0


def test_lines_and_files_are_for_the_owner_alone(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "requests")
    recorder.write([record(1)])
    recorder.close()
    path = tmp_path / "requests" / "2026-11-22.jsonl"
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text(encoding="utf-8"))["input"]["title"] == "标题1"


def test_a_day_is_a_file_and_windows_open_the_right_ones(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    for day in range(4):
        recorder.write([record(day, NOON + timedelta(days=day))])
    recorder.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"2026-11-{22 + day}.jsonl" for day in range(4)]
    window = read_traffic(tmp_path, since=NOON + timedelta(days=1), until=NOON + timedelta(days=3))
    assert [row["time"] for row in window.table.dicts()] == [NOON + timedelta(days=1), NOON + timedelta(days=2)]


def test_filters(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    recorder.write([record(1), record(2, route="chat", confidence=None), record(3, alias="challenger", release=2)])
    recorder.close()
    assert read_traffic(tmp_path).table.rows == 2
    assert read_traffic(tmp_path, route="chat").table.dicts()[0]["confidence"] is None
    assert read_traffic(tmp_path, alias="challenger").table.rows == 1
    assert read_traffic(tmp_path, release=1).table.rows == 1


@pytest.mark.parametrize("cut", [1, 5, 40, 120])
def test_a_torn_tail_costs_one_line_and_the_next_writer_starts_anew(tmp_path: Path, cut: int) -> None:
    recorder = Recorder(tmp_path)
    recorder.write([record(1), record(2)])
    recorder.close()
    path = tmp_path / "2026-11-22.jsonl"
    os.truncate(path, path.stat().st_size - cut)
    assert read_traffic(tmp_path).torn == (0 if cut == 1 else 1)
    again = Recorder(tmp_path)
    again.write([record(3)])
    again.close()
    traffic = read_traffic(tmp_path)
    said = [row["input"].split("\n")[0] for row in traffic.table.dicts()]
    assert said == (["标题1", "标题2", "标题3"] if cut == 1 else ["标题1", "标题3"])
    assert traffic.torn == (0 if cut == 1 else 1)


def test_foreign_lines_are_counted_not_guessed(tmp_path: Path) -> None:
    lines = ["[]", "null", '{"time": 3}', "\x00", '{"time": "2026-11-22T12:00:00+00:00"}']
    (tmp_path / "2026-11-22.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "notes.jsonl").write_text("not a day\n")
    traffic = read_traffic(tmp_path)
    assert (traffic.table.rows, traffic.torn) == (0, 5)


def test_the_disk_is_told_within_the_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = threading.Event()
    real = os.fsync
    monkeypatch.setattr("os.fsync", lambda handle: (real(handle), synced.set()))
    recorder = Recorder(tmp_path, sync_seconds=0.05)
    recorder.write([record(1)])
    assert synced.wait(10)
    synced.clear()
    time.sleep(0.2)
    assert not synced.is_set(), "nothing new was written, so there is nothing to sync"
    recorder.close()


def test_a_closed_record_says_so(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    recorder.close()
    with pytest.raises(OSError, match="closed"):
        recorder.write([record(1)])


def test_threads_and_processes_lose_no_line(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_write_many, args=(tmp_path, start)) for start in (0, 1000)]
    for process in processes:
        process.start()
    recorder = Recorder(tmp_path)
    threads = [
        threading.Thread(target=lambda start=start: [recorder.write([record(start + n)]) for n in range(50)])
        for start in (2000, 3000)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recorder.close()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    traffic = read_traffic(tmp_path)
    assert (traffic.table.rows, traffic.torn) == (200, 0)
    assert len({row["input"] for row in traffic.table.dicts()}) == 200


def _write_many(folder: Path, start: int) -> None:
    recorder = Recorder(folder)
    for number in range(50):
        recorder.write([record(start + number)])
    recorder.close()


def test_a_customer_is_erased_while_a_server_writes(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, refused=lambda group: group == "gone")
    recorder.write([record(1, group="one"), record(2, group="two"), record(3)])
    assert erase(tmp_path, {"one"}) == 1
    recorder.write([record(4, group="one"), record(5, group="gone")])
    assert sorted(row["input"][:3] for row in read_traffic(tmp_path).table.dicts()) == ["标题2", "标题3", "标题4"]
    assert erase(tmp_path, {"one"}) == 1
    assert erase(tmp_path, {"one"}) == 0
    recorder.write([record(6)])
    recorder.close()
    assert "标题1" not in (tmp_path / "2026-11-22.jsonl").read_text("utf-8")
    assert (read_traffic(tmp_path).table.rows, read_traffic(tmp_path).torn) == (3, 0)


def test_whole_days_past_the_retention_go(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    recorder.write([record(1, NOON - timedelta(days=2)), record(2)])
    recorder.close()
    (tmp_path / "notes.jsonl").write_text("{}\n")
    assert erase(tmp_path, set(), before=NOON.date()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2026-11-22.jsonl", "notes.jsonl"]
