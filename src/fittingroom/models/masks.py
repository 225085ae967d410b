"""Whether a model's attention takes a mask of ours as it stands: rows may then be packed, and answers scored as a tree.

transformers hands a 4-D mask to every layer as given. What a layer would hide by itself, a sliding window or the chunks
of its attention, is not put into it: such a layer would see what it never sees when it answers. And where the largest
position of a pass turns all of its rows, rows in one pass are not what they are alone, whatever the mask hides.
Sources: `transformers.masking_utils._preprocess_mask_arguments` (transformers 5), which returns a 4-D mask at once;
`transformers.modeling_rope_utils.dynamic_rope_update`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fittingroom.models.catalog import FAMILIES
from fittingroom.types import Text

_REACH = {"sliding_attention": "sliding_window", "chunked_attention": "attention_chunk_size"}
"""For every kind of layer that looks back a bounded way the key of the configuration that says how far."""
_TURNING = ("dynamic", "longrope")
"""Rotary positions (`rope_type`) whose frequencies follow the largest position of a pass, that of padding included."""


def takes_mask(model: Any) -> bool:
    """Whether every layer sees exactly what a 4-D mask shows it, on any row that the model can read."""
    return why_no_mask(model) is None


def why_no_mask(model: Any) -> Text | None:
    """Why its attention takes no mask of ours; None where it does. `model`: also inside a PEFT wrapper."""
    family = FAMILIES.get(str(model.config.model_type))
    if family is None or not family.tree_scoring:
        return Text(
            en=f"the attention of a {model.config.model_type} model takes no mask of ours",
            zh=f"{model.config.model_type} 模型的注意力不接受自定义掩码",
        )
    return _turned(model.config) or _hidden(model.config)


def alone_beyond(model: Any) -> int | None:
    """Tokens of the longest row up to which rows in one pass do not turn each other's positions; a longer row may not
    stand in one pass with a row within it. None where rows never do.
    """
    found = [_bound(rope, model.config) for rope in _ropes(model.config)]
    return min((bound for bound in found if bound is not None), default=None)


def _ropes(config: Any) -> Iterator[Mapping[str, Any]]:
    """Rotary parameters: one set for all layers, or one for every kind of layer."""
    said = getattr(config, "rope_parameters", None) or {}
    yield from [said] if "rope_type" in said else [one for one in said.values() if isinstance(one, Mapping)]


def _bound(rope: Mapping[str, Any], config: Any) -> int | None:
    kind = rope.get("rope_type")
    if kind not in _TURNING:
        return None
    # `dynamic` begins to stretch where the model ends to read, `longrope` where its first training ended.
    first = rope.get("original_max_position_embeddings") if kind == "longrope" else None
    return int(first or config.max_position_embeddings)


def _turned(config: Any) -> Text | None:
    """Whether the largest position of a pass turns all of its rows."""
    for rope in _ropes(config):
        kind = rope.get("rope_type")
        if kind in _TURNING:
            return Text(
                en=f"the largest position of a pass turns all of its rows (rope_type {kind}), and packed rows would "
                "change one another",
                zh=f"一次前向中最大的位置会改变其中所有行的位置编码（rope_type 为 {kind}），打包的各行会互相影响",
            )
    return None


def _hidden(config: Any) -> Text | None:
    """What some layer hides by itself of a row as long as the model reads."""
    kinds = getattr(config, "layer_types", None)
    # Without a list of layers, a window that is set holds for all of them.
    kinds = [kind for kind, key in _REACH.items() if getattr(config, key, None)] if kinds is None else kinds
    for kind in sorted(set(kinds) - {"full_attention"}):
        reach = getattr(config, _REACH[kind], None) if kind in _REACH else None
        if reach is None:
            return Text(
                en=f"some layers have an attention of their own ({kind}), into which no mask of ours goes",
                zh=f"部分层的注意力较特殊（{kind}），不接受自定义掩码",
            )
        if int(reach) < int(config.max_position_embeddings):
            return Text(
                en=f"some layers look back {int(reach)} tokens only ({kind}), and a mask of ours would lift that bound",
                zh=f"部分层只能回看 {int(reach)} 个词元（{kind}），自定义掩码会取消这一限制",
            )
    return None
