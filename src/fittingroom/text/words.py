"""The words of a text as a search engine counts them: Chinese by its dictionary, other scripts between spaces."""

from __future__ import annotations

import re
import unicodedata

_HAN = r"\u3400-\u9fff\uf900-\ufaff"
_PIECE = re.compile(rf"[{_HAN}]+|[^\W_{_HAN}]+")
_IS_HAN = re.compile(rf"[{_HAN}]")


def words(text: str) -> list[str]:
    """Words in lower case, in their order, numbers too; full-width letters count as narrow ones. Chinese is cut by
    rjieba's dictionary; "500ml" and "V2" stay whole, punctuation goes.
    """
    import rjieba

    found: list[str] = []
    for piece in _PIECE.findall(unicodedata.normalize("NFKC", text).casefold()):
        found += rjieba.cut(piece) if _IS_HAN.match(piece) else [piece]
    return found
