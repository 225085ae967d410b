"""What all sources that are files have in common: being there, their encoding, their lines, their digest."""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from fittingroom.engine import Context
from fittingroom.errors import RecipeError, SourceError

Reject = Callable[[int, str, str], None]
"""reject(line, reason, text): a row that could not be read, where it stood and why; `text` is not yet redacted."""

BATCH = 5_000
"""Rows per Arrow batch."""
_CHUNK = 1 << 20
_SAMPLE = 1 << 22
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def locate(path: str, context: Context) -> Path:
    """The file, or a SourceError that says what stands at that place."""
    full = context.path(path)
    if full.is_dir():
        raise SourceError("is a folder; name a file in it", "是一个文件夹;请写出其中的文件", place=path)
    if not full.exists():
        raise SourceError(
            "there is no such file; relative paths start at the workspace",
            "没有这个文件;相对路径从工作区算起",
            place=path,
        )
    try:
        with full.open("rb") as file:
            first = file.read(1)
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", f"无法读取:{error.strerror}", place=path) from error
    if not first:
        raise SourceError("the file is empty", "文件是空的", place=path)
    return full


def digest(path: str, context: Context) -> str:
    """BLAKE2b of the file's bytes."""
    seal = hashlib.blake2b(digest_size=16)
    with locate(path, context).open("rb") as file:
        while chunk := file.read(_CHUNK):
            seal.update(chunk)
    return seal.hexdigest()


def line_count(path: str, context: Context) -> int:
    """Line ends in the file; a cheap estimate of its rows."""
    with locate(path, context).open("rb") as file:
        return max(1, sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(_CHUNK), b"")))


def lines(path: Path, encoding: str) -> Iterator[tuple[int, str]]:
    """(line number, line with its end). A byte that the encoding does not know becomes a lone surrogate: see `torn`."""
    errors = "surrogateescape" if encoding in ("utf-8", "utf-8-sig", "gb18030", "cp1252") else "replace"
    # newline="" leaves line ends as they are: a quoted field keeps its own
    with path.open(encoding=encoding, errors=errors, newline="") as file:
        yield from enumerate(file, start=1)


_TORN = re.compile("[\udc80-\udcff\ufffd]")


def torn(line: str, encoding: str) -> bool:
    """Whether the line holds bytes that are no text in this encoding (an honest U+FFFD in UTF-8 is text)."""
    found = _TORN.search(line)
    return found is not None and (found.group() != "\ufffd" or encoding.startswith(("utf-16", "utf-32")))


def encoding_of(path: Path, given: str, place: str) -> str:
    """The encoding given, or the one found: by byte order mark, by zero bytes, then UTF-8, GB 18030, Windows-1252.

    A file whose bytes are neither wholly UTF-8 nor wholly GB 18030 is taken for the one with fewer broken places; the
    lines that hold them are rejected one by one. Raises RecipeError when the given name is no encoding.
    """
    if given:
        try:
            codecs.lookup(given)
        except LookupError:
            raise RecipeError(
                f"{given!r} is no known encoding; leave it out to have it detected",
                f"不认识编码 {given!r};可不写,由程序识别",
                place=place,
            ) from None
        return given
    with path.open("rb") as file:
        head = file.read(_SAMPLE)
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    if b"\0" in head[:1000]:
        return "utf-16-le" if head[1:1000:2].count(0) > head[0:1000:2].count(0) else "utf-16-be"
    broken = {name: _broken(path, name) for name in ("utf-8", "gb18030")}
    if broken["utf-8"] == 0:
        return "utf-8"
    if _is_western(head):
        return "cp1252"
    return "gb18030" if broken["gb18030"] < broken["utf-8"] else "utf-8"


def _broken(path: Path, encoding: str) -> int:
    """How many places of a file are no text in this encoding."""
    decoder = codecs.getincrementaldecoder(encoding)(errors="surrogateescape")
    count = 0
    with path.open("rb") as file:
        while True:
            chunk = file.read(_CHUNK)
            text = decoder.decode(chunk, final=not chunk)
            if not text.isascii():
                count += sum(1 for _ in re.finditer("[\udc80-\udcff]+", text))
            if not chunk:
                return count


def _is_western(head: bytes) -> bool:
    """Whether the bytes beyond ASCII are single accents and curly quotes between Latin letters, as in Windows-1252.

    GB 18030 always has them in pairs, and `it’s` of Windows would turn into it抯.
    """
    runs = re.findall(rb"[\x80-\xff]+", head)
    single = sum(1 for run in runs if len(run) == 1)
    between = len(re.findall(rb"[A-Za-z ,.][\x80-\xff][A-Za-z ,.]", head))
    return bool(runs) and single >= 0.9 * len(runs) and between >= 0.5 * len(runs)
