"""Times as shops write them, read as UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_EPOCH = re.compile(r"\d{9,10}(?:\.\d+)?|\d{12,13}|\d{15,16}")
_CHINESE = re.compile(
    r"(\d{4})[年/.](\d{1,2})[月/.](\d{1,2})日?(?:[ T]*(\d{1,2})[:时](\d{1,2})(?:[:分](\d{1,2})秒?)?分?)?"
)
_LOG = re.compile(r"(\d{2})/([A-Z][a-z]{2})/(\d{4}):(\d{2}:\d{2}:\d{2})(?: ([+-]\d{4}))?")
_TWITTER = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) (\d{1,2}) (\d{2}:\d{2}:\d{2}) ([+-]\d{4}) (\d{4})")
_MONTHS = {
    name: place
    for place, name in enumerate(
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"], start=1
    )
}


def parse_time(text: str | None) -> datetime | None:
    """A time in UTC, or None when there is none or it cannot be read without guessing (01/02/2024).

    ISO 8601, `2024-01-31 10:00:00` (taken as UTC when no zone is given), 2024/1/31, 2024年1月31日, seconds,
    milliseconds or microseconds since 1970, and the forms of web logs, mails and social networks.
    """
    text = (text or "").strip()
    if not text:
        return None
    try:
        return _utc(_read(text))
    except (ValueError, KeyError, OverflowError, OSError):
        return None


def _read(text: str) -> datetime:
    if _EPOCH.fullmatch(text):
        whole = len(text.partition(".")[0])
        return datetime.fromtimestamp(float(text) / (1 if whole <= 10 else 1e3 if whole <= 13 else 1e6), UTC)
    if text[0].isdigit():
        found = _CHINESE.fullmatch(text)
        if found:
            return datetime(*(int(part or 0) for part in found.groups()))  # type: ignore[arg-type]
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


def _utc(when: datetime) -> datetime:
    if not 1970 <= when.year <= 2200:
        raise ValueError("not a time of a shop")
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
