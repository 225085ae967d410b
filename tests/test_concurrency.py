"""Several processes in one workspace: nothing is lost, nothing is opened once too often, no work is spoilt."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from fittingroom.history import exclusively, locked
from fittingroom.journal import Journal, alone
from fittingroom.openings import Openings
from shop import write_shop

APPEND = """
import sys
from pathlib import Path
from fittingroom.journal import Journal
for number in range(100):
    Journal(Path(sys.argv[1])).append("event", who=sys.argv[2], number=number)
"""
OPEN = """
import sys
from pathlib import Path
from fittingroom.openings import Openings
print(Openings(Path(sys.argv[1])).open("test-part", sys.argv[2], "run").refused)
"""


def started(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True)


def test_two_writers_of_one_journal_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    for process in [started(APPEND, str(path), who) for who in "ab"]:
        assert process.wait(60) == 0
        assert process.stdout is not None
        process.stdout.close()
    told = [(event["who"], event["number"]) for event in Journal(path).read()]
    assert sorted(told) == [(who, number) for who in "ab" for number in range(100)]


def test_of_many_releases_at_once_two_open_a_test_part(tmp_path: Path) -> None:
    refused = [
        process.communicate(timeout=60)[0].strip() for process in [started(OPEN, str(tmp_path), b) for b in "abcde"]
    ]
    assert sorted(refused) == ["False", "False", "True", "True", "True"]
    assert len(Openings(tmp_path).bundles("test-part")) == 2


def test_a_lock_is_gone_when_it_is_given_back(tmp_path: Path) -> None:
    lock = tmp_path / "locks" / "one"
    with alone(lock):
        assert lock.exists()
    assert not lock.exists()


def test_who_looks_at_a_run_does_not_keep_another_from_taking_it(tmp_path: Path) -> None:
    with exclusively(tmp_path):
        assert locked(tmp_path)
    assert not locked(tmp_path)


def test_two_checks_of_one_recipe_at_once(tmp_path: Path) -> None:
    folder = write_shop(tmp_path)
    environment = {**os.environ, "FITTINGROOM_KEY": "k" * 32, "FITTINGROOM_LANG": "en"}
    command = [sys.executable, "-m", "fittingroom", "check"]
    both = [
        subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    # What each process held in memory and the seconds it took are its own measurements: only they may differ.
    measured = re.compile(r"\d+(\.\d+)? (GiB|MiB|min\w*|s\w*)\b")
    told = [measured.sub("some", out) for out, _ in said]
    assert told[0] == told[1]
