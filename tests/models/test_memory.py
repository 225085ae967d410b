"""The estimate of memory against what autograd really keeps, and against counts that are known."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Literal

import pytest

from fittingroom.models.memory import estimate
from fittingroom.models.packing import packs, tensors
from fittingroom.models.shape import Shape
from fittingroom.training.config import TrainConfig
from fittingroom.training.fit import prepared
from fittingroom.training.objective import loss_sum

BASE: dict[str, Any] = {
    "vocab_size": 500, "hidden_size": 64, "intermediate_size": 176, "num_hidden_layers": 3,
    "num_attention_heads": 4, "max_position_embeddings": 512,
}  # fmt: skip
LATENT: dict[str, Any] = {
    "n_routed_experts": 8, "num_experts_per_tok": 2, "n_shared_experts": 1, "n_group": 1, "topk_group": 1,
    "first_k_dense_replace": 1, "kv_lora_rank": 16, "q_lora_rank": 24, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8,
    "v_head_dim": 8, "moe_intermediate_size": 32, "num_key_value_heads": 4,
}  # fmt: skip
KINDS = ("qwen2", "qwen3", "llama", "deepseek_v2", "deepseek_v3")
GIB = 2**30


def config(kind: str) -> Any:
    import transformers as t

    if kind == "deepseek_v2":
        return t.DeepseekV2Config(**BASE, **{**LATENT, "q_lora_rank": None, "topk_method": "greedy"})
    if kind == "deepseek_v3":
        return t.DeepseekV3Config(**BASE, **LATENT)
    made = {"qwen2": t.Qwen2Config, "qwen3": t.Qwen3Config, "llama": t.LlamaConfig}[kind]
    extra = {"head_dim": 16} if kind == "qwen3" else {}
    return made(**BASE, **extra, num_key_value_heads=2)


def built(kind: str) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    torch.manual_seed(1)
    return AutoModelForCausalLM.from_config(config(kind))


def kept(model: Any, batch: dict[str, Any]) -> int:
    """Bytes that a forward pass keeps for the way back, weights aside; each storage once."""
    import torch

    own = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    seen: dict[int, int] = {}
    held: list[Any] = []

    def keep(tensor: Any) -> Any:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            seen[storage.data_ptr()] = storage.nbytes()
            held.append(tensor)  # so that no other tensor gets its place
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss_sum(model, batch)
    return sum(seen.values())


def batch_of(*, shared: bool, longest: int) -> dict[str, Any]:
    import torch

    def drawn(count: int) -> list[int]:
        ids: list[int] = torch.randint(5, 500, (count,)).tolist()
        return ids

    prefix = drawn(60)
    rows = [(prefix if shared else drawn(60)) + drawn(20) for _ in range(8)]
    made = tensors(packs(rows, [77] * 8, longest=longest), 0)
    batch = {"ids": made.ids, "positions": made.positions, "at": made.at, "targets": made.targets}
    batch["weights"] = torch.ones(len(made.at))
    return batch if made.plain else {**batch, "ends": made.ends}


def planned(method: Literal["full", "lora"]) -> Any:
    """What of a plan makes a model ready to learn."""
    ready = {"device": "cpu", "precision": "fp32", "activation_checkpointing": False, "frozen": {}, "memory_bytes": 0}
    return SimpleNamespace(method=method, dropout=0.0, **ready)


@pytest.mark.parametrize("kind", KINDS)
def test_what_autograd_keeps_is_reckoned_within_a_quarter(kind: str) -> None:
    methods: tuple[Literal["full", "lora"], ...] = ("full", "lora")
    for method in methods:
        model = prepared(built(kind), planned(method), TrainConfig(), 1)
        model.train()
        shape = Shape.from_config(config(kind).to_dict())
        assert shape is not None
        for shared, longest in ((False, 1), (True, 256)):
            batch = batch_of(shared=shared, longest=longest)
            parts = estimate(
                shape, method=method, tokens=batch["ids"].numel(), answers=len(batch["at"]),
                longest=batch["ids"].shape[1], masked="ends" in batch,
            ).parts  # fmt: skip
            said = parts["activations"] + parts["attention"] + parts["mask"] + parts["logits"] // 2
            assert 0.9 < said / kept(model, batch) < 1.25, (method, shared)


@pytest.mark.parametrize("kind", KINDS)
def test_a_configuration_tells_what_the_model_has(kind: str) -> None:
    model = built(kind)
    assert Shape.of(model) == Shape.from_config(config(kind).to_dict())
    assert Shape.from_config({"model_type": "unheard_of"}) is None


def test_published_models_come_out_as_is_known() -> None:
    """Sizes of the public configuration of DeepSeek-R1-Distill-Qwen-7B, and of DeepSeek-V3."""
    seven = Shape.from_config(
        {
            "model_type": "qwen2", "vocab_size": 152064, "hidden_size": 3584, "intermediate_size": 18944,
            "num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4, "tie_word_embeddings": False,
        }
    )  # fmt: skip
    assert seven is not None
    assert seven.parameters == pytest.approx(7.616e9, rel=0.001)
    made: dict[str, Any] = {
        "tokens": 4096, "answers": 400, "longest": 2048, "masked": True, "precision": "bfloat16", "device": "cuda",
    }  # fmt: skip
    full, lora, qlora = (estimate(seven, method=one, **made) for one in ("full", "lora", "qlora"))
    assert full.total > 110 * GIB > lora.total > 8 * GIB + qlora.total
    less = estimate(seven, method="lora", checkpointing=True, **made)
    assert less.parts["activations"] < lora.parts["activations"] / 5
    assert less.parts["weights"] == lora.parts["weights"]
    assert 15 * GIB < less.total < 24 * GIB, "so adapters of seven billion weights train on a card of 24 GB"
    mixed = estimate(seven, method="lora", **{**made, "precision": "mixed"})
    assert mixed.parts["weights"] > 1.9 * lora.parts["weights"]


def test_every_part_grows_with_its_cause() -> None:
    shape = Shape.from_config(config("deepseek_v3").to_dict())
    assert shape is not None
    given: dict[str, Any] = {"method": "lora", "tokens": 100, "answers": 10, "longest": 50}
    one = estimate(shape, **given).parts
    for change, part in (
        ({"tokens": 200}, "activations"), ({"answers": 20}, "logits"), ({"rank": 64}, "optimizer"),
        ({"longest": 100}, "attention"), ({"masked": True}, "mask"), ({"dropout": 0.1}, "activations"),
        ({"method": "full"}, "gradients"),
    ):  # fmt: skip
        more = estimate(shape, **{**given, **change}).parts
        assert more[part] > one[part], change
    assert estimate(shape, **given, device="cuda").parts["attention"] == 0, "a GPU has kernels for heads of any width"
    assert estimate(shape, **given).total == sum(one.values())


def test_what_is_held_is_not_what_the_starting_process_held() -> None:
    import subprocess
    import sys

    large = bytearray(b"x" * 400_000_000)
    code = "from fittingroom.models.memory import held_bytes; print(*held_bytes())"
    now, most = map(int, subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split())
    assert len(large) > 2 * most
    assert 0 < now <= most
