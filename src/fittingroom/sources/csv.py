"""CSV files as they come from spreadsheets and shop systems.

RFC 4180, also below Excel's own first line `sep=;`: a quoted field may hold delimiters, doubled quotes and line breaks.
A row with another number of fields than the header, a quote that is never closed, or bytes that are no text costs that
row only: it is rejected with its line, and reading goes on with the next line.
"""

from __future__ import annotations

import csv as standard
import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fittingroom.engine import Context
from fittingroom.errors import SourceError
from fittingroom.sources.batching import columnar
from fittingroom.sources.config import CsvSource
from fittingroom.sources.files import Reject, digest, encoding_of, fault_of, line_count, lines, locate

if TYPE_CHECKING:
    import pyarrow as pa

_MAX_RECORD_LINES = 500
_MAX_RECORD_CHARS = 1_000_000


def check(config: CsvSource, context: Context) -> None:
    """The file is there, and its header can be read."""
    path = locate(config.path, context)
    encoding = encoding_of(path, config.encoding, config.path)
    _header(_Records(path, encoding, config), config)


def fingerprint(config: CsvSource, context: Context) -> str:
    """Digest of the file's bytes."""
    return digest(config.path, context)


def size(config: CsvSource, context: Context) -> int:
    """About as many rows as lines."""
    return line_count(config.path, context)


def read(config: CsvSource, context: Context, reject: Reject) -> Iterator[pa.RecordBatch]:
    """All rows. Raises SourceError for a file without a usable header."""
    path = locate(config.path, context)
    encoding = encoding_of(path, config.encoding, config.path)
    records = _Records(path, encoding, config)
    names = _header(records, config)
    yield from columnar(names, _rows(records, len(names), reject))


def _header(records: _Records, config: CsvSource) -> list[str]:
    """Column names; an empty one is named by its place."""
    found = next((record for record in records if record.values is None or any(record.values)), None)
    if found is None or found.values is None:
        raise SourceError(
            "has no readable header line; the first line must name the columns",
            "没有可读的表头；第一行必须是列名",
            place=config.path,
        )
    names = [name.strip().strip("\ufeff") or f"column_{place}" for place, name in enumerate(found.values, start=1)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SourceError(
            f"the header names {', '.join(twice)} twice; rename one of them",
            f"表头里 {', '.join(twice)} 出现了两次；请改名",
            place=config.path,
        )
    return names


_DELIMITERS = ",\t;|"
_SAID = re.compile(r'\ufeff?"?sep=(?P<delimiter>[^"\r\n])"?[,;\t| ]*[\r\n]*', re.IGNORECASE)
"""What Excel writes and reads above the header, to say which delimiter follows."""


def _delimiter(path: Path, encoding: str) -> str:
    """The one that stands most often in the first line, outside quotes; the comma where none does."""
    head = next((line for _, line in lines(path, encoding) if line.strip("\ufeff \t\r\n,;|")), "")
    bare = re.sub(r'"[^"]*"', "", head)
    return max(_DELIMITERS, key=bare.count)  # the first of equals


def _rows(records: _Records, width: int, reject: Reject) -> Iterator[tuple[int, list[str | None]]]:
    for record in records:
        if record.values is None:
            reject(record.line, record.reason, record.text)
        elif len(record.values) == width:
            yield record.line, list(record.values)
        elif record.values and not (len(record.values) == 1 and not record.values[0].strip()):
            reject(record.line, f"{len(record.values)} fields where the header has {width}", record.text)
            # Several lines that do not fit together: a stray quote has swallowed them; only the first is to blame.
            records.give_back(record)


class _Record:
    """A row of the file: its values, or why it has none."""

    __slots__ = ("line", "parts", "reason", "text", "values")

    def __init__(self, line: int, parts: list[tuple[int, str]], values: list[str] | None, reason: str = "") -> None:
        self.line = line
        self.parts = parts
        self.values = values
        self.reason = reason
        self.text = parts[0][1].rstrip("\r\n")


class _Records:
    """The records of a file, in order; lines of a record that turned out to be none can be given back."""

    def __init__(self, path: Path, encoding: str, config: CsvSource) -> None:
        if len(config.delimiter) > 1:
            raise SourceError(
                "the delimiter must be one character", "分隔符必须是一个字符", place=f"{config.path}: delimiter"
            )
        self._encoding = encoding
        self._lines = lines(path, encoding)
        said = _SAID.fullmatch(next(lines(path, encoding), (0, ""))[1])
        if said:
            next(self._lines)
        self._delimiter = config.delimiter or (said["delimiter"] if said else _delimiter(path, encoding))
        self._waiting: deque[tuple[int, str]] = deque()

    def give_back(self, record: _Record) -> None:
        """Read all lines of a record but the first once more."""
        self._waiting.extendleft(reversed(record.parts[1:]))

    def __iter__(self) -> Iterator[_Record]:
        return self

    def __next__(self) -> _Record:
        first = self._next_line()
        if first is None:
            raise StopIteration
        number, text = first
        fault = fault_of(text, self._encoding)
        if fault:
            return _Record(number, [first], None, fault)
        parts = [first]
        while True:
            try:
                return _Record(number, parts, self._parse(text))
            except standard.Error as error:
                unclosed = "unexpected end of data" in str(error)
                if unclosed and self._grow(parts):
                    text = "".join(line for _, line in parts)
                    continue
                self._waiting.extendleft(reversed(parts[1:]))
                return _Record(number, [first], None, _reason(str(error)))

    def _grow(self, parts: list[tuple[int, str]]) -> bool:
        """Add the lines up to the next one with a quote: only that can close the field."""
        length = sum(len(line) for _, line in parts)
        while len(parts) < _MAX_RECORD_LINES and length < _MAX_RECORD_CHARS:
            more = self._next_line()
            if more is None:
                return False
            if fault_of(more[1], self._encoding):
                self._waiting.appendleft(more)
                return False
            parts.append(more)
            length += len(more[1])
            if '"' in more[1]:
                return True
        return False

    def _parse(self, text: str) -> list[str]:
        rows = list(standard.reader([text], delimiter=self._delimiter, strict=True))
        return rows[0] if rows else []

    def _next_line(self) -> tuple[int, str] | None:
        if self._waiting:
            return self._waiting.popleft()
        return next(self._lines, None)


def _reason(error: str) -> str:
    if "unexpected end of data" in error:
        return "a quote is not closed"
    if "field limit" in error:
        return f"a field is longer than {standard.field_size_limit()} characters"
    return "a quote inside a quoted field is not doubled"
