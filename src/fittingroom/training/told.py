"""What the main process of a training tells, as lines of a file that another process reads while they grow."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fittingroom.engine import Context, Note
from fittingroom.types import Text


class Teller:
    """Writes what a context is told."""

    def __init__(self, path: Path) -> None:
        if path.exists():
            os.truncate(path, _whole_lines(path))  # one that was killed may have left half a line
        self._path = path

    def progress(self, what: str, done: float, total: float) -> None:
        """See `Context.progress`."""
        self._write({"progress": [what, done, total]})

    def note(self, note: Note) -> None:
        """See `Context.note`."""
        text = note.text.model_dump() if note.text is not None else None
        self._write({"kind": note.kind, "data": dict(note.data), "text": text, "kept": note.kept})

    def _write(self, line: dict[str, Any]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


class Listener:
    """Reads it and tells a context, from what is told after it was made."""

    def __init__(self, path: Path, context: Context) -> None:
        self._path, self._context = path, context
        self._at = _whole_lines(path) if path.exists() else 0

    def listen(self) -> None:
        """Pass on the lines that are new and whole."""
        for line in self._lines():
            said = json.loads(line)
            if "progress" in said:
                self._context.progress(*said["progress"])
            else:
                text = Text(**said["text"]) if said["text"] is not None else None
                self._context.note(Note(said["kind"], said["data"], text, kept=bool(said["kept"])))

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


def _whole_lines(path: Path) -> int:
    """Bytes of a file up to its last whole line."""
    return path.read_bytes().rfind(b"\n") + 1
