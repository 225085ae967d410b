"""The plain reader of a tokenizer's file: no class of transformers between the file and the ids."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def plain_reader(folder: Path) -> Tokenizer:
    """`tokenizer.json` of a folder as the tokenizers library reads it; read again when the file changes."""
    path = folder / "tokenizer.json"
    state = path.stat()
    return _read(str(path), state.st_size, state.st_mtime_ns)


@functools.lru_cache(maxsize=2)
def _read(path: str, size: int, changed: int) -> Tokenizer:
    from tokenizers import Tokenizer

    return Tokenizer.from_file(path)
