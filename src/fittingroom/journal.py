"""Append-only events of a run; the state of a run is a fold over them.

Each event is one JSON line, flushed to disk before `append` returns. A torn last line (the process was killed while
writing it) is ignored by `read`, and cut off before the next append. Writers in several processes wait for each other.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Journal:
    """Events of one run in `events.jsonl`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, kind: str, **data: Any) -> dict[str, Any]:
        """Write one event durably and return it."""
        event = {"kind": kind, "at": round(time.time(), 3), **data}
        line = (json.dumps(event, ensure_ascii=False, allow_nan=True) + "\n").encode()
        created = not self.path.exists()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)  # else one writer cuts off what another is writing
            os.ftruncate(handle, self._whole(handle))
            os.lseek(handle, 0, os.SEEK_END)
            written = 0
            while written < len(line):
                written += os.write(handle, line[written:])
            os.fsync(handle)
        finally:
            os.close(handle)
        if created:
            fsync_folder(self.path.parent)
        return event

    def read(self) -> Iterator[dict[str, Any]]:
        """All whole events, oldest first."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield json.loads(line)

    @staticmethod
    def _whole(handle: int) -> int:
        """Length of the file up to and including its last complete line."""
        size = os.lseek(handle, 0, os.SEEK_END)
        end = size
        while end > 0:
            start = max(0, end - 65536)
            chunk = os.pread(handle, end - start, start)
            found = chunk.rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
        return 0


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the lock file `path`, waiting for other processes. The lock goes with the process, also under kill -9.

    The file is removed afterwards. Who waited on the removed one takes the new one, so that two never hold it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with path.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not _is(file.fileno(), path):
                continue
            try:
                yield
            finally:
                path.unlink()
            return


def held(path: Path) -> bool:
    """Whether a process holds the lock file `path`; one that a kill left behind is held by nobody."""
    try:
        with path.open("r") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _is(handle: int, path: Path) -> bool:
    """Whether the open file still is the one at `path`."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return there.st_ino == os.fstat(handle).st_ino and there.st_dev == os.fstat(handle).st_dev


def fsync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
