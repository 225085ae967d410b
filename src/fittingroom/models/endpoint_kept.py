"""What endpoints answered, kept in the workspace: `endpoints/<name>.jsonl`, an append-only journal.

answer   what was made of a reply, under a digest of what was asked, with the row that it was asked for
used     the same answer, given to another row
paid     money for a try that gave nothing, or for an answer that was forgotten
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from fittingroom.journal import Journal, alone
from fittingroom.models.endpoint_prices import Tokens
from fittingroom.store import write_text

FOLDER = "endpoints"


class Answered(NamedTuple):
    """An answer, as the caller keeps it."""

    kept: dict[str, Any]
    """JSON values."""
    model: str
    tokens: Tokens | None
    cost: float
    """In the currency of the prices; 0 where they are not known."""
    seconds: float

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Answered:
        """As a journal has it."""
        tokens = Tokens(*event["tokens"]) if event["tokens"] is not None else None
        return cls(event["kept"], event["model"], tokens, event["cost"], event["seconds"])


class Kept(NamedTuple):
    """All that a journal says."""

    answers: dict[str, Answered]
    used: set[tuple[str, str]]
    """(key, row)."""
    spent: float
    """In the currency asked for."""


def read(path: Path, currency: str) -> Kept:
    """The journal of one endpoint."""
    kept = Kept({}, set(), 0.0)
    spent = 0.0
    for event in Journal(path).read():
        if event.get("currency") == currency:
            spent += event.get("cost") or 0.0
        if event["kind"] == "answer":
            kept.answers[event["key"]] = Answered.of(event)
        if event["kind"] in ("answer", "used"):
            kept.used.add((event["key"], event["row"]))
    return kept._replace(spent=spent)


def lock_of(root: Path, name: str) -> Path:
    """Held while an endpoint is asked, and while its answers are taken out."""
    return root / "locks" / f"{FOLDER}-{name}"


def forget(root: Path, rows: Collection[str], names: Collection[str] = ()) -> int:
    """Take the answers that were given for these rows (ids), or for rows of these customers (pseudonyms), out of the
    workspace; returns how many there were. What they cost stays in the account.
    """
    gone = 0
    folder = root / FOLDER
    for path in sorted(folder.glob("*.jsonl")) if folder.is_dir() else []:
        with alone(lock_of(root, path.stem)):
            events = list(Journal(path).read())
            # The rows may be long out of the store; whose they were stands beside the answer.
            keys = {event["key"] for event in events if event.get("row") in rows or event.get("group") in names}
            if not keys:
                continue
            lines = [event for event in events if event.get("key") not in keys]
            for event in events:
                if event.get("key") in keys and event["kind"] == "answer":
                    gone += 1
                    lines.append(
                        {"kind": "paid"} | {name: event[name] for name in ("at", "cost", "currency", "purpose")}
                    )
            write_text(path, "".join(f"{json.dumps(event, ensure_ascii=False)}\n" for event in lines))
            path.chmod(0o600)
    return gone
