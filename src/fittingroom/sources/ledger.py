"""The account of every row that was read: kept, dropped, or rejected with its place and reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fittingroom.errors import SourceError
from fittingroom.sources.config import SourceConfig
from fittingroom.sources.rows import place_of
from fittingroom.tables import Table
from fittingroom.types import rejected_schema


@dataclass
class Account:
    """What became of the rows of one source."""

    rows: int = 0
    kept: int = 0
    dropped: int = 0
    rejected: int = 0
    unread_times: int = 0
    """Times that were there but could not be read; such a row has none."""


class Ledger:
    """One account per source, and the rejected rows of all."""

    def __init__(self, sources: Sequence[tuple[str, SourceConfig]]) -> None:
        self._configs = dict(sources)
        self.accounts = {name: Account() for name, _ in sources}
        self._rejects: list[dict[str, Any]] = []

    def reject(self, name: str, line: int, reason: str, safe_text: str, group: str | None = None) -> None:
        """Write down a row that cannot be used. `safe_text` is redacted already; `group`: whose row, if known."""
        self.accounts[name].rejected += 1
        place = place_of(self._configs[name])
        self._rejects.append(
            {"source": name, "file": place, "line": line, "reason": reason, "text": safe_text, "group": group}
        )

    def demand_rows(self, name: str) -> None:
        """Raise SourceError when a source gave no row that can be used."""
        account, place = self.accounts[name], place_of(self._configs[name])
        if account.rows > account.rejected:
            return
        first = next((row for row in self._rejects if row["source"] == name), None)
        if first is None:
            raise SourceError("has no rows", "没有任何数据行", place=place)
        raise SourceError(
            f"none of its {account.rejected} rows could be read; the first: line {first['line']}, {first['reason']}",
            f"{account.rejected} 行全部无法读取;第一处:第 {first['line']} 行,{first['reason']}",
            place=place,
        )

    def balance(self) -> None:
        """Rows in = kept + dropped + rejected, for every source. AssertionError otherwise: a fault of ours."""
        for name, one in self.accounts.items():
            if one.rows != one.kept + one.dropped + one.rejected:
                raise AssertionError(f"rows of {name} went astray: {one}")

    def rejected(self, mend: Callable[[str | None, str], str], shown: int) -> Table:
        """All rejected rows, by source and line; `mend` has a last look at a text of a group, then it is cut."""
        for row in self._rejects:
            row["text"] = mend(row["group"], row["text"])[:shown]
        rows = sorted(self._rejects, key=lambda row: (row["source"], row["line"], row["reason"]))
        return Table.records(rows, rejected_schema())

    def facts(self) -> dict[str, Any]:
        """Counts for the report."""
        reasons = Counter(row["reason"] for row in self._rejects)
        sources = {
            name: {
                "in": one.rows,
                "kept": one.kept,
                "dropped": one.dropped,
                "rejected": one.rejected,
                "unread_times": one.unread_times,
            }
            for name, one in self.accounts.items()
        }
        return {"sources": sources, "rejected_by_reason": dict(sorted(reasons.items()))}
