"""Bands: the same candidates from memory and from disk; large families are found without comparing all with all."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from fittingroom.text.bands import Bands, grams, sketched, slots_per_band
from fittingroom.text.similarity import alike, clusters, near_pairs

LETTERS = "的一是了我不人在他有这个上们来到时大地为子中你说生国年着就那和要她出也得里后自以会家"


def texts(count: int, seed: int = 1) -> list[str]:
    dice = random.Random(seed)
    found = ["".join(dice.choice(LETTERS) for _ in range(dice.randint(5, 50))) for _ in range(count)]
    for _ in range(count // 3):
        copy = list(dice.choice(found))
        copy[dice.randrange(len(copy))] = dice.choice(LETTERS)
        found.append("".join(copy))
    return found


@pytest.mark.parametrize("threshold", [0.4, 0.6, 0.8])
def test_disk_and_memory_are_the_same(tmp_path: Path, threshold: float) -> None:
    keys = texts(600)
    with Bands([threshold]) as here, Bands([0.9, threshold], tmp_path / "bands") as there:
        for start in range(0, len(keys), 97):
            here.keep(sketched(keys[start : start + 97]))
            there.keep(sketched(keys[start : start + 97]))
        assert (tmp_path / "bands" / f"band-{slots_per_band(threshold)}-0").is_file()
        found = here.candidates(threshold)
        assert found.tolist() == there.candidates(threshold).tolist() == sorted(found.tolist())
        assert len(found) > 100
    assert not (tmp_path / "bands").exists()


def test_what_a_sketch_counts() -> None:
    keys = ["abcde", "ab", "aaaaaaaaaa", "abcdeabcde", "\U0001f600" * 6 + "abc"]
    sketch = sketched(keys)
    assert sketch.long.tolist() == [True, False, True, True, True]
    assert sketch.sizes.tolist() == [len(grams(key)) for key in keys if len(key) >= 5]
    again = sketched(keys[3:])
    assert np.array_equal(again.slots, sketch.slots[2:]), "a sketch depends on nothing but its text"


def test_a_large_family_is_held_together_without_comparing_all_with_all() -> None:
    """1,500 texts of one template, each with its own number: over a million pairs."""
    dice = random.Random(3)
    family = [f"{LETTERS[:30]}第{number:05d}号{LETTERS[5:28]}{dice.choice(LETTERS)}" for number in range(1_500)]
    with Bands([0.6]) as bands:
        bands.keep(sketched(family))
        found = bands.candidates(0.6)
        assert bands.passed_over > 100_000
    assert len(found) < 500_000
    pairs, scores = alike(found, lambda rows: [family[row] for row in rows.tolist()], 0.6)
    assert scores.min() >= 0.6
    assert set(clusters(len(family), pairs.tolist())) == {0}


def test_the_best_ranked_meets_everything_in_its_bucket() -> None:
    family = [f"{LETTERS}{number:04d}{LETTERS}" for number in range(400)]
    rank = np.arange(400)[::-1].copy()
    with Bands([0.8]) as bands:
        bands.keep(sketched(family))
        found = bands.candidates(0.8, rank=rank)
    met = {one for pair in found.tolist() for one in pair if 399 in pair}
    assert met == set(range(400))


def test_marks_and_kinds_keep_apart() -> None:
    keys = ["这件衣服质量真的很好我很喜欢下次还来买"] * 4
    marks = np.array([1, 1, 2, 2], dtype=np.uint64)
    kinds = np.array([1, 2, 3, 1], dtype=np.uint8)
    with Bands([0.8]) as bands:
        bands.keep(sketched(keys))
        assert bands.candidates(0.8, marks=marks).tolist() == [[0, 1], [2, 3]]
        assert bands.candidates(0.8, kinds=kinds).tolist() == [[0, 2], [0, 3], [1, 2], [2, 3]]
        assert bands.candidates(0.8, entries=np.array([3, 0])).tolist() == [[0, 1]]


def test_recall_of_planted_copies() -> None:
    keys = list(dict.fromkeys(texts(4_000, seed=9)))  # of equal keys only the first takes part
    true = {
        (i, j)
        for i, one in enumerate(map(grams, keys[:400]))
        for j, other in enumerate(map(grams, keys))
        if i < j and one and len(one & other) >= 0.7 * len(one | other)
    }
    found = {(i, j) for i, j, _ in near_pairs(keys, 0.7)}
    assert len(true) > 20
    assert true <= found
