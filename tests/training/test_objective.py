"""The compact loss equals the plain one, value and gradients, however a step is cut into passes."""

from __future__ import annotations

from typing import Any

import pytest

from fittingroom.models.load import load_model
from fittingroom.training.objective import loss_sum
from fittingroom.training.rows import IGNORED, Encoded, collate, weight_of
from tiny_model import tiny_folder

IDS = [[0, 9, 8, 7, 11, 12, 1], [0, 30, 31, 1], [0, 5, 6, 7, 8, 9, 10, 40, 41, 1], [0, 50, 51, 52, 1]]
STARTS = [4, 2, 7, 3]


def rows(weights: list[float]) -> Encoded:
    return Encoded(["a", "b", "c", "d"], IDS, STARTS, [0, 1, 0, 1], weights, 0)


def fresh() -> Any:
    model = load_model(tiny_folder())
    model.train()
    return model


def gradients(model: Any) -> dict[str, Any]:
    return {name: value.grad.clone() for name, value in model.named_parameters() if value.grad is not None}


def plain_loss(model: Any, chosen: list[int]) -> Any:
    """What transformers computes: full logits, labels in place, -100 on the prompt and the padding."""
    import torch

    batch = collate(rows([1.0] * 4), chosen, 2)
    labels = torch.full_like(batch["ids"], IGNORED)
    for at, row in enumerate(chosen):
        labels[at, STARTS[row] : len(IDS[row])] = torch.tensor(IDS[row][STARTS[row] :])
    return model(input_ids=batch["ids"], attention_mask=batch["mask"], labels=labels).loss


@pytest.mark.parametrize("chosen", [[0, 1, 2, 3], [2], [1, 3]])
def test_equal_to_the_plain_loss(chosen: list[int]) -> None:
    import torch

    wanted = fresh()
    reference = plain_loss(wanted, chosen)
    reference.backward()
    own = fresh()
    batch = collate(rows([1.0] * 4), chosen, 2)
    loss = loss_sum(own, batch) / weight_of(batch)
    loss.backward()
    assert abs(loss.item() - reference.item()) < 1e-5
    for name, gradient in gradients(wanted).items():
        assert torch.allclose(gradients(own)[name], gradient, atol=1e-5), name


def test_unequal_passes_give_the_gradient_of_the_whole_step() -> None:
    import torch

    weighted = rows([2.0, 0.5, 1.0, 1.5])
    whole, cut = fresh(), fresh()
    batch = collate(weighted, [0, 1, 2, 3], 2)
    (loss_sum(whole, batch) / weight_of(batch)).backward()
    passes = [collate(weighted, chosen, 2) for chosen in ([2], [0, 1, 3])]
    total = sum(weight_of(one) for one in passes)
    for one in passes:
        (loss_sum(cut, one) / total).backward()
    for name, gradient in gradients(whole).items():
        assert torch.allclose(gradients(cut)[name], gradient, atol=1e-5), name


def test_weights_are_those_of_the_rows() -> None:
    model = fresh()
    one = [collate(rows([1.0] * 4), [row], 2) for row in range(2)]
    both = collate(rows([3.0, 0.5, 1.0, 1.0]), [0, 1], 2)
    wanted = 3.0 * loss_sum(model, one[0]).item() + 0.5 * loss_sum(model, one[1]).item()
    assert abs(loss_sum(model, both).item() - wanted) < 1e-4
    assert float(weight_of(both)) == 3.0 * 3 + 0.5 * 2


def test_padding_is_masked_by_length_even_where_pad_is_the_end_mark() -> None:
    batch = collate(rows([1.0] * 4), [1, 2], pad=1)
    assert batch["mask"].sum().item() == len(IDS[1]) + len(IDS[2])
    assert batch["labels"][0].tolist() == [IGNORED, 31, 1] + [IGNORED] * 7


def test_smoothing_raises_the_loss_of_a_sure_model() -> None:
    import torch
    import torch.nn.functional as functional

    model = fresh()
    batch = collate(rows([1.0] * 4), [0], 2)
    logits = model(input_ids=batch["ids"]).logits[0, 3:6].detach()
    wanted = functional.cross_entropy(logits, torch.tensor(IDS[0][4:]), label_smoothing=0.1, reduction="sum")
    assert abs(loss_sum(model, batch, 0.1).item() - float(wanted)) < 1e-4
