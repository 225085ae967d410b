"""Words to compare answers by: a Chinese character is a word, a run of Latin letters is one, a number is one.

Punctuation, width and case say nothing about an answer and are left out. No dictionary and no model: a segmenter would
make the score depend on its version, and cuts that differ between prediction and reference hide what they share.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_TOKEN = re.compile(
    r"\[[^\[\]\s]{1,40}\]"  # a placeholder: [ORDER], [数字x]
    r"|\d+(?:[.,]\d+)*"
    rf"|[{HAN}]"
    rf"|[^\W\d_{HAN}]+(?:['’][^\W\d_{HAN}]+)*"
)


def normal(text: str) -> str:
    """The text in one width and one case."""
    return unicodedata.normalize("NFKC", text).casefold()


def tokens(text: str) -> list[str]:
    """The words of a text, in order; [] for one without letters and digits."""
    return _TOKEN.findall(normal(text))


def grams(words: Sequence[str], n: int) -> list[tuple[str, ...]]:
    """All runs of n words, in order, repetitions included; [] for a shorter text."""
    return [tuple(words[at : at + n]) for at in range(len(words) - n + 1)]
