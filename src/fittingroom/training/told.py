"""What the main process of a training tells, as lines of a file that another process reads while they grow.

A full disk ends neither: who tells hears that it could not (OSError, see `telling`), and no line stays half written;
who listens tries again what the journal did not take.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from fittingroom.engine import Context, Note
from fittingroom.room import full
from fittingroom.types import Text

_AGAIN = 30.0
"""Seconds until what a full disk did not take is tried again."""


class Teller:
    """Writes what a context is told."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._torn = True
        """Whether half a line may stand there: one that was killed, or a disk that was full, may have left it."""

    def progress(self, what: str, done: float, total: float) -> None:
        """See `Context.progress`."""
        self._write({"progress": [what, done, total]})

    def note(self, note: Note) -> None:
        """See `Context.note`."""
        text = note.text.model_dump() if note.text is not None else None
        self._write({"kind": note.kind, "data": dict(note.data), "text": text, "kept": note.kept})

    def _write(self, line: dict[str, Any]) -> None:
        if self._torn and self._path.exists():
            os.truncate(self._path, _whole_lines(self._path))
        self._torn = True
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._torn = False


class Listener:
    """Reads it and tells a context, from what is told after it was made."""

    def __init__(self, path: Path, context: Context) -> None:
        self._path, self._context = path, context
        self._at = _whole_lines(path) if path.exists() else 0
        self._late: list[Note] = []
        """What is to be kept and was not taken yet, in its order."""
        self._next = 0.0
        """When that is tried again."""

    def listen(self, *, last: bool = False) -> None:
        """Pass on the lines that are new and whole. What the journal on a full disk does not take is tried again later;
        `last`: now or never.
        """
        for line in self._lines():
            said = json.loads(line)
            if "progress" in said:
                _heard(partial(self._context.progress, *said["progress"]))
                continue
            text = Text(**said["text"]) if said["text"] is not None else None
            note = Note(said["kind"], said["data"], text, kept=bool(said["kept"]))
            if note.kept:
                self._late.append(note)
                self._pass_on(now=False)
            else:
                _heard(partial(self._context.note, note))
        self._pass_on(now=last)

    def _pass_on(self, *, now: bool) -> None:
        while self._late and (now or time.monotonic() >= self._next):
            if not _heard(partial(self._context.note, self._late[0])):
                self._next = time.monotonic() + _AGAIN
                return
            del self._late[0]

    def _lines(self) -> Iterator[bytes]:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._at)
            for line in file:
                # Half a line is being written, or its writer was killed.
                if not line.endswith(b"\n"):
                    return
                self._at += len(line)
                yield line


def _heard(tell: Callable[[], object]) -> bool:
    """Whether a full disk took it: the processes that train must not end because this one cannot write."""
    try:
        tell()
    except OSError as error:
        if not full(error):
            raise
        return False
    return True


def _whole_lines(path: Path) -> int:
    """Bytes of a file up to its last whole line."""
    return path.read_bytes().rfind(b"\n") + 1
