"""The two halves of a causal language model: the body that makes hidden states, and the head that makes logits.

Working with them apart lets training and scoring compute logits only where they are needed: for a vocabulary of
130,000 words the head costs more memory than the whole body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


def body_and_head(model: Any) -> tuple[Module, Module]:
    """Body and head of a causal model, also inside a PEFT wrapper (adapters are injected in place and stay active)."""
    inner = model.get_base_model() if hasattr(model, "peft_config") and hasattr(model, "get_base_model") else model
    body: Module = getattr(inner, inner.base_model_prefix)
    head: Module = inner.get_output_embeddings()
    return body, head


def hidden_states(body: Module, ids: Tensor, mask: Tensor | None, positions: Tensor | None = None) -> Tensor:
    """[batch, length, hidden] of `ids` [batch, length]; `mask` is 2-D (1 = real) or 4-D (0 = see, large negative =
    not).
    """
    out: Tensor = body(input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=False).last_hidden_state
    return out
