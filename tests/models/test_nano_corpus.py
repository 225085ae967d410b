"""The corpus of `nano`: seeded, and apart from the sample shop."""

from __future__ import annotations

import itertools
import random
import re
from collections import Counter

import pytest

from fittingroom.models import nano
from fittingroom.models.nano_build import corpus
from fittingroom.models.nano_build.scenes import lexicon
from fittingroom.models.nano_build.vocabulary import level_one_characters

ENOUGH = 4000
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def _texts(seed: int, count: int) -> list[str]:
    return ["".join(piece.text for piece in example) for example in itertools.islice(corpus.examples(seed), count)]


def _windows(text: str) -> set[str]:
    """Runs of 12 characters that are Chinese for the greater part, and runs of 6 English words."""
    runs = {text[i : i + 12] for i in range(len(text) - 11)}
    words = re.findall(r"[a-z']+", text.lower())
    return {run for run in runs if len(CHINESE.findall(run)) >= 8} | {
        " ".join(words[i : i + 6]) for i in range(len(words) - 5)
    }


def test_same_seed_same_corpus() -> None:
    assert _texts(5, 700) == _texts(5, 700)
    assert _texts(5, 50) != _texts(6, 50)


def test_both_languages_and_all_kinds_occur() -> None:
    texts = _texts(1, ENOUGH)
    chinese = sum(bool(CHINESE.search(text)) for text in texts)
    assert 0.5 < chinese / len(texts) < 0.9
    assert set(level_one_characters()) <= set("".join(_texts(1, 5 * ENOUGH)))
    answers = Counter(example[-1].text for example in itertools.islice(corpus.examples(1), ENOUGH))
    assert answers.most_common(1)[0][1] < 0.05 * ENOUGH, "no answer may be a good guess"


def test_answers_can_be_had_from_the_question() -> None:
    rng = random.Random(2)
    for words in (lexicon("zh"), lexicon("en")):
        for kind in (corpus.pairing, corpus.fact, corpus.keywords, corpus.matching):
            for _ in range(50):
                example = kind(rng, words)
                answer = example[-1].text.removesuffix("<｜end▁of▁sentence｜>")
                if example[1].weight == corpus.PLAIN_WEIGHT:  # a text that names nothing stays plain language
                    continue
                assert len(example) == 2
                assert answer in example[0].text


def test_every_slot_of_every_pattern_is_filled() -> None:
    assert not [text for text in _texts(3, 2000) if re.search(r"[{}]", text)]


def test_nothing_is_shared_with_the_sample_shop() -> None:
    dialogues = pytest.importorskip("fittingroom.sample.dialogues", reason="there is no sample shop here")
    from fittingroom.sample import words_en, words_zh
    from fittingroom.sample.reviews import SENTIMENTS, write_reviews

    messages = dialogues.write_messages(800, random.Random(7))
    shop = [message.text for message in messages]
    shop += [review.text for review in write_reviews(400, random.Random(7))]
    ours = set().union(*(_windows(text) for text in _texts(nano.RECIPE.seed, ENOUGH)))
    assert not ours & set().union(*(_windows(text) for text in shop))

    goods = {good for source in (words_zh, words_en) for good in (*source.GARMENTS, *source.DEVICES, *source.HOME)}
    labels = {message.intent for message in messages} | set(SENTIMENTS)
    for words in (lexicon("zh"), lexicon("en")):
        assert not goods & set(itertools.chain.from_iterable(words.things.values()))
        named = {name for values in words.names.values() for names in values.values() for name in names}
        assert not labels & named
    assert nano.RECIPE.seed != 7
