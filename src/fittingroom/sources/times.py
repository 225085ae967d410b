"""Times as shops write them, read as UTC."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_EPOCH = re.compile(r"\d{9,10}(?:\.\d+)?|\d{12,13}|\d{15,16}")
_EARLIEST, _LATEST = 946_684_800, 2_000_000_000
"""Seconds since 1970 between which a number is a time: from the year 2000 to May 2033. Others are numbers of something.
"""
_COMPACT = re.compile(r"((?:19[7-9]|20\d)\d)(\d\d)(\d\d)(?:[ T]?(\d\d)(?:(\d\d)(?:(\d\d)(\d{3})?)?)?)?")
_WRITTEN = re.compile(
    r"(?P<year>\d{4})(?:(?P<mark>[-/.])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})"
    r"|年(?P<month_>\d{1,2})月(?P<day_>\d{1,2})日?)"
    r"(?:[ T]{0,3}(?P<half>上午|下午|[AaPp][Mm] )?(?P<hour>\d{1,2})[:时点](?P<minute>\d{1,2})"
    r"(?:[:分](?P<second>\d{1,2})(?:[.,](?P<part>\d{1,9}))?秒?)?分?(?: ?(?P<half_>[AaPp][Mm]))?"
    r" ?(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2})?)?"
)
_LOG = re.compile(r"(\d{2})/([A-Z][a-z]{2})/(\d{4}):(\d{2}:\d{2}:\d{2})(?: ([+-]\d{4}))?")
_TWITTER = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) (\d{1,2}) (\d{2}:\d{2}:\d{2}) ([+-]\d{4}) (\d{4})")
_MONTHS = {
    name: place
    for place, name in enumerate(
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"], start=1
    )
}


def parse_time(text: str | None, written: str = "") -> datetime | None:
    """A time in UTC, or None when there is none or it cannot be read without guessing (01/02/2024).

    `written`: the form it has, in the signs of strptime; then no other form is read.

    ISO 8601, `2024-01-31 10:00:00` (taken as UTC when no zone is given), 2024-1-31 9:03, 2024/1/31 9:03 PM,
    2024年1月31日 下午3时5分, 20240131, 20240131100000, seconds, milliseconds or microseconds since 1970, and the forms
    of web logs, mails and social networks.
    """
    text = (text or "").strip()
    if not text:
        return None
    try:
        return _utc(datetime.strptime(text, written) if written else _read(text))
    except (ValueError, KeyError, OverflowError, OSError):
        return None


def _read(text: str) -> datetime:
    if text[0].isdigit():
        if text[4:5] == "-" == text[7:8] and len(text) >= 10:  # what most tables hold, and the fastest to read
            with suppress(ValueError):
                return datetime.fromisoformat(text)
        if found := _COMPACT.fullmatch(text):
            return _compact([int(part or 0) for part in found.groups()])
        if _EPOCH.fullmatch(text):
            return _since_1970(text)
        if found := _WRITTEN.fullmatch(text):
            return _written(found.groupdict())
        log = _LOG.fullmatch(text)
        if log:
            day, month, year, clock, zone = log.groups()
            return datetime.fromisoformat(f"{year}-{_MONTHS[month]:02d}-{day}T{clock}{zone or ''}")
        if not re.match(r"\d{4}", text):
            return parsedate_to_datetime(text)
        return datetime.fromisoformat(text.replace(" UTC", "+00:00").replace(" +", "+"))
    social = _TWITTER.fullmatch(text)
    if social:
        month, day, clock, zone, year = social.groups()
        return datetime.fromisoformat(f"{year}-{_MONTHS[month]:02d}-{int(day):02d}T{clock}{zone}")
    return parsedate_to_datetime(text)


def _compact(parts: list[int]) -> datetime:
    year, month, day, hour, minute, second, thousandths = parts
    return datetime(year, month, day, hour, minute, second, thousandths * 1000)


def _since_1970(text: str) -> datetime:
    """Of a number in seconds, milliseconds or microseconds. ValueError where it is far from any time of a shop."""
    whole = len(text.partition(".")[0])
    seconds = float(text) / (1 if whole <= 10 else 1e3 if whole <= 13 else 1e6)
    if not _EARLIEST <= seconds < _LATEST:
        raise ValueError("a number of something else")
    return datetime.fromtimestamp(seconds, UTC)


def _written(said: dict[str, str | None]) -> datetime:
    """Year first, the rest in any width; an hour of the afternoon may be counted from noon."""
    hour, half = int(said["hour"] or 0), (said["half"] or said["half_"] or "").strip().lower()
    if half in ("下午", "pm") and hour < 12:
        hour += 12
    elif half in ("上午", "am") and hour == 12:
        hour = 0
    zone = said["zone"] or ""
    when = datetime(
        int(said["year"] or 0), int(said["month"] or said["month_"] or 0), int(said["day"] or said["day_"] or 0), hour,
        int(said["minute"] or 0), int(said["second"] or 0), int((said["part"] or "").ljust(6, "0")[:6]),
    )  # fmt: skip
    if zone in ("Z", "UTC", "GMT"):
        return when.replace(tzinfo=UTC)
    return datetime.fromisoformat(f"{when.isoformat()}{zone}") if zone else when


def _utc(when: datetime) -> datetime:
    if not 1970 <= when.year <= 2200:
        raise ValueError("not a time of a shop")
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
