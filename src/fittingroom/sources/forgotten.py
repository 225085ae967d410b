"""Who is to stay out: the list of forgotten customers, `forgotten/`, one file each, and rows past their retention.

A file holds keyed pseudonyms only, never the customer's own number: what is needed to know them again when a source
still has them. It is written before anything is erased, and marked as done at the end: so an erasure that was killed is
finished by the next one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import Field, ValidationError

from fittingroom.errors import StoreError
from fittingroom.sources.config import SourceConfig
from fittingroom.sources.rows import Marks, key_fingerprint
from fittingroom.store import digest_of, write_text
from fittingroom.text.redact import pseudonym
from fittingroom.types import Frozen

FOLDER = "forgotten"
_NAME = re.compile("[a-p]{16}")
FORGOTTEN = "the customer is to be forgotten"
EXPIRED = "older than the retention of its source"
TIMELESS = "no time by which the retention could be kept"


class Entry(Frozen):
    """One forgotten customer."""

    group: str
    """Pseudonym of the customer where a column names whose a row is."""
    row_key: str
    """Pseudonym of the customer where the primary key is the customer."""
    key: str
    """Which pseudonym key was used."""
    begun: str
    """When, UTC in ISO 8601."""
    done: str = ""
    """When everything was erased; empty while that is under way."""
    releases: list[int] = Field(default_factory=list)
    """Releases that were trained on these rows."""

    @property
    def names(self) -> tuple[str, str]:
        """Both pseudonyms."""
        return self.group, self.row_key


def entry_of(secret: bytes, customer: str) -> Entry:
    """A new entry for a customer, under the number that sources know them by."""
    return Entry(
        group=pseudonym(secret, "group", customer),
        row_key=pseudonym(secret, "key", customer),
        key=key_fingerprint(secret),
        begun=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def entries(root: Path, secret: bytes) -> list[Entry]:
    """The list, by pseudonym. Raises StoreError for a damaged file, and for one that was made with another key: then
    nobody can tell who is to stay out.
    """
    found = []
    folder = root / FOLDER
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else []:
        if path.name.startswith(".") or not _NAME.fullmatch(path.stem):
            continue
        try:
            entry = Entry.model_validate_json(path.read_text(encoding="utf-8"))
        except ValidationError:
            raise StoreError(
                "is not an entry of the list of forgotten customers: put the file back from a copy",
                "不是遗忘名单的条目：请用备份恢复该文件",
                place=f"{FOLDER}/{path.name}",
            ) from None
        if entry.key != key_fingerprint(secret):
            raise StoreError(
                "was made with another FITTINGROOM_KEY, so the forgotten customer cannot be known again: use the old "
                "key, or forget the customer again with the new one and take this file away",
                "由另一个 FITTINGROOM_KEY 生成，无法再认出被遗忘的客户：请使用原密钥，"
                "或用新密钥重新遗忘该客户后移走此文件",
                place=f"{FOLDER}/{path.name}",
            )
        found.append(entry)
    return found


def keep(root: Path, entry: Entry) -> None:
    """Write an entry, for its owner's eyes alone."""
    write_text(root / FOLDER / f"{entry.group}.json", entry.model_dump_json(indent=1) + "\n", mode=0o600)


def known(root: Path, group: str) -> bool:
    """Whether the customer of this pseudonym is on the list."""
    return (root / FOLDER / f"{group}.json").is_file()


def fingerprint(found: Sequence[Entry]) -> str:
    """Digest of who is on the list; "" for nobody."""
    return digest_of(sorted(entry.group for entry in found)) if found else ""


def cutoff(source: SourceConfig) -> datetime | None:
    """Rows from before this moment are past the retention of their source: whole days, in UTC. None without one."""
    return days_ago(source.retention) if source.retention else None


def days_ago(retention: str) -> datetime:
    """The beginning of the day that lies so many days (`90d`) before this one."""
    return today() - timedelta(days=int(retention.removesuffix("d")))


def today() -> datetime:
    """The beginning of this day in UTC."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


class Doorkeeper:
    """Says which rows of a batch stay out, and why."""

    def __init__(self, found: Sequence[Entry]) -> None:
        self._names = frozenset(name for entry in found for name in entry.names)

    def out(self, source: SourceConfig, marks: Marks) -> dict[int, str]:
        """Place in the batch -> reason."""
        found: dict[int, str] = {}
        limit = cutoff(source)
        # A column of customers' numbers counts whatever the recipe takes it for.
        for column in marks.people.values() if self._names else ():
            found |= {place: FORGOTTEN for place, person in enumerate(column) if person in self._names}
        for place, (group, key, time) in enumerate(zip(marks.groups, marks.row_keys, marks.times, strict=True)):
            if group in self._names or key in self._names:
                found[place] = FORGOTTEN
            elif place in found:
                continue
            elif limit is not None and (time is None or time < limit):
                found[place] = TIMELESS if time is None else EXPIRED
        return found
