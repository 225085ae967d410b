"""The record of traffic: one JSON line per message in `requests/<date>.jsonl`, redacted before it comes here.

Each line is one `os.write` in append mode, so several servers may share a folder; the disk is told to keep it once a
second and at the end, not per line. A line that a crash tore is ended by the next writer and passed over, counted, by
the reader.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Container, Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from fittingroom.tables import Table

if TYPE_CHECKING:
    import pyarrow as pa

FOLDER = "requests"


class Record(NamedTuple):
    """One message that was answered. `input` is cleaned and redacted."""

    time: datetime
    route: str
    """`classify`, `write`, `rank` or `chat`."""
    alias: str
    release: int
    input: Mapping[str, str]
    label: str | None
    """The label given; for a ranking, the first title; for a chat, the answer if it is one of the labels."""
    confidence: float | None
    """Calibrated probability of the label; a chat has none."""
    seconds: float
    """Time spent on the request that the message came in."""
    group: str | None = None
    """Keyed pseudonym of the customer, where the request said who is asking (`user`)."""

    @classmethod
    def now(
        cls,
        route: str,
        alias: str,
        release: int,
        seconds: float,
        given: Mapping[str, str],
        label: str | None,
        confidence: float | None = None,
        group: str | None = None,
    ) -> Record:
        """A record of this moment."""
        return cls(datetime.now(UTC), route, alias, release, given, label, confidence, seconds, group)


class Sink(Protocol):
    """Where records go."""

    def write(self, records: list[Record]) -> None:
        """Keep them; raises OSError when that is not possible."""

    def close(self) -> None:
        """Make everything durable."""


class Nowhere:
    """A sink that keeps nothing: for a shop that wants no record, and for `ask`."""

    def write(self, records: list[Record]) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing is open."""


class Recorder:
    """Appends records to one file a day (UTC), readable by the owner alone. Safe to share between threads."""

    def __init__(
        self, folder: Path, *, sync_seconds: float = 1.0, refused: Callable[[str], bool] = lambda group: False
    ) -> None:
        """`refused` says of whom nothing is recorded any more."""
        self.folder = folder
        self._refused = refused
        self._sync_seconds = sync_seconds
        self._lock = threading.Lock()
        self._day: date | None = None
        self._handle = -1
        self._dirty = False
        self._closed = threading.Event()
        self._syncer: threading.Thread | None = None

    def write(self, records: list[Record]) -> None:
        """Append one line per record."""
        with self._lock:
            if self._closed.is_set():
                raise OSError("the record is closed")
            for record in records:
                if record.group is not None and self._refused(record.group):
                    continue
                self._turn_to(record.time.astimezone(UTC).date())
                os.write(self._handle, _line(record))
                self._dirty = True
            if self._syncer is None:
                self._syncer = threading.Thread(target=self._sync_regularly, name="record-sync", daemon=True)
                self._syncer.start()

    def close(self) -> None:
        """Make everything durable and let go of the file."""
        self._closed.set()
        if self._syncer is not None:
            self._syncer.join()
        with self._lock:
            self._let_go()

    def _turn_to(self, day: date) -> None:
        """Open the file of a day; a torn last line of an earlier life is ended first."""
        if day == self._day:
            return
        self._let_go()
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{day.isoformat()}.jsonl"
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._day = day
        size = os.fstat(self._handle).st_size
        if size and os.pread(self._handle, 1, size - 1) != b"\n":
            os.write(self._handle, b"\n")

    def _let_go(self) -> None:
        if self._handle >= 0:
            os.fsync(self._handle)
            os.close(self._handle)
        self._handle, self._day, self._dirty = -1, None, False

    def _sync_regularly(self) -> None:
        while not self._closed.wait(self._sync_seconds):
            with self._lock:
                if self._dirty:
                    os.fsync(self._handle)
                    self._dirty = False


class Traffic(NamedTuple):
    """A window of the record."""

    table: Table
    """One row per message, oldest first, in `traffic_schema`."""
    torn: int
    """Lines that could not be read."""


def traffic_schema() -> pa.Schema:
    """Columns of recorded traffic: when, what was asked (fields joined by line ends), what was answered."""
    import pyarrow as pa

    return pa.schema(
        [
            ("time", pa.timestamp("us", tz="UTC")),
            ("route", pa.string()),
            ("alias", pa.string()),
            ("release", pa.int64()),
            ("input", pa.string()),
            ("label", pa.string()),
            ("confidence", pa.float64()),
            ("seconds", pa.float64()),
        ]
    )


def read_traffic(
    folder: Path,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    route: str = "classify",
    alias: str = "",
    release: int | None = None,
) -> Traffic:
    """Recorded messages with `since` <= time < `until` of one route (all aliases and releases unless named).

    A folder that is not there is a server that was never asked: no rows.
    """
    import pyarrow as pa

    rows: list[dict[str, Any]] = []
    torn = 0
    for path in _days(folder, since, until):
        for line in path.read_bytes().split(b"\n"):
            if not line.strip():  # erased, see `erase`
                continue
            row = _parsed(line)
            if row is None:
                torn += 1
            elif (
                row["route"] == route
                and (not alias or row["alias"] == alias)
                and (release is None or row["release"] == release)
                and (since is None or row["time"] >= since)
                and (until is None or row["time"] < until)
            ):
                rows.append(row)
    rows.sort(key=lambda row: row["time"])
    return Traffic(Table.of(pa.Table.from_pylist(rows, schema=traffic_schema())), torn)


def erase(folder: Path, groups: Container[str], *, before: date | None = None) -> int:
    """Take records of these customers, and files of whole days before `before`, out of the record; returns how many.

    A line is overwritten with spaces where it stands: a server may be appending to the same file, and nothing of the
    text stays on the disk's blocks that the file holds. Safe under a kill: what is not erased yet is found again.
    """
    gone = 0
    for path in _days(folder, None, None):
        if before is not None and date.fromisoformat(path.stem) < before:
            gone += sum(bool(line.strip()) for line in path.read_bytes().split(b"\n"))
            path.unlink()
        elif groups:
            gone += _blanked(path, groups)
    return gone


def mentions(folder: Path, groups: Container[str]) -> bool:
    """Whether any record is of one of these customers."""
    return any(
        _group_of(line) in groups for path in _days(folder, None, None) for line in path.read_bytes().split(b"\n")
    )


def _blanked(path: Path, groups: Container[str]) -> int:
    handle, gone, start = os.open(path, os.O_RDWR | os.O_CLOEXEC), 0, 0
    try:
        for line in path.read_bytes().split(b"\n"):
            if _group_of(line) in groups:
                os.pwrite(handle, b" " * len(line), start)
                gone += 1
            start += len(line) + 1
        os.fsync(handle)
    finally:
        os.close(handle)
    return gone


def _group_of(line: bytes) -> str:
    try:
        value = json.loads(line)
        return str(value.get("group") or "")
    except (ValueError, AttributeError):
        return ""


def _line(record: Record) -> bytes:
    value = record._asdict() | {
        "time": record.time.astimezone(UTC).isoformat(timespec="milliseconds"),
        "input": dict(record.input),
        "confidence": None if record.confidence is None else round(record.confidence, 6),
        "seconds": round(record.seconds, 4),
    }
    return (json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _parsed(line: bytes) -> dict[str, Any] | None:
    """A row, or None for a line that is not whole."""
    try:
        value = json.loads(line)
        return {
            "time": datetime.fromisoformat(value["time"]),
            "route": str(value["route"]),
            "alias": str(value["alias"]),
            "release": int(value["release"]),
            "input": "\n".join(value["input"].values()),
            "label": value["label"],
            "confidence": value["confidence"],
            "seconds": float(value["seconds"]),
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _days(folder: Path, since: datetime | None, until: datetime | None) -> Iterator[Path]:
    """Files of the days that the window touches, oldest first."""
    if not folder.is_dir():
        return
    for path in sorted(folder.glob("*.jsonl")):
        try:
            day = date.fromisoformat(path.stem)
        except ValueError:
            continue
        early = since is not None and day < since.astimezone(UTC).date()
        late = until is not None and day > until.astimezone(UTC).date()
        if not early and not late:
            yield path
