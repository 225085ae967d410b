"""What a forward pass costs in floating-point operations, from a model's shape: enough to choose between two layouts.

Per token 2 x the weights it meets, per pair of tokens that attention compares 4 x the width of attention in every
layer (Kaplan et al., arXiv 2001.08361, section 2.1). Of experts, a token meets those it is sent to. The head is left
out: its tokens are the same in every layout.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from fittingroom.models.packing import Cut, sparse

LENGTHS = (256, 512, 1024, 2048, 4096, 8192)
"""Lengths of packs that are tried."""


class Costs(NamedTuple):
    """Operations of a forward pass through one model's body."""

    per_token: float
    per_pair: float
    sparse: bool = False
    """Whether attention leaves out what the mask hides (FlexAttention); otherwise all pairs of a pack are computed."""

    @classmethod
    def of(cls, model: Any) -> Costs:
        """Read from a loaded model."""
        config = model.config
        width = int(config.num_attention_heads) * head_width(config)
        return cls(2.0 * active_parameters(model), 4.0 * width * int(config.num_hidden_layers), sparse(model))

    def of_passes(self, passes: Iterable[Sequence[Cut]], *, masked: bool = False) -> float:
        """Operations of some passes, each of packs that are padded to the longest of them. `masked`: a mask is needed
        although every pack is one sequence.
        """
        return sum(self._of_pass(made, masked) for made in passes)

    def _of_pass(self, made: Sequence[Cut], masked: bool) -> float:
        length = max(cut.tokens for cut in made)
        if self.sparse:
            pairs = float(sum(cut.pairs for cut in made))
        else:
            pairs = float(len(made) * length * length)
            if not masked and all(cut.last - cut.first == 1 for cut in made):
                pairs /= 2  # causal attention without a mask leaves out the upper half
        return len(made) * length * self.per_token + pairs * self.per_pair


def packed_passes(made: Sequence[Cut], budget: int) -> list[list[Cut]]:
    """Packs of like length together, as many as the budget of tokens allows in a pass; a single one may exceed it."""
    passes: list[list[Cut]] = []
    for cut in sorted(made, key=lambda cut: (-cut.tokens, cut.first)):
        if passes and (len(passes[-1]) + 1) * passes[-1][0].tokens <= budget:
            passes[-1].append(cut)
        else:
            passes.append([cut])
    return passes


def head_width(config: Any) -> int:
    """Width of a head: of keys and values on average where they differ (latent attention)."""
    if getattr(config, "qk_nope_head_dim", None):
        return (int(config.qk_nope_head_dim) + int(config.qk_rope_head_dim) + int(config.v_head_dim)) // 2
    return int(getattr(config, "head_dim", None) or int(config.hidden_size) // int(config.num_attention_heads))


def active_parameters(model: Any) -> float:
    """Weights that a token meets between embedding and head: of experts, those it is sent to."""
    total = 0.0
    share = 1.0
    experts = getattr(model.config, "n_routed_experts", None)
    if experts:
        share = float(model.config.num_experts_per_tok) / float(experts)
    tables = {id(module.weight) for module in (model.get_input_embeddings(), model.get_output_embeddings())}
    for name, parameter in model.named_parameters():
        if id(parameter) not in tables:
            total += parameter.numel() * (share if ".experts." in name and "shared" not in name else 1.0)
    return total
