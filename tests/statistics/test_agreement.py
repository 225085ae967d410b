"""Agreement measures against published examples, and Dawid-Skene against a planted truth."""

from __future__ import annotations

import random

import numpy as np
import pytest

from fittingroom.statistics.agreement import cohen_kappa, dawid_skene, fleiss_kappa, krippendorff_alpha, majority


def test_cohen_of_a_textbook_table() -> None:
    """20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no: 0.7 observed, 0.5 expected."""
    left = ["yes"] * 25 + ["no"] * 25
    right = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    assert cohen_kappa(left, right) == pytest.approx(0.4)
    assert cohen_kappa(["x", "x"], ["x", "x"]) is None
    assert cohen_kappa([], []) is None


def test_fleiss_of_the_textbook_table() -> None:
    """The example with 10 items, 14 raters and 5 classes: 0.210."""
    table = [
        (0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1),
        (7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7),
    ]  # fmt: skip
    ratings = []
    for row in table:
        labels = [str(kind) for kind, count in enumerate(row) for _ in range(count)]
        ratings.append({f"r{number}": label for number, label in enumerate(labels)})
    assert fleiss_kappa(ratings) == pytest.approx(0.210, abs=5e-4)
    assert fleiss_kappa([{"a": "x"}]) is None


def test_krippendorff_of_his_own_example() -> None:
    """Krippendorff 2011, example C: 4 observers, 12 units, missing values; nominal alpha 0.743."""
    rows = {"A": "123321412...", "B": "1233224125.3", "C": ".3332342251.", "D": "12332441251."}
    ratings = [{name: marks[index] for name, marks in rows.items() if marks[index] != "."} for index in range(12)]
    assert krippendorff_alpha(ratings) == pytest.approx(0.743, abs=5e-4)
    assert krippendorff_alpha([{"a": "x", "b": "x"}]) is None


def test_majority_says_none_on_a_tie() -> None:
    assert majority({"a": "x", "b": "y", "c": "x"}) == "x"
    assert majority(["x", "y"]) is None
    assert majority([]) is None


def test_dawid_skene_beats_the_majority_and_knows_whom_to_trust() -> None:
    dice = random.Random(3)
    kinds = ["a", "b", "c", "d"]
    skill = {"p1": 0.95, "p2": 0.9, "p3": 0.5, "p4": 0.45, "p5": 0.4}
    truth = [dice.choice(kinds) for _ in range(800)]
    ratings = []
    for label in truth:
        seen = dice.sample(sorted(skill), 3)
        ratings.append(
            {
                name: label if dice.random() < skill[name] else dice.choice([kind for kind in kinds if kind != label])
                for name in seen
            }
        )
    found = dawid_skene(ratings)
    guess = [found.labels[index] for index in found.probabilities.argmax(axis=1)]
    right = np.mean([one == other for one, other in zip(guess, truth, strict=True)])
    voted = np.mean([majority(votes) == label for votes, label in zip(ratings, truth, strict=True)])
    assert found.converged
    assert right > voted + 0.05
    assert right > 0.85
    assert sorted(found.competence, key=found.competence.__getitem__)[-2:] == ["p2", "p1"]
    for name, value in skill.items():
        assert found.competence[name] == pytest.approx(value, abs=0.1)


def test_dawid_skene_without_ratings() -> None:
    found = dawid_skene([{"a": "x"}, {}, {"a": "y"}, {"a": "x"}])
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1.0)
    with pytest.raises(ValueError, match="no rating"):
        dawid_skene([{}])
