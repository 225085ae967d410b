"""Variants of a text for training: words swapped with a neighbour, particles left out.

As in Wei and Zou 2019 ("EDA", arXiv 1901.11196), but only what hardly changes what is said: nothing is replaced (lists
of similar words turn 态度 into 情态), and only words that carry no meaning of their own are left out. Numbers and
placeholders stay in their order, and nothing moves beside a negation: a variant that would say otherwise is not used.
"""

from __future__ import annotations

import random
import re

from fittingroom.text.similarity import distinguishing, match_key

_PIECE = re.compile(
    r"\[[A-Z_]+(?:_[a-p]{16})?\]|[\u3400-\u9fff]+|[^\W\d_\u3400-\u9fff]+(?:['’][a-z]+)?|\d+|.", re.DOTALL
)
_HAN = re.compile(r"[\u3400-\u9fff]")
_LATIN = re.compile(r"[^\W\d_]")
_FEWEST = 4
"""Words below which a text is left as it is."""
_TRIES = 8
_PARTICLES = frozenset({
    "的", "了", "啊", "呀", "呢", "吧", "嘛", "哦", "哈", "就", "也", "还", "把", "给", "请", "一下", "那个", "这个",
    "a", "an", "the", "just", "so", "please", "really", "very", "and", "of", "to", "that", "this", "is", "it", "am",
})  # fmt: skip


def varied(text: str, share: float, seed: str) -> str:
    """A variant with about `share` of the words moved; the text itself where there is none that says the same."""
    pieces = _pieces(text)
    words = [index for index, piece in enumerate(pieces) if _is_word(piece)]
    if len(words) < _FEWEST:
        return text
    dice = random.Random(seed)
    guard, key = distinguishing(text), match_key(text)
    for _ in range(_TRIES):
        found = "".join(_moved(pieces, words, max(1, round(share * len(words))), dice))
        found = re.sub(r"(?<=\S) {2,}", " ", found).strip()
        if match_key(found) != key and distinguishing(found) == guard:
            return found
    return text


def _pieces(text: str) -> list[str]:
    import rjieba

    found: list[str] = []
    for piece in _PIECE.findall(text):
        found += rjieba.cut(piece) if _HAN.match(piece) else [piece]
    return found


def _is_word(piece: str) -> bool:
    return bool(_HAN.match(piece) or _LATIN.match(piece))


def _moved(pieces: list[str], words: list[int], count: int, dice: random.Random) -> list[str]:
    """Some words left out or swapped with the next one of the same clause."""
    found = list(pieces)
    denies = [distinguishing(pieces[word]) != "|" for word in words]
    for index in dice.sample(range(len(words) - 1), min(count, len(words) - 1)):
        here, after = words[index], words[index + 1]
        if found[here].casefold() in _PARTICLES and dice.random() < 0.5:
            found[here] = ""
        elif not any(denies[max(0, index - 1) : index + 3]) and all(piece == " " for piece in pieces[here + 1 : after]):
            found[here], found[after] = found[after], found[here]
    return found
