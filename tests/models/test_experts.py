"""Expert-specialised fine-tuning: the same model, of which only the chosen experts learn and are stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from fittingroom.errors import ModelError
from fittingroom.models.experts import (
    WEIGHTS,
    choose,
    chosen_of,
    expert_layers,
    relevance,
    save_chosen,
    with_chosen,
    with_saved,
)
from models.test_packing import examples, gradients, losses, made

MIXTURES = ["deepseek_v2", "deepseek_v3"]


def chosen_for(model: Any) -> dict[str, list[int]]:
    return {name: [1, 4, 6] for name in expert_layers(model)}


@pytest.mark.parametrize("name", MIXTURES)
def test_the_split_model_is_the_same_and_only_the_chosen_learn(name: str) -> None:
    rows, starts = examples(1)
    weights = [1.0] * len(rows)
    whole = made(name)
    reference = losses(whole, rows, starts, weights)
    wanted = gradients(whole, reference)

    split = with_chosen(made(name), chosen_for(made(name)))
    loss = losses(split, rows, starts, weights)
    found = gradients(split, loss)

    assert loss.item() == pytest.approx(reference.item(), rel=1e-6)
    layers = chosen_for(whole)
    assert set(found) == {f"{layer}.chosen.{part}" for layer in layers for part in ("gate_up_proj", "down_proj")}
    for layer, index in layers.items():
        for part in ("gate_up_proj", "down_proj"):
            own, of_whole = found[f"{layer}.chosen.{part}"], wanted[f"{layer}.{part}"][index]
            assert float((own - of_whole).norm() / of_whole.norm()) <= 1e-5


@pytest.mark.parametrize("name", MIXTURES)
def test_what_is_saved_holds_the_chosen_only_and_comes_back(name: str, tmp_path: Path) -> None:
    rows, starts = examples(2)
    weights = [1.0] * len(rows)
    model = with_chosen(made(name), chosen_for(made(name)))
    learning = [value for value in model.parameters() if value.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=0.05)
    before = losses(model, rows, starts, weights)
    before.backward()
    optimizer.step()
    after = losses(model, rows, starts, weights).item()
    assert after < before.item()

    save_chosen(model, tmp_path)
    stored = load_file(str(tmp_path / WEIGHTS))
    assert sum(value.numel() for value in stored.values()) == sum(value.numel() for value in learning)
    assert all(value.shape[0] == 3 for value in stored.values())
    moments = sum(state["exp_avg"].numel() for state in optimizer.state.values())
    assert moments == sum(value.numel() for value in learning)

    again = with_saved(made(name), tmp_path)
    assert losses(again, rows, starts, weights).item() == pytest.approx(after, rel=1e-6)
    assert chosen_of(model) == chosen_for(made(name))
    untouched = [at for at in range(8) if at not in (1, 4, 6)]
    for layer, module in expert_layers(again).items():
        assert torch.equal(module.down_proj[untouched], expert_layers(made(name))[layer].down_proj[untouched])


@pytest.mark.parametrize("by", ["gate", "token"])
def test_relevance_is_what_the_router_says(by: Any) -> None:
    """Against a count by hand from the router's own output."""
    model = made("deepseek_v3")
    sequences = [[3, 5, 7, 9, 11], [20, 21]]
    shares = relevance(model, sequences, by)
    said: dict[str, list[torch.Tensor]] = {name: [] for name in shares}
    for name in shares:
        router = model.get_submodule(name.removesuffix("experts") + "gate")
        router.register_forward_hook(lambda module, given, out, name=name: said[name].append(out))
    with torch.no_grad():
        for ids in sequences:
            model(input_ids=torch.tensor([ids]))
    for name, found in shares.items():
        wanted = torch.zeros(8, dtype=torch.float64)
        for _, gates, index in said[name]:
            one = torch.zeros(8, dtype=torch.float64)
            for token in range(index.shape[0]):
                for expert, gate in zip(index[token].tolist(), gates[token].tolist(), strict=True):
                    one[expert] += gate if by == "gate" else 1.0
            wanted += one / one.sum() / 2
        assert found == pytest.approx(wanted.tolist(), abs=1e-6)
        assert sum(found) == pytest.approx(1.0)


def test_the_fewest_experts_that_reach_the_limit() -> None:
    shares = {"a": [0.1, 0.5, 0.15, 0.25], "b": [0.25, 0.25, 0.25, 0.25]}
    assert choose(shares, 0.5) == {"a": [1], "b": [0, 1]}
    assert choose(shares, 0.7) == {"a": [1, 3], "b": [0, 1, 2]}
    assert choose(shares, 1.0) == {"a": [0, 1, 2, 3], "b": [0, 1, 2, 3]}
    assert choose(shares, 0.0) == {"a": [1], "b": [0]}


def test_a_model_without_experts_and_experts_of_another_model_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has no experts"):
        with_chosen(made("qwen2"), {})
    save_chosen(with_chosen(made("deepseek_v2"), chosen_for(made("deepseek_v2"))), tmp_path)
    with pytest.raises(ModelError, match="has no experts"):
        with_saved(made("llama"), tmp_path)
