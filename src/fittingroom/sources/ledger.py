"""The account of every row that was read: kept, dropped, or rejected with its place and reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fittingroom.errors import SourceError
from fittingroom.reasons import in_chinese
from fittingroom.sources.batching import Item
from fittingroom.sources.config import SourceConfig
from fittingroom.sources.rows import place_of
from fittingroom.tables import Table, Writer
from fittingroom.types import rejected_schema

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_HELD = 50_000


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
    """One account per source, and the rejected rows of all.

    Up to 50,000 rejected rows are held; beyond that they go to a file, so that gigabytes of a log in another format
    need no memory of their size.
    """

    def __init__(self, sources: Sequence[tuple[str, SourceConfig]], folder: Path) -> None:
        self._configs = dict(sources)
        self.accounts = {name: Account() for name, _ in sources}
        self._rejects: list[dict[str, Any]] = []
        self._reasons: Counter[str] = Counter()
        self._first: dict[str, dict[str, Any]] = {}
        self._path = folder / "rejected.spill.parquet"
        self._file: pq.ParquetWriter | None = None
        self._with_people = False

    def reject(
        self, name: str, line: int, reason: str, safe_text: str, group: str | None = None, person: str | None = None
    ) -> None:
        """Write down a row that cannot be used. `safe_text` is redacted already; `group`: whose row, if known, and
        `person` where the group is not the customer.
        """
        self.accounts[name].rejected += 1
        place, item = place_of(self._configs[name]), line.item if isinstance(line, Item) else 0
        row = {"source": name, "file": f"{place} (item {item})" if item else place, "line": int(line)}
        row |= {"item": item, "reason": reason, "text": safe_text, "group": group, "person": person}
        self._with_people = self._with_people or person is not None
        self._reasons[reason] += 1
        self._first.setdefault(name, row)
        self._rejects.append(row)
        if len(self._rejects) >= _HELD:
            self._spill()

    def demand_rows(self, name: str) -> None:
        """Raise SourceError when a source gave no row that can be used."""
        account, place = self.accounts[name], place_of(self._configs[name])
        if account.rows > account.rejected:
            return
        first = self._first.get(name)
        if first is None:
            raise SourceError("has no rows", "没有任何数据行", place=place)
        place = first["file"]
        raise SourceError(
            f"none of its {account.rejected} rows could be read; the first: line {first['line']}, {first['reason']}",
            f"{account.rejected} 行全部无法读取；第一处：第 {first['line']} 行，{in_chinese(first['reason'])}",
            place=place,
        )

    def balance(self) -> None:
        """Rows in = kept + dropped + rejected, for every source. AssertionError otherwise: a fault of ours."""
        for name, one in self.accounts.items():
            if one.rows != one.kept + one.dropped + one.rejected:
                raise AssertionError(f"rows of {name} went astray: {one}")

    def rejected(self, mend: Callable[[str | None, str], str], shown: int) -> Table:
        """All rejected rows, by source and line; in the order met, where there are too many to be sorted. `mend` has a
        last look at a text of a group, then it is cut.
        """
        if self._file is None:
            return Table.records(self._mended(self._sorted(), mend, shown), self._schema(self._with_people))
        self._spill()
        self._file.close()
        whole = self._path.with_name("rejected.parquet")
        schema = self._schema(self._with_people)
        with Writer(whole, schema) as writer:
            for batch in Table.read(self._path).batches():
                rows = self._mended(batch.to_pylist(), mend, shown)
                writer.write(Table.records(rows, schema).arrow())
        self._path.unlink()
        return Table.read(whole)

    @staticmethod
    def _schema(with_people: bool) -> pa.Schema:
        """`person` is a column only where a source names customers beside its group."""
        import pyarrow as pa

        return rejected_schema().append(pa.field("person", pa.string())) if with_people else rejected_schema()

    def _mended(
        self, rows: list[dict[str, Any]], mend: Callable[[str | None, str], str], shown: int
    ) -> list[dict[str, Any]]:
        return [{**row, "text": mend(row["group"], row["text"])[:shown]} for row in rows]

    def _sorted(self) -> list[dict[str, Any]]:
        return sorted(self._rejects, key=lambda row: (row["source"], row["line"], row["item"], row["reason"]))

    def _spill(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = self._schema(True)
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = pq.ParquetWriter(self._path, schema, compression="zstd")
        self._file.write_table(pa.Table.from_pylist(self._sorted(), schema=schema))
        self._rejects = []

    def facts(self) -> dict[str, Any]:
        """Counts for the report."""
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
        return {"sources": sources, "rejected_by_reason": dict(sorted(self._reasons.items()))}
