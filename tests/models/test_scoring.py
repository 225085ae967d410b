"""Scoring in a tree equals scoring every answer by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fittingroom.models import scoring
from fittingroom.models.load import load_model, load_tokenizer
from fittingroom.models.render import Renderer
from fittingroom.models.scoring import answer_tree, score_answers
from tiny_model import tiny_folder

TEXTS = ["good quality", "包裹破损,要求退款。 where is my order? " * 3, "x", "尺码 颜色"]
LABELS = ["good", "goodness", "bad", "退款", "good quality, thank you", "b"]


@pytest.fixture(scope="module")
def model() -> Any:
    return load_model(tiny_folder())


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(load_tokenizer(tiny_folder()))


def one_by_one(model: Any, prompts: list[list[int]], answers: list[list[int]]) -> np.ndarray:
    """The reference: one whole sequence per pair, logits of the whole model."""
    import torch

    scores = np.empty((len(prompts), len(answers)))
    with torch.no_grad():
        for row, prompt in enumerate(prompts):
            for column, answer in enumerate(answers):
                ids = torch.tensor([[*prompt, *answer]])
                logs = model(input_ids=ids).logits[0].log_softmax(-1)
                scores[row, column] = sum(float(logs[len(prompt) - 1 + at, token]) for at, token in enumerate(answer))
    return scores


INSTRUCTION = {"role": "system", "content": "where is my order? size colour price, choose one: good bad refund"}


@pytest.mark.parametrize("budget", [1, 300, 8192])
def test_prompts_behind_one_instruction_stand_in_one_tree(
    model: Any, renderer: Renderer, budget: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One prompt is there twice, and one is the head of another."""
    texts = ["good", "good quality", "good", *TEXTS, "refund please", "物流很快"]
    prompts = [renderer.prompt_ids([INSTRUCTION, {"role": "user", "content": text}]) for text in texts]
    prompts.append(prompts[0][:-2])
    answers = [renderer.answer_ids(label) for label in LABELS]
    computed = []
    whole = scoring.hidden_states

    def counting(body: Any, ids: Any, *rest: Any) -> Any:
        computed.append(ids.numel())
        return whole(body, ids, *rest)

    monkeypatch.setattr(scoring, "hidden_states", counting)
    # By operations a model of 32 columns would never pack: what its attention compares costs more than its tokens.
    monkeypatch.setattr(scoring.Costs, "of", classmethod(lambda cls, model: cls(1.0, 1e-6)))
    scores = score_answers(model, prompts, answers, token_budget=budget)
    assert np.abs(scores - one_by_one(model, prompts, answers)).max() < 1e-4
    if budget == 8192:
        nodes = len(answer_tree(answers).tokens)
        assert sum(computed) < 0.6 * sum(len(prompt) + nodes for prompt in prompts)


@pytest.mark.parametrize("budget", [1, 100, 8192])
def test_equal_to_one_by_one(model: Any, renderer: Renderer, budget: int) -> None:
    prompts = [renderer.prompt_ids([{"role": "user", "content": text}]) for text in TEXTS]
    answers = [renderer.answer_ids(label) for label in LABELS]
    wanted = one_by_one(model, prompts, answers)
    assert np.abs(score_answers(model, prompts, answers, token_budget=budget) - wanted).max() < 1e-4


def test_equal_in_several_trees_and_small_blocks(
    model: Any, renderer: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "_NODES_AT_ONCE", 5)
    monkeypatch.setattr(scoring, "_LOGITS_AT_ONCE", 1)
    prompts = [renderer.prompt_ids([{"role": "user", "content": text}]) for text in TEXTS]
    answers = [renderer.answer_ids(label) for label in LABELS]
    seen: list[tuple[int, int]] = []
    scores = score_answers(model, prompts, answers, progress=lambda done, total: seen.append((done, total)))
    assert np.abs(scores - one_by_one(model, prompts, answers)).max() < 1e-4
    assert seen[-1] == (4, 4)


def test_equal_where_attention_takes_no_tree(model: Any, renderer: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fittingroom.models.masks.FAMILIES", {})
    prompts = [renderer.prompt_ids([{"role": "user", "content": text}]) for text in TEXTS]
    answers = [renderer.answer_ids(label) for label in LABELS]
    assert np.abs(score_answers(model, prompts, answers) - one_by_one(model, prompts, answers)).max() < 1e-4


def test_equal_for_a_dense_model_with_grouped_heads() -> None:
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(3)
    config = Qwen2Config(
        vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, initializer_range=0.3,
    )  # fmt: skip
    dense = Qwen2ForCausalLM(config).eval()
    prompts, answers = [[5, 6, 7], [9], list(range(10, 30))], [[3, 1], [3, 4, 1], [3], [8, 8, 8, 1]]
    assert np.abs(score_answers(dense, prompts, answers) - one_by_one(dense, prompts, answers)).max() < 1e-4


def test_the_tree_shares_what_is_shared() -> None:
    tree = answer_tree([[7, 8, 1], [7, 9, 1], [7, 1], [7, 8, 1]])
    assert tree.tokens == [7, 8, 9]
    assert tree.parents == [0, 1, 1]
    assert tree.depths == [1, 2, 2]
    assert tree.ends == [3, 2, 3]
    assert len(tree.edges) == 6
    assert tree.paths[0] == tree.paths[3]
    with pytest.raises(ValueError, match="no tokens"):
        answer_tree([[]])


def test_nothing_to_score(model: Any) -> None:
    assert score_answers(model, [], [[1]]).shape == (0, 1)
