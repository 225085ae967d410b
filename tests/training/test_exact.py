"""What training computes, layout and loss of the product, against what transformers computes of one padded batch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from fittingroom.models.costs import Costs
from fittingroom.training.objective import over_passes
from fittingroom.training.passes import Layout, weight_of
from fittingroom.training.rows import Encoded
from models.test_packing import MODELS, VOCABULARY, examples, gradients, made, worst

PAD = 0


def padded_loss(model: Any, rows: Encoded) -> torch.Tensor:
    """The reference: one example a row, all in one padded batch, full logits, the weighted mean over answer tokens."""
    length = max(map(len, rows.ids))
    ids = torch.full((len(rows.ids), length), PAD)
    mask = torch.zeros_like(ids)
    for at, row in enumerate(rows.ids):
        ids[at, : len(row)] = torch.tensor(row)
        mask[at, : len(row)] = 1
    logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
    total, weight = torch.zeros(()), 0.0
    for at, (row, start) in enumerate(zip(rows.ids, rows.answer_starts, strict=True)):
        each = torch.nn.functional.cross_entropy(
            logits[at, start - 1 : len(row) - 1], torch.tensor(row[start:]), reduction="sum"
        )
        total = total + rows.weights[at] * each
        weight += rows.weights[at] * (len(row) - start)
    return total / weight


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("packed", "budget"), [(True, 400), (True, 80), (False, 80)])
def test_loss_and_gradients_are_those_of_the_padded_batch(name: str, packed: bool, budget: int) -> None:
    model = made(name)
    ids, starts = examples(4)
    count = len(ids)
    weights = [1.0 + 0.25 * (at % 3) for at in range(count)]
    rows = Encoded([str(at) for at in range(count)], ids, starts, [0] * count, weights, 0)
    reference = padded_loss(model, rows)
    wanted = gradients(model, reference)

    # As few tokens as can be, whatever is faster: else rows as short as these would not be packed.
    layout = replace(Layout.of(model, PAD, packing=packed), costs=Costs(1.0, 0.0)).within(budget)
    passes = layout.collate(rows, range(count))
    model.zero_grad(set_to_none=True)
    loss = over_passes(
        model, passes, sum(float(weight_of(one)) for one in passes), device="cpu", back=torch.Tensor.backward
    )
    found = {part: value.grad.clone() for part, value in model.named_parameters() if value.grad is not None}

    assert any("ends" in one for one in passes) == packed
    assert len(passes) > 1 or budget == 400
    assert loss.item() == pytest.approx(reference.item(), rel=2e-6)
    table = wanted["model.embed_tokens.weight"]
    never = sorted(set(range(VOCABULARY)) - {token for row in ids for token in row})
    assert worst(found, wanted) <= 1e-5
    if not model.config.tie_word_embeddings:  # a tied table has the head's slopes, too
        assert not found["model.embed_tokens.weight"][never].any()
        assert not table[never].any()
