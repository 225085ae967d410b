"""Candidates of which every prompt has its own: the same as scoring each by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fittingroom.models import branches
from fittingroom.models.branches import score_branches
from fittingroom.models.load import load_model, load_tokenizer
from fittingroom.models.render import Renderer
from models.test_scoring import one_by_one
from tiny_model import tiny_folder

TEXTS = ["good quality", "包裹破损,要求退款。 where is my order? " * 3, "x", "尺码 颜色"]
TITLES = [
    ["good", "goodness", "good quality shirt", "退款"],
    ["size colour price " * 4 + "x", "size colour price " * 4 + "y"],
    ["refund"],
    ["a", "b", "尺码 颜色 价格", "尺码 颜色", "尺码"],
]


@pytest.fixture(scope="module")
def model() -> Any:
    return load_model(tiny_folder())


@pytest.fixture(scope="module")
def asked() -> tuple[list[list[int]], list[list[list[int]]]]:
    renderer = Renderer(load_tokenizer(tiny_folder()))
    prompts = [renderer.prompt_ids([{"role": "user", "content": text}]) for text in TEXTS]
    return prompts, [[renderer.answer_ids(title) for title in titles] for titles in TITLES]


def _wanted(model: Any, asked: Any) -> list[np.ndarray]:
    prompts, answers = asked
    return [one_by_one(model, [prompt], own)[0] for prompt, own in zip(prompts, answers, strict=True)]


@pytest.mark.parametrize(("budget", "nodes", "numbers"), [(1, 1024, 16_000_000), (4096, 1024, 16_000_000), (300, 8, 1)])
def test_equal_to_one_by_one(
    model: Any, asked: Any, budget: int, nodes: int, numbers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alone or together, in one tree or in several, with logits in one block or place by place."""
    monkeypatch.setattr(branches, "_NODES_AT_ONCE", nodes)
    monkeypatch.setattr(branches, "_LOGITS_AT_ONCE", numbers)
    told: list[tuple[int, int]] = []
    found = score_branches(model, *asked, token_budget=budget, progress=lambda done, total: told.append((done, total)))
    for mine, theirs in zip(found, _wanted(model, asked), strict=True):
        assert np.abs(mine - theirs).max() < 1e-4
    assert told[-1][0] == told[-1][1] >= len(TEXTS)


def test_what_titles_share_is_computed_once(model: Any, asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    computed = []
    whole = branches.hidden_states

    def counting(body: Any, ids: Any, *rest: Any) -> Any:
        computed.append(ids.numel())
        return whole(body, ids, *rest)

    monkeypatch.setattr(branches, "hidden_states", counting)
    prompts, answers = asked
    score_branches(model, prompts[1:2], answers[1:2])
    assert sum(computed) < len(prompts[1]) + 1.2 * len(answers[1][0])


def test_a_model_without_trees_is_asked_one_by_one(model: Any, asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = _wanted(model, asked)
    monkeypatch.setattr("fittingroom.models.masks.FAMILIES", {})
    for mine, theirs in zip(score_branches(model, *asked), wanted, strict=True):
        assert np.abs(mine - theirs).max() < 1e-4


def test_an_answer_without_tokens_is_refused(model: Any, asked: Any) -> None:
    with pytest.raises(ValueError, match="no tokens"):
        score_branches(model, asked[0][:1], [[[]]])
