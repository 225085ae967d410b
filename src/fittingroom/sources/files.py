"""What all sources that are files have in common: being there, their encoding, their lines, their digest."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from fittingroom.engine import Context
from fittingroom.errors import RecipeError, SourceError
from fittingroom.sources.encodings import BIG5, is_big5, is_western, wide

Reject = Callable[[int, str, str], None]
"""reject(line, reason, text): a row that could not be read, where it stood and why; `text` is not yet redacted."""

BATCH = 5_000
"""Rows per Arrow batch."""
LONGEST_LINE = 10_000_000
"""Characters. A longer line is no row of anybody's data: it is rejected, and its rest is never held in memory."""
_CHUNK = 1 << 20
_SHOWN = 2_000
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
    try:
        # Both may raise where a folder above lets nobody in.
        folder, there = full.is_dir(), full.exists()
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", f"无法读取：{error.strerror}", place=path) from error
    if folder:
        raise SourceError("is a folder; name a file in it", "是一个文件夹；请写出其中的文件", place=path)
    if not there:
        raise SourceError(
            "there is no such file; relative paths start at the workspace",
            "没有这个文件；相对路径从工作区算起",
            place=path,
        )
    try:
        with full.open("rb") as file:
            first = file.read(1)
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", f"无法读取：{error.strerror}", place=path) from error
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
    """Line ends in the file, unpacked; a cheap estimate of its rows. A gzip file that is not whole counts as far as it
    goes: reading it says so."""
    count = 0
    with unpacked(locate(path, context)) as file:
        try:
            while chunk := file.read(_CHUNK):
                count += chunk.count(b"\n")
        except (EOFError, zlib.error, gzip.BadGzipFile):
            pass
    return max(1, count)


def unpacked(path: Path) -> BinaryIO:
    """The file's bytes; those inside, when it is gzip (by its first bytes, whatever its name)."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return cast(BinaryIO, gzip.open(path, "rb")) if packed else path.open("rb")


@contextmanager
def whole(path: Path) -> Iterator[None]:
    """Turns what gzip says of a broken file into a SourceError that names it."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SourceError(
            "the gzip file is cut off or damaged; copy it again (gzip -t tells whether it is whole)",
            "gzip 文件被截断或已损坏；请重新复制（可用 gzip -t 检查）",
            place=path.name,
        ) from error


class TooLong(str):
    """The beginning of a line that is too long to be read."""

    __slots__ = ()


def lines(path: Path, encoding: str) -> Iterator[tuple[int, str]]:
    """(line number, line with its end). What cannot be used of it is told by `fault_of`.

    A byte that the encoding does not know becomes a lone surrogate. Raises SourceError for a broken gzip file.
    """
    errors = "replace" if _is_wide(encoding) else "surrogateescape"
    # newline="" leaves line ends as they are: a quoted field keeps its own
    with whole(path), io.TextIOWrapper(unpacked(path), encoding=encoding, errors=errors, newline="") as file:
        number = 0
        while line := file.readline(LONGEST_LINE):
            number += 1
            if len(line) < LONGEST_LINE or line.endswith(("\n", "\r")):
                yield number, line
                continue
            yield number, TooLong(line[:_SHOWN])
            while (rest := file.readline(_CHUNK)) and not rest.endswith(("\n", "\r")):
                pass


_TORN = re.compile("[\udc80-\udcff\ufffd]")


def fault_of(line: str, encoding: str) -> str:
    """Why a line cannot be used: bytes that are no text, or too long; "" when it can."""
    if isinstance(line, TooLong):
        return f"a line longer than {LONGEST_LINE:,} characters"
    return f"bytes that are no text in {encoding}" if torn(line, encoding) else ""


def torn(line: str, encoding: str) -> bool:
    """Whether the line holds bytes that are no text in this encoding (an honest U+FFFD in UTF-8 is text)."""
    found = _TORN.search(line)
    return found is not None and (found.group() != "\ufffd" or _is_wide(encoding))


def _is_wide(encoding: str) -> bool:
    return codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))


def encoding_of(path: Path, given: str, place: str) -> str:
    """The encoding given, or the one found: byte order mark, UTF-16 by zero bytes, UTF-8, Windows-1252, Big5, GB 18030.

    A file whose bytes are neither wholly UTF-8 nor wholly GB 18030 is taken for the one with fewer broken places; the
    lines that hold them are rejected one by one. Raises RecipeError when the given name is no encoding.
    """
    if given:
        _demand_known(given, place)
    with whole(path), unpacked(path) as file:
        head = file.read(_SAMPLE)
    if given:
        _demand_honest(given, head, place)
        return given
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    if b"\0" in head and (name := wide(head)):
        return name
    broken = {name: _broken(path, name) for name in ("utf-8", "gb18030")}
    if broken["utf-8"] == 0:
        return "utf-8"
    if is_western(head):
        return "cp1252"
    if is_big5(head):
        return BIG5
    return "gb18030" if broken["gb18030"] < broken["utf-8"] else "utf-8"


def _demand_known(given: str, place: str) -> None:
    try:
        known = codecs.lookup(given)._is_text_encoding
    except LookupError:
        known = False
    if not known:
        raise RecipeError(
            f"{given!r} is no known encoding; leave it out to have it detected",
            f"不认识编码 {given!r}；可不写，由程序识别",
            place=place,
        )


def _demand_honest(given: str, head: bytes, place: str) -> None:
    """Raise SourceError where the file is surely in another encoding than the recipe says: it would be read without
    any fault, as other characters."""
    name = codecs.lookup(given).name
    marked = next((codec for mark, codec in _BOMS if head.startswith(mark)), "")
    wide = _is_wide(name)
    if marked:
        real = "" if name.partition("-sig")[0].startswith(marked.partition("-sig")[0]) else marked
    elif name.startswith("utf-8") or (wide and b"\0" in head):
        real = ""
    else:
        try:
            text = codecs.getincrementaldecoder("utf-8")().decode(head)
        except UnicodeDecodeError:
            return
        beyond = sum(1 for character in text if character > "\x7f")
        # GBK text of a few characters may be UTF-8 by chance; of eight or more it is not.
        real = "utf-8" if wide or beyond >= 8 else ""
    if real:
        raise SourceError(
            f"is in {real}, not in {given} as the recipe says; correct `encoding` or leave it out",
            f"文件编码是 {real}，不是配方里写的 {given}；请改正 encoding 或删去",
            place=place,
        )


def _broken(path: Path, encoding: str) -> int:
    """How many places of a file are no text in this encoding."""
    decoder = codecs.getincrementaldecoder(encoding)(errors="surrogateescape")
    count = 0
    with whole(path), unpacked(path) as file:
        while True:
            chunk = file.read(_CHUNK)
            text = decoder.decode(chunk, final=not chunk)
            if not text.isascii():
                count += sum(1 for _ in re.finditer("[\udc80-\udcff]+", text))
            if not chunk:
                return count
