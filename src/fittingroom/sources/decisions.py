"""What people decided about single rows, kept in the workspace: `reviews/`, one file per hand-in, never changed again.

A file is JSON lines (id, label, annotator, at, by) and is written aside, fsynced and renamed, so a hand-in is there as
a whole or not at all. Only keyed row ids, labels and the names of those who decided stand in it, never a text. The
stage `label` reads the fold over all files: an annotator's last word on a row counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from fittingroom.errors import StoreError
from fittingroom.store import digest_of, write_text
from fittingroom.types import Frozen

FOLDER = "reviews"
REVIEW, DISCOVER = "review:", "discover:"
"""What stands before the name of an annotator, so that a label says how it came about."""

Way = Literal["review", "discover"]


class Decision(Frozen):
    """One person's label for one row."""

    id: str = Field(min_length=1)
    label: str
    """Empty when the annotator takes an earlier word back."""
    annotator: str = Field(min_length=1)
    """The name as the person gave it."""
    at: str
    """When, UTC in ISO 8601."""
    by: Way = "review"
    """`review`: a look at this very row; `discover`: a name for the cluster that the row is in."""

    @property
    def who(self) -> str:
        """The annotator as rows name it."""
        return f"{self.by}:{self.annotator}"


def now() -> str:
    """The time of a decision that does not bring its own."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def read(root: Path) -> list[Decision]:
    """The last word of every annotator on every row, oldest first. Raises StoreError for a damaged file."""
    last: dict[tuple[str, str], Decision] = {}
    found: list[tuple[str, str, int, Decision]] = []
    for path in _files(root):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            decision = _parsed(path, number, line)
            found.append((decision.at, path.name, number, decision))
    for *_, decision in sorted(found, key=lambda item: item[:3]):
        last.pop((decision.id, decision.who), None)
        last[decision.id, decision.who] = decision
    return [one for one in last.values() if one.label]


def add(root: Path, decisions: Sequence[Decision]) -> int:
    """Keep decisions that are not the last word already; returns how many are new. All of them are kept, or none."""
    said = {(one.id, one.who): one.label for one in read(root)}
    fresh = [one for one in decisions if said.get((one.id, one.who), "") != one.label]
    if not fresh:
        return 0
    lines = [json.dumps(one.model_dump(mode="json"), ensure_ascii=False, sort_keys=True) for one in fresh]
    name = f"{datetime.now(UTC).strftime('%Y%m%d-%H%M%S-%f')}-{digest_of(lines)[:8]}.jsonl"
    write_text(root / FOLDER / name, "\n".join(lines) + "\n")
    (root / FOLDER / name).chmod(0o600)
    return len(fresh)


def fingerprint(decisions: Iterable[Decision]) -> str:
    """Digest of what is decided, whichever files it stands in; "" for nothing."""
    found = [(one.id, one.who, one.label) for one in decisions]
    return digest_of(found) if found else ""


def forget(root: Path, ids: set[str]) -> int:
    """Take the decisions on these rows out of every file, because a customer is to be forgotten; returns how many."""
    gone = 0
    for path in _files(root):
        lines = path.read_text(encoding="utf-8").splitlines()
        kept = [line for number, line in enumerate(lines, 1) if _parsed(path, number, line).id not in ids]
        gone += len(lines) - len(kept)
        if not kept:
            path.unlink()
        elif len(kept) < len(lines):
            write_text(path, "\n".join(kept) + "\n")
            path.chmod(0o600)
    return gone


def _files(root: Path) -> list[Path]:
    folder = root / FOLDER
    return sorted(path for path in folder.glob("*.jsonl") if not path.name.startswith(".")) if folder.is_dir() else []


def _parsed(path: Path, number: int, line: str) -> Decision:
    try:
        return Decision.model_validate_json(line)
    except ValidationError:
        raise StoreError(
            "is not a decision as this program writes it: put the file back from a copy, or take it away and hand the "
            "review in again",
            "不是本程序写出的决定：请用备份恢复该文件，或移走它并重新交回复核结果",
            place=f"{FOLDER}/{path.name}, line {number}",
        ) from None
