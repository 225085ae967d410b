"""The task classify: labels, conversation, probabilities, temperature."""

from __future__ import annotations

import numpy as np
import pytest

from fittingroom.errors import UserError
from fittingroom.tasks.classify import fit_temperature, labels_of, macro_f1, messages, probabilities
from fittingroom.tasks.config import TaskConfig
from tiny_shop import TASK, splits, table


def test_labels_come_from_the_task_or_from_all_parts() -> None:
    assert labels_of(splits(), TASK) == ["praise", "refund", "where"]
    assert labels_of(splits(), TASK.model_copy(update={"labels": ["where", "praise"]})) == ["where", "praise"]
    one = table(1, 1)
    with pytest.raises(UserError, match="1 label"):
        labels_of(splits(train=one, dev=one, calibration=one, test=one), TASK)


def test_messages() -> None:
    assert messages({"text": "hi"}, TASK, ["a", "b"]) == [{"role": "user", "content": "hi"}]
    two = TaskConfig(kind="classify", input=["title", "text"], target="label", instruction="Topic?", list_labels=True)
    assert messages({"title": "T", "text": "x"}, two, ["a", "b"]) == [
        {"role": "system", "content": "Topic?\na | b"},
        {"role": "user", "content": "title: T\ntext: x"},
    ]


def test_probabilities_are_a_softmax_over_labels() -> None:
    shares = probabilities(np.array([[-800.0, -801.0], [-1.0, -1.0]]))
    assert shares.sum(axis=1) == pytest.approx([1.0, 1.0])
    assert shares[0, 0] == pytest.approx(1 / (1 + np.exp(-1)))
    flat = probabilities(np.array([[-800.0, -801.0]]), 100.0)
    assert flat[0, 0] == pytest.approx(0.5025, abs=1e-4)


def test_the_temperature_is_found() -> None:
    generator = np.random.default_rng(0)
    scores = generator.normal(size=(4000, 3)) * 3
    wanted = [int(generator.choice(3, p=row)) for row in probabilities(scores)]
    assert fit_temperature(scores, wanted) == pytest.approx(1.0, rel=0.1)
    assert fit_temperature(scores * 2.5, wanted) == pytest.approx(2.5, rel=0.1)
    assert fit_temperature(scores * 0.3, wanted) == pytest.approx(0.3, rel=0.1)


def test_a_part_without_an_error_does_not_make_the_model_certain() -> None:
    scores = np.array([[0.0, -20.0], [-20.0, 0.0]] * 10)
    temperature = fit_temperature(scores, [0, 1] * 10)
    assert probabilities(scores, temperature).max() < 0.97


def test_macro_f1_equals_the_usual_one() -> None:
    from sklearn.metrics import f1_score

    generator = np.random.default_rng(1)
    wanted, predicted = generator.integers(0, 4, 200), generator.integers(0, 4, 200)
    assert macro_f1(list(wanted), list(predicted)) == pytest.approx(f1_score(wanted, predicted, average="macro"))
    assert macro_f1([], []) == 0.0
