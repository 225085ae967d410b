"""The best weights lie in memory once, however often they are bettered."""

from __future__ import annotations

from fittingroom.training import state


def test_bettered_weights_take_the_place_of_those_before() -> None:
    import torch

    model = torch.nn.Linear(3, 2)
    model.bias.requires_grad_(False)
    first = state.copied(model)
    assert list(first) == ["weight"]
    lies = first["weight"].data_ptr()
    assert lies != model.weight.data_ptr()
    with torch.no_grad():
        model.weight.add_(1.0)
    assert not torch.equal(first["weight"], model.weight)

    again = state.copied(model, into=first)

    assert again is first
    assert again["weight"].data_ptr() == lies
    assert torch.equal(again["weight"], model.weight)
