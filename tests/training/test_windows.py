"""A model into which no mask of ours goes (a bounded window, positions that follow the longest row of a pass, V3.2,
V4): what is computed is that of whole rows.
"""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch

from fittingroom.engine import Context
from fittingroom.models import scoring
from fittingroom.models.branches import score_branches
from fittingroom.models.costs import Costs
from fittingroom.models.load import ModelConfig, load_model
from fittingroom.models.masks import alone_beyond, takes_mask, why_no_mask
from fittingroom.models.scoring import score_answers
from fittingroom.pitfalls.compute import nothing_trains
from fittingroom.serving.writing import greedy
from fittingroom.stages.configure import configure
from fittingroom.training.config import TrainConfig
from fittingroom.training.fit import takes_block_masks
from fittingroom.training.objective import over_passes
from fittingroom.training.passes import Layout, weight_of
from fittingroom.training.rows import Encoded
from fittingroom.training.worded import laid_out
from models.test_packing import VOCABULARY, gradients, losses, packed_loss, worst
from models.test_scoring import one_by_one
from tiny_families import family_folder, family_model
from tiny_shop import TASK, splits

WINDOW = 8


def windowed(kind: str, **changes: Any) -> Any:
    """Two layers, the second of which sees the last eight tokens only."""
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(5)
    said = {
        "vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "head_dim": 8,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 256, "initializer_range": 0.2,
        "use_sliding_window": True, "sliding_window": WINDOW, "max_window_layers": 1, **changes,
    }  # fmt: skip
    return AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **said)).eval()


def rows_of(count: int) -> Encoded:
    """Rows of about 36 tokens behind 24 that they share: packing them would save half."""
    draw = random.Random(3)
    head = [draw.randrange(VOCABULARY) for _ in range(24)]
    ids = [[*head, *(draw.randrange(VOCABULARY) for _ in range(10 + at % 4))] for at in range(count)]
    names = [str(at) for at in range(count)]
    return Encoded(names, ids, [len(row) - 3 for row in ids], [0] * count, [1.0] * count, 0)


@pytest.mark.parametrize("kind", ["qwen2", "qwen3"])
def test_loss_and_gradients_are_those_of_whole_rows(kind: str) -> None:
    model = windowed(kind)
    rows = rows_of(8)
    reference = losses(model, rows.ids, rows.answer_starts, rows.weights) / 24
    wanted = gradients(model, reference)
    layout = Layout.of(model, 0)
    passes = layout.collate(rows, range(len(rows)))
    model.zero_grad(set_to_none=True)
    weight = sum(float(weight_of(one)) for one in passes)
    loss = over_passes(model, passes, weight, device="cpu", back=torch.Tensor.backward)
    found = {part: value.grad.clone() for part, value in model.named_parameters() if value.grad is not None}
    assert loss.item() == pytest.approx(reference.item(), rel=2e-6)
    assert worst(found, wanted) <= 1e-5
    assert layout.lay(rows.ids).kind == "padded"
    assert not takes_block_masks(model, "cuda", TrainConfig())


@pytest.mark.parametrize("kind", ["qwen2", "qwen3"])
def test_scores_are_those_of_whole_rows(kind: str) -> None:
    model = windowed(kind)
    prompts = [row[:-2] for row in rows_of(4).ids]
    answers = [[3, 5, 1], [3, 6, 7, 1], [9, 1], [3, 5, 8, 2, 4, 1]]
    wanted = one_by_one(model, prompts, answers)
    assert np.abs(score_answers(model, prompts, answers) - wanted).max() < 1e-4
    told: list[tuple[int, int]] = []
    branched = score_branches(model, prompts, [answers] * 4, progress=lambda done, total: told.append((done, total)))
    assert np.abs(np.array(branched) - wanted).max() < 1e-4
    assert told[-1] == (4, 4)


def test_only_a_bound_shorter_than_the_model_reads_counts() -> None:
    assert takes_mask(windowed("qwen2", sliding_window=256))
    assert takes_mask(windowed("qwen2", use_sliding_window=False))
    assert takes_mask(windowed("qwen2", max_window_layers=2)), "no layer is bounded, though a window is set"
    why = why_no_mask(windowed("qwen3"))
    assert why is not None
    assert "8 tokens" in why.en
    assert "8 个词元" in why.zh


@pytest.mark.parametrize(
    ("said", "able"),
    [
        ({"layer_types": ["full_attention", "chunked_attention"], "attention_chunk_size": 64}, False),
        ({"layer_types": ["full_attention", "chunked_attention"], "attention_chunk_size": 256}, True),
        ({"layer_types": ["full_attention", "linear_attention"]}, False),
        ({"layer_types": None, "sliding_window": 64}, False),
        ({"layer_types": None, "sliding_window": None}, True),
        ({}, True),
    ],
)
def test_other_bounds_of_a_configuration(said: dict[str, Any], able: bool) -> None:
    class Said:
        model_type = "llama"
        max_position_embeddings = 256

    config = Said()
    for name, value in said.items():
        setattr(config, name, value)
    model = type("Model", (), {"config": config})()
    assert takes_mask(model) == able


def test_the_plan_says_why_rows_are_not_packed(context: Context, tmp_path: Path) -> None:
    base = family_folder(
        "qwen2", tmp_path / "windowed", use_sliding_window=True, sliding_window=WINDOW, max_window_layers=1
    )
    assert not takes_mask(load_model(base))
    plan = configure(
        splits(), model=ModelConfig(base=str(base)), train=TrainConfig(), task=TASK, seed=7, context=context
    )
    said = laid_out(plan.layout)
    assert plan.layout["kind"] == "padded"
    assert said is not None
    assert "each row by itself, as some layers look back 8 tokens only" in said.en
    assert "各行分别补齐：部分层只能回看 8 个词元" in said.zh
    off = configure(
        splits(), model=ModelConfig(base=str(base)), train=TrainConfig(packing="off"), task=TASK, seed=7,
        context=context,
    )  # fmt: skip
    assert "已关闭打包" in off.layout["why_zh"]


READS = 64
ROPES: dict[str, dict[str, Any]] = {
    "dynamic": {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10000.0},
    "longrope": {
        "rope_type": "longrope", "rope_theta": 10000.0, "original_max_position_embeddings": 36, "factor": 2.0,
        "short_factor": [1.0, 1.0, 1.0, 1.0], "long_factor": [2.0, 3.0, 4.0, 5.0],
    },
}  # fmt: skip


def turning(rope: str) -> Any:
    """A model whose positions follow the largest one of a pass."""
    return windowed("llama", sliding_window=None, max_position_embeddings=READS, rope_parameters=ROPES[rope])


def unequal_rows(count: int) -> Encoded:
    """Rows of 27 to 60 tokens behind 20 that they share."""
    draw = random.Random(5)
    head = [draw.randrange(1, VOCABULARY) for _ in range(20)]
    ids = [[*head, *(draw.randrange(1, VOCABULARY) for _ in range(7 + (at * 11) % 34))] for at in range(count)]
    names = [str(at) for at in range(count)]
    return Encoded(names, ids, [len(row) - 3 for row in ids], [0] * count, [1.0 + at % 3 for at in range(count)], 0)


@pytest.mark.parametrize("packing", [True, False])
@pytest.mark.parametrize("budget", [130, 400, 4000])
@pytest.mark.parametrize("rope", ROPES)
def test_where_the_longest_row_turns_all_loss_and_gradients_are_those_of_single_rows(
    rope: str, budget: int, packing: bool
) -> None:
    model = turning(rope)
    rows = unequal_rows(17)
    weight = sum(3 * one for one in rows.weights)
    reference = losses(model, rows.ids, rows.answer_starts, rows.weights) / weight
    wanted = gradients(model, reference)
    layout = replace(Layout.of(model, 0, packing=packing), costs=Costs(1.0, 0.0)).within(budget)
    passes = layout.collate(rows, range(len(rows)))
    model.zero_grad(set_to_none=True)
    loss = over_passes(model, passes, sum(float(weight_of(one)) for one in passes), device="cpu",
                       back=torch.Tensor.backward)  # fmt: skip
    found = {part: value.grad.clone() for part, value in model.named_parameters() if value.grad is not None}
    assert loss.item() == pytest.approx(reference.item(), rel=2e-6)
    assert worst(found, wanted) <= 1e-5
    assert layout.lay(rows.ids).kind == "padded"
    assert len(passes) < len(rows), "rows that do not turn each other share a pass"
    assert not takes_block_masks(model, "cuda", TrainConfig())


@pytest.mark.parametrize("rope", ROPES)
def test_its_scores_and_answers_are_those_of_single_rows(rope: str) -> None:
    model = turning(rope)
    prompts = [row[:size] for row, size in zip(unequal_rows(4).ids, (24, 33, 50, 27), strict=False)]
    answers = [[3, 5, 1], [9, 1], [3, 5, 8, 2, 4, 1], [3] * 9]
    wanted = one_by_one(model, prompts, answers)
    assert np.abs(score_answers(model, prompts, answers) - wanted).max() < 1e-4
    assert np.abs(np.array(score_branches(model, prompts, [answers] * 4)) - wanted).max() < 1e-4

    def written(some: list[list[int]]) -> list[list[int]]:
        return [made.ids for made in greedy(model, some, end=-1, pad=0, most=8, lock=threading.Lock())]

    assert written(prompts) == [written([prompt])[0] for prompt in prompts]
    assert scoring._batches([27, 36, 37, 50, 36], 4000, 36) == [[3, 2], [1, 4, 0]]
    assert scoring._batches([27, 36, 37, 50, 36], 4000) == [[3, 2, 1, 4, 0]]


@pytest.mark.parametrize("rope", ROPES)
def test_packed_it_would_learn_something_else(rope: str) -> None:
    """Positions of padding count on, and turn the pack beside them."""
    model, rows = turning(rope), unequal_rows(17)
    said = (model, rows.ids, rows.answer_starts, rows.weights)
    assert packed_loss(*said, longest=256).item() != pytest.approx(losses(*said).item(), rel=1e-4)


@pytest.mark.parametrize("rope", ROPES)
def test_the_plan_says_that_the_longest_row_turns_all(rope: str, context: Context, tmp_path: Path) -> None:
    base = family_folder("llama", tmp_path / "turning", rope_parameters=ROPES[rope])
    plan = configure(
        splits(), model=ModelConfig(base=str(base)), train=TrainConfig(), task=TASK, seed=7, context=context
    )
    said = laid_out(plan.layout)
    assert plan.layout["kind"] == "padded"
    assert said is not None
    assert f"each row by itself, as the largest position of a pass turns all of its rows (rope_type {rope})" in said.en
    assert f"各行分别补齐：一次前向中最大的位置会改变其中所有行的位置编码（rope_type 为 {rope}）" in said.zh


def test_only_positions_that_follow_the_longest_row_count() -> None:
    yarn = {"rope_type": "yarn", "factor": 4.0, "rope_theta": 10000.0, "original_max_position_embeddings": 16}
    assert takes_mask(windowed("llama", sliding_window=None, rope_parameters=yarn))
    each = type("Config", (), {"model_type": "llama", "max_position_embeddings": 64, "layer_types": None})()
    each.rope_parameters = {"main": {"rope_type": "default"}, "other": ROPES["longrope"]}
    model = type("Model", (), {"config": each})()
    assert not takes_mask(model)
    assert alone_beyond(model) == 36
    each.rope_parameters = {"main": {"rope_type": "default"}, "other": {"rope_type": "linear"}}
    assert takes_mask(model)
    assert alone_beyond(model) is None


SPARSE = ("deepseek_v32", "deepseek_v4")


@pytest.mark.parametrize("kind", SPARSE)
def test_a_model_that_chooses_what_it_sees_scores_as_on_whole_rows(kind: str) -> None:
    model = family_model(kind, VOCABULARY).eval()
    prompts = [row[:-2] for row in rows_of(2).ids]
    answers = [[3, 5, 1], [9, 1], [3, 5, 8, 2, 4, 1]]
    wanted = one_by_one(model, prompts, answers)
    assert not takes_mask(model)
    assert np.abs(score_answers(model, prompts, answers) - wanted).max() < 1e-4
    assert np.abs(np.array(score_branches(model, prompts, [answers] * 2)) - wanted).max() < 1e-4


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("kind", SPARSE)
def test_its_plan_pads_and_leaves_the_router_alone(
    kind: str, method: Literal["full", "lora"], context: Context, tmp_path: Path
) -> None:
    base = family_folder(kind, tmp_path / kind)
    plan = configure(
        splits(), model=ModelConfig(base=str(base)), train=TrainConfig(method=method), task=TASK, seed=7,
        context=context,
    )  # fmt: skip
    assert plan.layout["kind"] == "padded"
    assert f"the attention of a {kind} model takes no mask of ours" in plan.layout["why"]
    adapters = plan.preflight["adapters"]
    assert (adapters["refused"], adapters["router"], adapters["experts"], adapters["missing"]) == (0, 0, 0, 0)
    assert plan.preflight["learning"]["dead"] == 0, "what no gradient reaches is not said to learn"
    assert not list(nothing_trains.detect(plan, nothing_trains.Settings()))
    assert plan.preflight["accumulation"]["loss"] < 1e-5
    assert plan.preflight["accumulation"]["gradient"] < 1e-3
    assert "packing" not in plan.preflight
