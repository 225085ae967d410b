"""Fixtures that all rooms share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from fittingroom.engine import Context

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def context(tmp_path: Path) -> Context:
    """A context in a folder of its own, with a fixed key."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return Context(root=tmp_path, scratch=scratch, secret=b"test-key", threads=1)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of the real data sets; `FITTINGROOM_DATA`, by default `../shared/data`."""
    folder = Path(os.environ.get("FITTINGROOM_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("the real data sets are not here: set FITTINGROOM_DATA")
    return folder


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each statement to a SQLite database handed out."""
    from fittingroom.sources import sqlite

    counts: list[int] = []
    statement = sqlite.Sqlite.run

    def counting(self: sqlite.Sqlite, text: str) -> Any:
        names, rows = statement(self, text)
        found = list(rows)
        counts.append(len(found))
        return names, iter(found)

    monkeypatch.setattr(sqlite.Sqlite, "run", counting)
    return counts
