"""Whether a model's files and its class hold the same tensors.

transformers fills what is missing with random numbers and leaves out what it has no place for, both with no more than a
warning: with a wrong `num_hidden_layers` a model comes without its upper layers, and codes come without their scales.
Left out with right is what training does not use: the layers that predict further tokens (MTP, which the native classes
of V3 and V4 do not have), and the angles that old files of rotary embeddings hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from fittingroom.errors import ModelError

_LAYER = re.compile(r"(?:^|\.)layers\.(\d+)\.")
_USELESS = re.compile(r"rotary_emb\.inv_freq$|(?:^|\.)mtp\.")
_MTP = ".eh_proj.weight"
"""What only a layer that predicts further tokens has: it joins the stream with the next token's embedding."""


def refuse_unlike(report: Mapping[str, Any], place: str) -> None:
    """`report`: what transformers tells of a loading (`output_loading_info`). Raises ModelError where a tensor is
    missing, has another shape, or has no place in the model.
    """
    missing = sorted(report["missing_keys"]) + sorted(str(item) for item in report.get("mismatched_keys", []))
    if missing:
        raise ModelError(
            f"weights are missing or of the wrong shape ({len(missing)}, first: {missing[0]}): the files do not belong "
            "together, download the model again",
            f"权重缺失或形状不符（{len(missing)} 个，首个：{missing[0]}）：文件不属于同一模型，请重新下载",
            place=place,
        )
    homeless = without_place(report.get("unexpected_keys", ()))
    if homeless:
        raise ModelError(
            f"its files hold weights that the model of config.json has no place for ({len(homeless)}, first: "
            f"{homeless[0]}), and would be loaded without them: take config.json from the model's publisher (number of "
            "layers, architecture, quantization_config)",
            f"文件中有 config.json 所述模型容纳不下的权重（{len(homeless)} 个，首个：{homeless[0]}），加载时会被丢弃："
            "请使用发布者原始的 config.json（层数、架构、quantization_config）",
            place=place,
        )


def without_place(names: Iterable[str]) -> list[str]:
    """Of tensors that a model did not take, those that it should have had a place for, sorted."""
    left = sorted(names)
    further = {found[1] for name in left if name.endswith(_MTP) and (found := _LAYER.search(name))}
    return [
        name
        for name in left
        if not _USELESS.search(name) and not ((found := _LAYER.search(name)) and found[1] in further)
    ]
