"""The loss behind the head in blocks: value and gradients of the plain way."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from fittingroom.models import headloss
from fittingroom.models.headloss import loss_behind

ROWS, WIDTH, WORDS = 11, 8, 37


def given() -> tuple[torch.nn.Linear, torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(3)
    head = torch.nn.Linear(WIDTH, WORDS, bias=False)
    hidden = torch.randn(ROWS, WIDTH, requires_grad=True)
    return head, hidden, torch.randint(WORDS, (ROWS,)), torch.rand(ROWS) + 0.5


def plain(head: Any, hidden: Any, targets: Any, weights: Any, smoothing: float) -> Any:
    losses = torch.nn.functional.cross_entropy(head(hidden), targets, reduction="none", label_smoothing=smoothing)
    return (losses * weights).sum()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("rows", [1, 4, 100])
@pytest.mark.parametrize("learns", [True, False])
def test_equal_to_the_plain_way(smoothing: float, rows: int, learns: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headloss, "_NUMBERS", rows * WORDS)
    head, hidden, targets, weights = given()
    head.weight.requires_grad_(learns)
    wanted = plain(head, hidden, targets, weights, smoothing) / 7.0
    wanted.backward()
    to_hidden, to_head = hidden.grad, head.weight.grad
    hidden.grad = head.weight.grad = None

    found = loss_behind(head, hidden, targets, weights, smoothing) / 7.0
    assert type(found.grad_fn.next_functions[0][0]).__name__ == "HeadLossBackward", "the way that is tested"
    found.backward()
    assert found.item() == pytest.approx(wanted.item(), rel=1e-6)
    assert hidden.grad is not None
    assert float((hidden.grad - to_hidden).norm() / to_hidden.norm()) <= 1e-6
    if learns:
        assert float((head.weight.grad - to_head).norm() / to_head.norm()) <= 1e-6
    else:
        assert head.weight.grad is None


def test_without_gradients_only_the_loss_is_made() -> None:
    head, hidden, targets, weights = given()
    with torch.inference_mode():
        found = loss_behind(head, hidden, targets, weights)
    assert found.item() == pytest.approx(plain(head, hidden, targets, weights, 0.0).item(), rel=1e-6)


def test_a_second_way_back_is_refused() -> None:
    """The gradients are scaled where they lie; twice would be wrong without a word."""
    head, hidden, targets, weights = given()
    loss = loss_behind(head, hidden, targets, weights)
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="once"):
        loss.backward()


def test_what_is_more_than_a_matrix_goes_the_plain_way() -> None:
    head, hidden, targets, weights = given()
    biased = torch.nn.Linear(WIDTH, WORDS)
    hooked, _, _, _ = given()
    hooked.register_forward_hook(lambda module, asked, out: out * 2)
    for other in (biased, hooked):
        found = loss_behind(other, hidden, targets, weights)
        assert found.item() == pytest.approx(plain(other, hidden, targets, weights, 0.0).item(), rel=1e-6)
    with torch.autocast("cpu", torch.bfloat16):
        found = loss_behind(head, hidden, targets, weights)
    assert found.item() == pytest.approx(plain(head, hidden, targets, weights, 0.0).item(), rel=2e-2)
