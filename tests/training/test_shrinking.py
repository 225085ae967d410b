"""L1: the closed form on a toy, exact zeros in a training, nothing where there was no step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fittingroom.training.rows import Encoded
from fittingroom.training.shrinking import shrink
from fittingroom.training.state import trainable
from tiny_training import plan, run, shop_rows


@pytest.fixture(scope="module")
def rows() -> Encoded:
    return shop_rows()


def test_a_toy_ends_at_the_lasso() -> None:
    """min over w of |w - target|^2 / 2 + l1 |w| has the solution sign(t) max(|t| - l1, 0), in every coordinate."""
    import torch

    target = torch.tensor([1.0, -0.5, 0.2, -0.05, 0.3])
    weight = torch.nn.Parameter(torch.tensor([0.4, 0.4, 0.4, 0.4, -0.9]))
    other = torch.nn.Parameter(torch.ones(5))
    optimizer = torch.optim.SGD([weight, other], lr=0.1)
    for _ in range(400):
        optimizer.zero_grad()
        (((weight - target) ** 2).sum() / 2 + ((other - target) ** 2).sum() / 2).backward()
        optimizer.step()
        shrink(optimizer, 0.25, [weight])
    assert torch.allclose(weight.detach(), torch.tensor([0.75, -0.25, 0.0, 0.0, 0.05]), atol=1e-6)
    assert (weight == 0).tolist() == [False, False, True, True, False]
    assert torch.allclose(other.detach(), target, atol=1e-6)


def test_no_step_no_pull() -> None:
    import torch

    weight = torch.nn.Parameter(torch.ones(3))
    shrink(torch.optim.SGD([weight], lr=0.1), 1.0, [weight])
    assert weight.tolist() == [1.0] * 3


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_training_gets_exact_zeros_and_spares_the_norms(method: Any, rows: Encoded, tmp_path: Path) -> None:
    steps: dict[str, Any] = {"steps": 3, "epochs": 0.5, "learning_rate": 1e-2, "warmup_steps": 0}
    plain = trainable(run(tmp_path / "plain", rows, plan(method, **steps)).model)
    pulled = run(tmp_path / "pulled", rows, plan(method, **steps, l1=0.5))
    assert pulled.recorder.best_step > 0
    learning = trainable(pulled.model)
    pulls = [name for name in learning if "norm" not in name and "lora_B" not in name]  # B is zero at first

    def zeros(weights: dict[str, Any], names: list[str]) -> int:
        return sum(int((weights[name] == 0).sum()) for name in names)

    assert zeros(plain, pulls) < zeros(learning, pulls) / 10
    assert zeros(learning, [name for name in learning if "norm" in name]) == 0
