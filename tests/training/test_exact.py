"""What training computes, model, layout and loss of the product, against what transformers computes of whole rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import pytest
import torch

from fittingroom.models.costs import Costs
from fittingroom.models.targets import is_router
from fittingroom.training.config import TrainConfig
from fittingroom.training.fit import prepared
from fittingroom.training.objective import over_passes
from fittingroom.training.passes import Layout, weight_of
from fittingroom.training.rows import Encoded
from fittingroom.training.sharing import shares
from models.test_packing import MODELS, VOCABULARY, examples, gradients, made, worst
from tiny_families import family_model
from tiny_training import plan

PAD = 0
Method = Literal["full", "lora"]


def sparse(kind: str) -> Callable[[], Any]:
    """A model that chooses by itself what its tokens look at, and is never packed."""

    def model() -> Any:
        found = family_model(kind, VOCABULARY)
        for name, parameter in found.named_parameters():
            if name.endswith(("sinks", "position_bias")):  # zero at first, which would hide faults
                torch.nn.init.normal_(parameter, std=0.3)
        return found.eval()

    return model


BUILD: dict[str, Callable[[], Any]] = {
    **{name: partial(made, name) for name in MODELS},
    "deepseek_v32": sparse("deepseek_v32"),
    "deepseek_v4": sparse("deepseek_v4"),
}
UNPACKED = ("deepseek_v32", "deepseek_v4")


def encoded(seed: int) -> Encoded:
    """Rows that share beginnings, of unequal lengths and weights."""
    ids, starts = examples(seed)
    count = len(ids)
    weights = [1.0 + 0.25 * (at % 3) for at in range(count)]
    return Encoded([str(at) for at in range(count)], ids, starts, [0] * count, weights, 0)


def padded_loss(model: Any, rows: Encoded, at_once: int) -> torch.Tensor:
    """The reference: full logits of rows that are padded to the longest of all, so many in a pass; the weighted mean
    over answer tokens.
    """
    length = max(map(len, rows.ids))
    ids = torch.full((len(rows.ids), length), PAD)
    mask = torch.zeros_like(ids)
    for at, row in enumerate(rows.ids):
        ids[at, : len(row)] = torch.tensor(row)
        mask[at, : len(row)] = 1
    parts = [slice(first, first + at_once) for first in range(0, len(ids), at_once)]
    logits = torch.cat(
        [model(input_ids=ids[part], attention_mask=mask[part], use_cache=False).logits for part in parts]
    )
    total, weight = torch.zeros(()), 0.0
    for at, (row, start) in enumerate(zip(rows.ids, rows.answer_starts, strict=True)):
        each = torch.nn.functional.cross_entropy(
            logits[at, start - 1 : len(row) - 1], torch.tensor(row[start:]), reduction="sum"
        )
        total = total + rows.weights[at] * each
        weight += rows.weights[at] * (len(row) - start)
    return total / weight


def ready(name: str, method: Method, *, checkpointed: bool) -> Any:
    """The model as a training makes it; adapters have numbers, so that slopes reach their first halves, too."""
    this = plan(method, dropout=0.0, activation_checkpointing=checkpointed)
    model = prepared(BUILD[name](), this, TrainConfig(method=method, lora_rank=4, lora_alpha=8.0, dropout=0.0), 7)
    torch.manual_seed(9)
    for part, parameter in model.named_parameters():
        if "lora_B" in part:
            torch.nn.init.normal_(parameter, std=0.1)
    return model.train()  # activations are kept in `eval` mode; there is no dropout


def stepped(model: Any, passes: list[dict[str, torch.Tensor]]) -> torch.Tensor:
    """Loss and gradients as the trainer computes those of one optimiser step."""
    model.zero_grad(set_to_none=True)
    weight = sum(float(weight_of(one)) for one in passes)
    return over_passes(model, passes, weight, device="cpu", back=torch.Tensor.backward)


def slopes(model: Any) -> dict[str, torch.Tensor]:
    return {part: value.grad.clone() for part, value in model.named_parameters() if value.grad is not None}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("packed", "budget"), [(True, 400), (True, 80), (False, 80)])
def test_loss_and_gradients_are_those_of_the_padded_batch(name: str, packed: bool, budget: int) -> None:
    model = made(name)
    rows = encoded(4)
    reference = padded_loss(model, rows, len(rows))
    wanted = gradients(model, reference)

    # As few tokens as can be, whatever is faster: else rows as short as these would not be packed.
    layout = replace(Layout.of(model, PAD, packing=packed), costs=Costs(1.0, 0.0)).within(budget)
    passes = layout.collate(rows, range(len(rows)))
    loss = stepped(model, passes)
    found = slopes(model)

    assert any("ends" in one for one in passes) == packed
    assert len(passes) > 1 or budget == 400
    assert loss.item() == pytest.approx(reference.item(), rel=2e-6)
    table = wanted["model.embed_tokens.weight"]
    never = sorted(set(range(VOCABULARY)) - {token for row in rows.ids for token in row})
    assert worst(found, wanted) <= 1e-5
    if not model.config.tie_word_embeddings:  # a tied table has the head's slopes, too
        assert not found["model.embed_tokens.weight"][never].any()
        assert not table[never].any()


def one_by_one(name: str, method: Method, rows: Encoded) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Loss and gradients of rows in passes of their own."""
    usual = ready(name, method, checkpointed=False)
    reference = padded_loss(usual, rows, 1)
    return reference, gradients(usual, reference)


@pytest.mark.parametrize("checkpointed", [False, True])
@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("name", BUILD)
def test_a_prepared_model_learns_from_a_step_what_padded_rows_teach_one_by_one(
    name: str, method: Method, checkpointed: bool
) -> None:
    """Over several passes of unequal size, with adapters and activations that are computed twice."""
    rows = encoded(5)
    reference, wanted = one_by_one(name, method, rows)

    model = ready(name, method, checkpointed=checkpointed)
    layout = replace(Layout.of(model, PAD), costs=Costs(1.0, 0.0)).within(80)
    passes = layout.collate(rows, range(len(rows)))
    assert layout.packed == any("ends" in one for one in passes) == (name not in UNPACKED)
    assert len({len(one["targets"]) for one in passes}) > 1

    calls: list[int] = []
    first = next(module for part, module in model.named_modules() if part.endswith("layers.0.input_layernorm"))
    watched = first.register_forward_pre_hook(lambda *_: calls.append(1))
    loss = stepped(model, passes)
    watched.remove()
    found = slopes(model)
    assert len(calls) == (2 if checkpointed else 1) * len(passes)
    assert loss.item() == pytest.approx(reference.item(), rel=2e-6)
    assert worst(found, wanted) <= 1e-5
    assert not any(is_router(part) for part in found), "the router never learns"
    assert all(("lora_" in part) == (method == "lora") for part in found)


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("name", ["qwen2", "deepseek_v3"])
def test_unequal_parts_of_a_step_add_up_to_the_whole(name: str, method: Method) -> None:
    """Rows that several processes share out among themselves, each with passes of its own; activations twice."""
    rows = encoded(6)
    reference, wanted = one_by_one(name, method, rows)

    model = ready(name, method, checkpointed=True)
    layout = replace(Layout.of(model, PAD), costs=Costs(1.0, 0.0)).within(60)
    parts = shares(rows.ids, 3, packed=layout.packed)
    assert len({len(part) for part in parts}) > 1
    made_of = [layout.collate(rows, part) for part in parts]
    weight = sum(float(weight_of(one)) for passes in made_of for one in passes)
    model.zero_grad(set_to_none=True)
    loss = sum(
        float(over_passes(model, passes, weight, device="cpu", back=torch.Tensor.backward)) for passes in made_of
    )
    assert loss == pytest.approx(reference.item(), rel=2e-6)
    assert worst(slopes(model), wanted) <= 1e-5
