"""`review`: the rows whose labels people should look at, as a CSV file that any spreadsheet opens."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from fittingroom.errors import StoreError
from fittingroom.history import History
from fittingroom.store import Store
from fittingroom.types import Splits

_COLUMNS = ("id", "part", "text", "given", "suggested", "confidence", "reason", "decision", "by")
# A spreadsheet would take such a cell for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_review(root: Path, history: History, folder: Path, out: Path) -> int:
    """Write the review table of a run's audit, the surest suspicions first; returns the number of rows.

    Texts are the redacted ones. The columns `decision` and `by` are empty, for people to fill in.
    """
    digests = history.summary(folder).digests
    store = Store(root)
    digest = digests.get("audit")
    if not digest or not store.has(digest):
        raise StoreError(
            "this run has no audited rows (any more); run its recipe again",
            "该运行没有（或不再有）审计过的数据；请重新运行其配方",
            place=f"runs/{folder.name}",
        )
    splits = store.load(digest, Splits)
    rows = splits.review.dicts() if splits.review is not None else []
    texts = _texts(splits, {row["id"] for row in rows})
    rows.sort(key=lambda row: (-(row["confidence"] or 0.0), row["id"]))
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", newline="", encoding="utf-8-sig") as file:  # the mark makes spreadsheets read UTF-8
        writer = csv.DictWriter(file, fieldnames=_COLUMNS, extrasaction="ignore")
        writer.writeheader()
        for row in rows:
            writer.writerow({**row, "text": _harmless(texts.get(row["id"], "")), "decision": "", "by": ""})
    return len(rows)


def _texts(splits: Splits, wanted: set[str]) -> dict[str, str]:
    """Row id -> input fields joined by line ends, for the rows wanted."""
    found: dict[str, str] = {}
    for table in (*splits.parts().values(), splits.dropped):
        frame = table.frame().select("id", "input")
        for row in frame.filter(frame["id"].is_in(sorted(wanted))).iter_rows(named=True):
            fields: dict[str, Any] = row["input"]
            found[row["id"]] = "\n".join(value for value in fields.values() if value)
    return found


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
