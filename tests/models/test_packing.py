"""Packing changes nothing: loss and gradients are those of one example per row."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fittingroom.models import packing
from fittingroom.models.adapters import with_lora
from fittingroom.models.body import body_and_head, hidden_states
from fittingroom.models.packing import additive_mask, granule, packs, seen, tensors, tree_mask

VOCABULARY = 97


def qwen2() -> Any:
    from transformers import Qwen2Config, Qwen2ForCausalLM

    return Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=VOCABULARY, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, max_position_embeddings=256, initializer_range=0.2,
        )
    )  # fmt: skip


def qwen3() -> Any:
    from transformers import Qwen3Config, Qwen3ForCausalLM

    return Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=VOCABULARY, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, head_dim=8, max_position_embeddings=256, initializer_range=0.2,
        )
    )  # fmt: skip


def llama() -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, max_position_embeddings=256, initializer_range=0.2,
        )
    )  # fmt: skip


_MIXTURE = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 48, "moe_intermediate_size": 16,
    "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 4, "n_routed_experts": 8,
    "num_experts_per_tok": 3, "n_shared_experts": 1, "first_k_dense_replace": 1, "kv_lora_rank": 16,
    "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 8, "max_position_embeddings": 256,
    "initializer_range": 0.2,
}  # fmt: skip


def deepseek_v2() -> Any:
    from transformers import DeepseekV2Config, DeepseekV2ForCausalLM

    return DeepseekV2ForCausalLM(DeepseekV2Config(**_MIXTURE, q_lora_rank=None, n_group=1, topk_group=1))


def deepseek_v3() -> Any:
    from transformers import DeepseekV3Config, DeepseekV3ForCausalLM

    return DeepseekV3ForCausalLM(DeepseekV3Config(**_MIXTURE, q_lora_rank=16, n_group=2, topk_group=1, head_dim=8))


MODELS: dict[str, Callable[[], Any]] = {
    "qwen2": qwen2, "qwen3": qwen3, "llama": llama, "deepseek_v2": deepseek_v2, "deepseek_v3": deepseek_v3,
}  # fmt: skip


def made(name: str) -> Any:
    torch.manual_seed(5)
    model = MODELS[name]()
    for parameter in model.parameters():
        if parameter.dim() == 1:  # norms and biases that are all one or zero would hide faults
            torch.nn.init.normal_(parameter, mean=1.0, std=0.1)
    return model.eval()


def examples(seed: int, count: int = 14) -> tuple[list[list[int]], list[int]]:
    """Nested prefixes, rows without a shared one, equal prompts with different answers, and an equal row."""
    draw = random.Random(seed)

    def words(low: int, high: int) -> list[int]:
        return [draw.randrange(VOCABULARY) for _ in range(draw.randint(low, high))]

    system = words(15, 20)
    cards = [[*system, *words(4, 8)] for _ in range(3)]
    rows, starts = [], []
    for _ in range(count):
        prompt = [*draw.choice([*cards, system, []]), *words(2, 9)]
        rows.append([*prompt, *words(1, 4)])
        starts.append(len(prompt))
    rows += [[*rows[0][: starts[0]], 3, 5], list(rows[1])]
    return rows, [*starts, starts[0], starts[1]]


def losses(model: Any, rows: list[list[int]], starts: list[int], weights: list[float]) -> torch.Tensor:
    """The reference: one example per row, nothing padded, full logits."""
    total = torch.zeros(())
    for ids, start, weight in zip(rows, starts, weights, strict=True):
        logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, start - 1 : -1]
        total = total + weight * torch.nn.functional.cross_entropy(logits, torch.tensor(ids[start:]), reduction="sum")
    return total


def packed_loss(
    model: Any, rows: list[list[int]], starts: list[int], weights: list[float], *, longest: int, wrong: bool = False
) -> torch.Tensor:
    batch = tensors(packs(rows, starts, longest=longest), pad=0)
    body, head = body_and_head(model)
    mask = additive_mask(batch.ends, next(model.parameters()))
    if wrong:
        mask = torch.zeros_like(mask).masked_fill_(
            torch.ones(mask.shape[-2:], dtype=torch.bool).triu(1), torch.finfo(mask.dtype).min
        )
    hidden = hidden_states(body, batch.ids, mask, batch.positions).flatten(0, 1).index_select(0, batch.at)
    each = torch.nn.functional.cross_entropy(head(hidden), batch.targets, reduction="none")
    return (each * torch.tensor(weights)[batch.rows]).sum()


def gradients(model: Any, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    model.zero_grad(set_to_none=True)
    loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def worst(found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> float:
    assert found.keys() == wanted.keys()
    for name, grad in wanted.items():
        assert float(grad.norm()) > 0 or not bool(found[name].any()), f"{name} has no gradient, and was given one"
    return max(
        float((found[name] - grad).norm() / grad.norm()) for name, grad in wanted.items() if float(grad.norm()) > 0
    )


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("longest", [40, 400])
def test_loss_and_gradients_are_those_of_one_example_per_row(name: str, longest: int) -> None:
    model = made(name)
    rows, starts = examples(1)
    weights = [1.0 + 0.25 * (at % 3) for at in range(len(rows))]
    reference = losses(model, rows, starts, weights)
    wanted = gradients(model, reference)
    loss = packed_loss(model, rows, starts, weights, longest=longest)
    found = gradients(model, loss)
    assert loss.detach().item() == pytest.approx(reference.detach().item(), rel=1e-6)
    assert worst(found, wanted) <= 1e-5


@pytest.mark.parametrize("name", MODELS)
def test_a_wrong_mask_is_seen(name: str) -> None:
    model = made(name)
    rows, starts = examples(1)
    weights = [1.0] * len(rows)
    wanted = gradients(model, losses(model, rows, starts, weights))
    assert worst(gradients(model, packed_loss(model, rows, starts, weights, longest=400, wrong=True)), wanted) > 1e-2


@pytest.mark.parametrize("name", MODELS)
def test_with_lora_and_activation_checkpointing(name: str) -> None:
    rows, starts = examples(2)
    weights = [1.0] * len(rows)

    def adapted() -> Any:
        model = with_lora(made(name), rank=4, alpha=8.0, dropout=0.0)
        torch.manual_seed(9)
        for part, parameter in model.named_parameters():
            if "lora_B" in part:
                torch.nn.init.normal_(parameter, std=0.1)
        return model.eval()

    model = adapted()
    wanted = gradients(model, losses(model, rows, starts, weights))
    found = gradients(model, packed_loss(model, rows, starts, weights, longest=400))
    assert worst(found, wanted) <= 1e-5

    model = adapted()
    inner = model.get_base_model()
    inner.enable_input_require_grads()
    inner.activation_checkpointing_enable({"use_reentrant": False})
    model.train()  # checkpoints only when training; there is no dropout
    found = gradients(model, packed_loss(model, rows, starts, weights, longest=400))
    assert worst(found, wanted) <= 1e-5


@pytest.mark.parametrize("name", MODELS)
def test_accumulation_over_unequal_packs(name: str) -> None:
    model = made(name)
    rows, starts = examples(3)
    weights = [1.0] * len(rows)
    wanted = gradients(model, losses(model, rows, starts, weights))
    model.zero_grad(set_to_none=True)
    for some in (slice(0, 2), slice(2, 3), slice(3, None)):
        packed_loss(model, rows[some], starts[some], weights[some], longest=60).backward()
    found = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    assert worst(found, wanted) <= 1e-5


ROWS = st.lists(
    st.tuples(st.lists(st.integers(0, 2), min_size=1, max_size=7), st.integers(1, 7)), min_size=1, max_size=9
)


@settings(derandomize=True, max_examples=80, deadline=None)
@given(ROWS, st.integers(1, 30))
def test_every_sequence_is_in_the_tree_and_sees_itself_only(drawn: list[tuple[list[int], int]], longest: int) -> None:
    rows = [ids for ids, _ in drawn]
    starts = [min(start, len(ids)) for ids, start in drawn]
    found = packs(rows, starts, longest=longest)
    assert sorted(row for pack in found for row in pack.rows) == list(range(len(rows)))
    for pack in found:
        assert len(pack.tokens) <= longest or len(pack.rows) == 1
        visible = seen(torch.tensor([pack.ends]))[0]
        told: dict[int, list[int]] = {row: [] for row in pack.rows}
        for place, target, row in zip(pack.at, pack.targets, pack.of, strict=True):
            behind = [pack.tokens[at] for at in visible[place].nonzero()[:, 0].tolist()]
            at = starts[row] + len(told[row])
            assert behind == rows[row][:at]
            assert pack.positions[place] == at - 1
            told[row].append(target)
        for row in pack.rows:
            assert told[row] == rows[row][starts[row] :]
        once = {tuple(rows[row][: depth + 1]) for row in pack.rows for depth in range(len(rows[row]))}
        assert len(pack.tokens) == len(once), "what is shared stands once"


def test_a_loss_that_begins_nowhere_is_refused() -> None:
    with pytest.raises(ValueError, match="begins at 0 of 2"):
        packing.packs([[1, 2]], [0], longest=10)


@pytest.mark.skipif(shutil.which("g++") is None, reason="FlexAttention is compiled, and there is no C++ compiler here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch.jit", "ignore:.*flex_attention.*:UserWarning")
@pytest.mark.parametrize("name", ["qwen2", "deepseek_v3"])
def test_the_block_mask_shows_what_the_additive_mask_shows(name: str) -> None:
    """On a CPU FlexAttention has no gradient; hidden states are compared."""
    model = made(name)
    rows, starts = examples(1)
    body, head = body_and_head(model)
    with torch.no_grad():
        batch = tensors(packs(rows, starts, longest=90), 0, 128)
        wanted = hidden_states(body, batch.ids, tree_mask(batch.ends, model, head.weight), batch.positions)
        model.set_attn_implementation("flex_attention")
        assert granule(model) == 128
        mask = tree_mask(batch.ends, model, head.weight)
        assert not isinstance(mask, torch.Tensor)
        found = hidden_states(body, batch.ids, mask, batch.positions)
    assert float((found - wanted).abs().max()) < 1e-4
