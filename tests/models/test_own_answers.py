"""The sum for a row's own answer is the one that scoring every answer gives."""

from __future__ import annotations

import numpy as np

from fittingroom.models.load import load_model
from fittingroom.models.own_answers import score_own
from fittingroom.models.scoring import score_answers
from tiny_model import tiny_folder


def test_own_answers_are_scored_as_all_answers_are() -> None:
    model = load_model(tiny_folder()).eval()
    prompts = [[5, 6, 7], [8, 9], [5, 6, 7, 8, 9, 10, 11], [12]]
    answers = [[20, 21], [22], [23, 24, 25], [20]]
    wanted = np.diagonal(score_answers(model, prompts, answers))
    np.testing.assert_allclose(score_own(model, prompts, answers), wanted, atol=1e-4)
    np.testing.assert_allclose(score_own(model, prompts, answers, token_budget=1), wanted, atol=1e-4)
    assert score_own(model, [], []).shape == (0,)
