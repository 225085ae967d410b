"""BM25 by the library, against its formula written out."""

from __future__ import annotations

import math

import pytest

from fittingroom.statistics.lexical import Lexicon
from fittingroom.text.words import words

TITLES = ["Red Cotton Shirt", "Red Red Shoes 500ml", "蓝色纯棉衬衫", "纯棉 T恤 V2", "garden hose"]


def by_hand(documents: list[list[str]], asked: list[str]) -> list[float]:
    """Lucene's BM25 with k1 = 1.2, b = 0.75."""
    mean = sum(map(len, documents)) / len(documents)
    found = []
    for document in documents:
        total = 0.0
        for word in asked:
            holds = sum(word in other for other in documents)
            rarity = math.log(1 + (len(documents) - holds + 0.5) / (holds + 0.5))
            count = document.count(word)
            total += rarity * count / (count + 1.2 * (0.25 + 0.75 * len(document) / mean)) if holds else 0.0
        found.append(total)
    return found


@pytest.mark.parametrize("asked", ["red shirt", "纯棉衬衫", "RED cotton unknown", "red red", "nothing of that", ""])
def test_scores_are_those_of_the_formula(asked: str) -> None:
    documents = [words(title) for title in TITLES]
    mine = Lexicon(documents).scores(words(asked))
    assert mine.tolist() == pytest.approx(by_hand(documents, words(asked)), rel=1e-5)


def test_words_of_both_languages() -> None:
    assert words("Ｒed 500ML, V2 shirt!") == ["red", "500ml", "v2", "shirt"]
    assert words("纯棉衬衫，T恤") == ["纯棉", "衬衫", "t", "恤"]


@pytest.mark.parametrize("documents", [[], [[]], [[], ["a"]]])
def test_texts_without_words_are_found_by_nothing(documents: list[list[str]]) -> None:
    assert Lexicon(documents).scores(["b"]).tolist() == [0.0] * len(documents)
