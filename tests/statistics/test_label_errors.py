"""Label errors: planted ones are found, rows that were not judged are left alone, the rate of finding is measured."""

from __future__ import annotations

import random

import numpy as np
import pytest

from fittingroom.statistics.label_errors import detection_rate, probably_wrong
from fittingroom.statistics.linear import out_of_fold

WORDS = {
    "return": ("退款", "退货", "refund", "send back"),
    "ship": ("发货", "快递", "delivery", "courier"),
    "size": ("尺码", "偏大", "too tight", "which size"),
}
FILLING = ("你好", "昨天", "衣服", "my order", "谢谢", "请问", "裤子")


def messages(rows: int) -> tuple[list[str], list[str], list[str]]:
    dice = random.Random(1)
    labels = [dice.choice(sorted(WORDS)) for _ in range(rows)]
    texts = [" ".join([dice.choice(FILLING), dice.choice(WORDS[name]), dice.choice(FILLING)]) for name in labels]
    return texts, labels, [str(number) for number in range(rows)]


def test_planted_errors_are_found() -> None:
    texts, labels, groups = messages(400)
    wrong = set(range(0, 400, 12))
    given = [{"return": "ship", "ship": "size", "size": "return"}[n] if i in wrong else n for i, n in enumerate(labels)]
    result = out_of_fold(texts, given, groups, seed=0)
    codes = np.asarray([result.labels.index(name) for name in given])
    found = set(np.flatnonzero(probably_wrong(codes, result.probabilities)).tolist())
    assert len(found & wrong) / len(wrong) > 0.9
    assert len(found & wrong) / len(found) > 0.9


def test_a_row_that_was_not_judged_is_not_wrong() -> None:
    chances = np.tile([0.9, 0.1, 0.0], (30, 1))
    chances[15:] = [0.1, 0.9, 0.0]
    given = np.asarray([0] * 15 + [1] * 14 + [2])
    assert not probably_wrong(given, chances).any()


def test_the_rate_of_finding_follows_how_much_the_texts_say() -> None:
    texts, labels, groups = messages(400)
    clear = detection_rate(texts, labels, groups, folds=4, seed=2)
    dice = random.Random(3)
    blurred = [text if dice.random() < 0.6 else dice.choice(FILLING) for text in texts]
    assert clear > 0.9
    assert detection_rate(blurred, labels, groups, folds=4, seed=2) < clear - 0.1
    assert detection_rate(texts, labels, groups, folds=4, seed=2) == pytest.approx(clear)
