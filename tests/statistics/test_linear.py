"""The linear text classifier: it learns both languages, says when it cannot, and never leaks groups."""

from __future__ import annotations

import random
import warnings

import numpy as np
import pytest

from fittingroom.errors import UserError
from fittingroom.statistics.folds import assign, components
from fittingroom.statistics.linear import fit_linear, grams, out_of_fold

GOOD = ("质量很好", "喜欢这件", "物流很快", "great fit", "lovely colour", "很满意")
BAD = ("质量太差", "要求退款", "物流太慢", "does not fit", "broken zip", "很失望")
NOISE = ("衣服", "鞋子", "the shirt", "裤子", "order", "昨天", "my size", "客服")


def reviews(rows: int, seed: int = 1) -> tuple[list[str], list[str]]:
    dice = random.Random(seed)
    labels = ["good" if dice.random() < 0.5 else "bad" for _ in range(rows)]
    texts = []
    for label in labels:
        words = [dice.choice(GOOD if label == "good" else BAD), *dice.choices(NOISE, k=3)]
        dice.shuffle(words)
        texts.append(",".join(words))
    return texts, labels


def test_grams_keep_chinese_whole_and_words_apart() -> None:
    found = grams("裙子很好 Great fit")
    assert {"裙", "裙子", "裙子很", "great", "fit", "great fit", "<gr"} <= set(found)
    assert "好 great" not in found
    assert grams("ＡＢ") == grams("ab")


def test_learns_both_languages_and_is_deterministic() -> None:
    texts, labels = reviews(200)
    model = fit_linear(texts, labels, seed=3)
    probabilities = model.predict_proba(["质量很好", "does not fit"])
    assert model.labels == ["bad", "good"]
    assert model.converged
    assert model.predict(["质量很好", "does not fit"]) == ["good", "bad"]
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    np.testing.assert_array_equal(
        probabilities, fit_linear(texts, labels, seed=3).predict_proba(["质量很好", "does not fit"])
    )


def test_probabilities_are_calibrated_on_noisy_labels() -> None:
    texts, labels = reviews(1200)
    dice = random.Random(5)
    noisy = [("bad" if label == "good" else "good") if dice.random() < 0.2 else label for label in labels]
    model = fit_linear(texts, noisy, seed=0)
    fresh, truth = reviews(600, seed=9)
    confidence = model.predict_proba(fresh).max(axis=1)
    assert (np.asarray(model.predict(fresh)) == np.asarray(truth)).mean() > 0.95
    assert 0.7 < confidence.mean() < 0.9  # 0.8 of the labels are right, and the model knows


def test_weights_move_the_border() -> None:
    texts = ["质量很好"] * 6 + ["质量太差"] * 2 + ["质量"] * 4
    labels = ["good"] * 6 + ["bad"] * 2 + ["good", "bad"] * 2
    rare = [5.0 if label == "bad" else 1.0 for label in labels]
    plain = fit_linear(texts, labels, seed=0).predict_proba(["质量"])[0, 0]
    assert fit_linear(texts, labels, seed=0, weights=rare).predict_proba(["质量"])[0, 0] != plain


def test_out_of_fold_separates_groups() -> None:
    """A label that only the group betrays cannot be predicted out of fold."""
    dice = random.Random(2)
    texts, labels, groups = [], [], []
    for number in range(60):
        word = "".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=8))
        label = dice.choice(["x", "y"])
        for copy in range(4):
            texts.append(f"{word} {copy}")
            labels.append(label)
            groups.append(f"g{number}")
    grouped = out_of_fold(texts, labels, groups, seed=0)
    leaky = out_of_fold(texts, labels, [str(index) for index in range(len(texts))], seed=0)
    assert leaky.accuracy > 0.95
    assert grouped.accuracy < 0.7
    assert grouped.probabilities.shape == (240, 2)
    assert grouped.labels == ["x", "y"]


def test_a_class_of_one_group_is_not_judged() -> None:
    texts, labels = reviews(60)
    result = out_of_fold([*texts, "别的"], [*labels, "other"], [str(index) for index in range(61)], seed=0)
    assert result.probabilities[60, result.labels.index("other")] == 0.0
    assert np.isfinite(result.probabilities).all()


@pytest.mark.parametrize(
    ("texts", "labels", "message"),
    [
        (["a b", "c d"], ["x", "x"], "at least two classes"),
        ([], [], "at least two classes"),
        (["a b", "c d", "e f"], ["x", "y", "z"], "at least 6 rows"),
        ([" ", " ", " ", " "], ["x", "y", "x", "y"], "no character"),
    ],
)
def test_bad_input_is_said_clearly(texts: list[str], labels: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        fit_linear(texts, labels, seed=0)
    assert caught.value.zh


def test_fewer_groups_than_folds() -> None:
    with pytest.raises(UserError, match="5 folds need at least 5 separate groups"):
        out_of_fold(["a b", "c d"] * 4, ["x", "y"] * 4, ["g", "h"] * 4, seed=0)


def test_no_warning_leaks() -> None:
    texts, labels = reviews(40)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit_linear(texts, labels, seed=0)
        out_of_fold(texts, labels, [str(index) for index in range(40)], folds=3, seed=0)


def test_components_are_transitive_and_named_by_the_smallest_id() -> None:
    group = ["a", "a", None, "b", None]
    cluster = ["1", "2", "2", "3", None]
    assert components(group, cluster, ids=["r5", "r4", "r1", "r2", "r3"]) == ["r1", "r1", "r1", "r2", "r3"]


def test_assign_is_stratified_grouped_and_independent_of_order() -> None:
    dice = random.Random(4)
    groups = [f"g{dice.randrange(300)}" for _ in range(1000)]
    labels = [dice.choice(["x"] * 18 + ["y"] * 2) for _ in groups]
    parts = assign(groups, labels, [0.7, 0.1, 0.0, 0.2], seed=1)
    assert all(
        len({part for group, part in zip(groups, parts, strict=True) if group == name}) == 1 for name in set(groups)
    )
    for label in ("x", "y"):
        inside = [part for part, kind in zip(parts, labels, strict=True) if kind == label]
        assert inside.count(0) / len(inside) == pytest.approx(0.7, abs=0.03)
        assert inside.count(3) / len(inside) == pytest.approx(0.2, abs=0.03)
    assert 2 not in parts
    order = list(range(1000))
    dice.shuffle(order)
    moved = assign([groups[index] for index in order], [labels[index] for index in order], [0.7, 0.1, 0.0, 0.2], seed=1)
    assert [moved[order.index(index)] for index in range(1000)] == parts
    assert assign(groups, labels, [0.7, 0.1, 0.0, 0.2], seed=2) != parts
