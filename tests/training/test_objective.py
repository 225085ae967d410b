"""The compact loss equals the plain one, value and gradients, however a step is cut into passes."""

from __future__ import annotations

from typing import Any

import pytest

from fittingroom.models.costs import Costs
from fittingroom.models.load import load_model
from fittingroom.training.objective import loss_sum
from fittingroom.training.passes import Layout, weight_of
from fittingroom.training.rows import Encoded
from tiny_model import tiny_folder

IDS = [[0, 9, 8, 7, 11, 12, 1], [0, 30, 31, 1], [0, 5, 6, 7, 8, 9, 10, 40, 41, 1], [0, 50, 51, 52, 1]]
STARTS = [4, 2, 7, 3]
IGNORED = -100
COSTS = Costs(1.0, 0.001)
PADDED, PACKED = Layout(2, packed=False, costs=COSTS), Layout(2, packed=True, costs=COSTS)


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

    length = max(len(IDS[row]) for row in chosen)
    ids = torch.full((len(chosen), length), 2)
    labels, mask = torch.full_like(ids, IGNORED), torch.zeros_like(ids)
    for at, row in enumerate(chosen):
        ids[at, : len(IDS[row])] = torch.tensor(IDS[row])
        mask[at, : len(IDS[row])] = 1
        labels[at, STARTS[row] : len(IDS[row])] = torch.tensor(IDS[row][STARTS[row] :])
    return model(input_ids=ids, attention_mask=mask, labels=labels).loss


@pytest.mark.parametrize("layout", [PADDED, PACKED])
@pytest.mark.parametrize("chosen", [[0, 1, 2, 3], [2], [1, 3]])
def test_equal_to_the_plain_loss(chosen: list[int], layout: Layout) -> None:
    import torch

    wanted = fresh()
    reference = plain_loss(wanted, chosen)
    reference.backward()
    own = fresh()
    (batch,) = layout.collate(rows([1.0] * 4), chosen)
    assert ("ends" in batch) == (layout.packed and len(chosen) > 1)
    loss = loss_sum(own, batch) / weight_of(batch)
    loss.backward()
    assert abs(loss.item() - reference.item()) < 1e-5
    for name, gradient in gradients(wanted).items():
        assert torch.allclose(gradients(own)[name], gradient, atol=1e-5), name


def test_unequal_passes_give_the_gradient_of_the_whole_step() -> None:
    import torch

    weighted = rows([2.0, 0.5, 1.0, 1.5])
    whole, cut = fresh(), fresh()
    (batch,) = PACKED.collate(weighted, [0, 1, 2, 3])
    (loss_sum(whole, batch) / weight_of(batch)).backward()
    passes = PADDED.within(12).collate(weighted, [0, 1, 2, 3])
    assert len(passes) == 3
    total = sum(weight_of(one) for one in passes)
    for one in passes:
        (loss_sum(cut, one) / total).backward()
    for name, gradient in gradients(whole).items():
        assert torch.allclose(gradients(cut)[name], gradient, atol=1e-5), name


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_unequal_passes_smooth_as_the_whole_step(smoothing: float) -> None:
    """The uniform part, too, is a mean over the answer tokens of the step: passes of 1, 2 and 3 rows are no matter."""
    import torch
    import torch.nn.functional as functional

    weighted = rows([2.0, 0.5, 1.0, 1.5])
    model = fresh()
    passes = PADDED.within(12).collate(weighted, [0, 1, 2, 3])
    assert len({one["ids"].shape[0] for one in passes}) > 1
    total = sum(weight_of(one) for one in passes)
    cut = sum(loss_sum(model, one, smoothing) / total for one in passes)
    wanted, size = torch.zeros(()), 0.0
    for row, weight in enumerate(weighted.weights):
        logits = model(input_ids=torch.tensor([IDS[row]])).logits[0, STARTS[row] - 1 : -1]
        targets = torch.tensor(IDS[row][STARTS[row] :])
        uniform = -logits.log_softmax(-1).mean(-1).sum()
        sure = functional.cross_entropy(logits, targets, reduction="sum")
        wanted = wanted + weight * ((1 - smoothing) * sure + smoothing * uniform)
        size += weight * len(targets)
    assert cut.item() == pytest.approx((wanted / size).item(), abs=1e-5)


def test_weights_are_those_of_the_rows() -> None:
    model = fresh()
    one = [PADDED.collate(rows([1.0] * 4), [row])[0] for row in range(2)]
    (both,) = PACKED.collate(rows([3.0, 0.5, 1.0, 1.0]), [0, 1])
    wanted = 3.0 * loss_sum(model, one[0]).item() + 0.5 * loss_sum(model, one[1]).item()
    assert abs(loss_sum(model, both).item() - wanted) < 1e-4
    assert float(weight_of(both)) == 3.0 * 3 + 0.5 * 2


def test_padding_carries_no_loss_even_where_pad_is_the_end_mark() -> None:
    (batch,) = Layout(1, packed=False, costs=COSTS).collate(rows([1.0] * 4), [1, 2])
    assert sorted(batch["targets"].tolist()) == sorted([*IDS[1][STARTS[1] :], *IDS[2][STARTS[2] :]])
    assert len(batch["at"]) == (len(IDS[1]) - STARTS[1]) + (len(IDS[2]) - STARTS[2])


def test_smoothing_raises_the_loss_of_a_sure_model() -> None:
    import torch
    import torch.nn.functional as functional

    model = fresh()
    (batch,) = PADDED.collate(rows([1.0] * 4), [0])
    logits = model(input_ids=batch["ids"]).logits[0, 3:6].detach()
    wanted = functional.cross_entropy(logits, torch.tensor(IDS[0][4:]), label_smoothing=0.1, reduction="sum")
    assert abs(loss_sum(model, batch, 0.1).item() - float(wanted)) < 1e-4
