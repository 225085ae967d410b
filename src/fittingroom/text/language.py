"""The language of a text by its script: for two languages that share no letter nothing more is needed."""

from __future__ import annotations

import re
from typing import Literal

Script = Literal["zh", "en", "mixed", "other"]

_HAN = re.compile(r"[\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_LATIN_WORD = re.compile(r"[A-Za-z]+(?:['’][A-Za-z]+)*")
_OTHER = re.compile(
    r"[^\W\d_A-Za-z\u00aa\u00ba\u00c0-\u024f\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
_PLACEHOLDER = re.compile(r"\[[A-Z]+(?:_[A-Z]+)*(?:_[a-p]{16})?\]")


def script_of(text: str) -> Script:
    """`zh`, `en`, `mixed` (both, neither below a fifth), or `other`: another script, or no letters at all.

    A Chinese character counts as much as an English word; placeholders of redaction do not count. A brand name in a
    Chinese sentence leaves it Chinese. Latin text of another language counts as `en`.
    """
    text = _PLACEHOLDER.sub(" ", text)
    han = len(_HAN.findall(text))
    words = len(_LATIN_WORD.findall(text))
    if len(_OTHER.findall(text)) > han + words or not han + words:
        return "other"
    share = han / (han + words)
    if share >= 0.8:
        return "zh"
    return "en" if share <= 0.2 else "mixed"
