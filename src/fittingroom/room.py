"""Room on a disk: how much there is, and a clear word when there is not enough."""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fittingroom.errors import NoRoom
from fittingroom.types import Folder, Output

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""No space left, a quota reached, a file larger than the process may write."""


def full(error: BaseException) -> bool:
    """Whether an error says that there is no room. Libraries not written in Python name the number in a text."""
    if isinstance(error, OSError):
        return error.errno in _FULL
    named = re.search(r"os error (\d+)", str(error))
    return named is not None and int(named.group(1)) in _FULL


def free_bytes(folder: Path) -> int:
    """Room on the disk of a folder, which may not exist yet."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


@contextmanager
def roomy(folder: Path, needed: int = 0) -> Iterator[None]:
    """Turns a full disk into NoRoom that names the folder and the bytes `needed` (0: not known); other errors stay what
    they are.
    """
    try:
        yield
    except Exception as error:
        if not full(error):
            raise
        raise no_room(folder, needed) from error


def no_room(folder: Path, needed: int) -> NoRoom:
    """The error that says what room is needed where."""
    left = said_bytes(free_bytes(folder))
    size, size_zh = (f"{said_bytes(needed)} are needed and ", f"需要 {said_bytes(needed)}，") if needed else ("", "")
    return NoRoom(
        f"the disk is full: {size}{left} are free. Nothing is lost: make room, "
        "then `fittingroom resume` goes on from the last checkpoint",
        f"磁盘已满：{size_zh}剩余 {left}。已完成的部分都在：请腾出空间，再用 `fittingroom resume` 从最近的检查点继续",
        place=str(folder),
    )


def said_bytes(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    raise AssertionError


def output_bytes(output: Output) -> int:
    """Bytes of the files that an output brings along."""
    folders = [value for name in type(output).model_fields if isinstance(value := getattr(output, name), Folder)]
    return sum(path.stat().st_size for folder in folders for path in folder.files())
