"""How a plan lays rows out, as a sentence for people, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fittingroom.training.passes import Layout, longest_pack
from fittingroom.types import Text

_SHARED = Text(
    en="rows begin with the same tokens, which are computed once for all of a pack",
    zh="各行以相同的词元开头，一个包内只计算一次",
)
_ISOLATED = Text(
    en="rows share too little; packed side by side they cost less than padded to one length",
    zh="各行共同之处太少；并排打包比补齐到同一长度更省",
)
_CHEAPEST = Text(en="padding costs least on these lengths", zh="按这些长度，补齐最省")
_KIND_ZH = {"shared-prefix": "共享前缀打包", "isolated": "互相隔离的打包", "padded": "补齐"}


def why_laid(kind: str, layout: Layout, several: bool) -> Text:
    """Why rows are laid out as they are; `several`: some pack could hold more than one of them."""
    if kind != "padded":
        return _SHARED if kind == "shared-prefix" else _ISOLATED
    if layout.why is not None:
        return Text(en=f"each row by itself, as {layout.why.en}", zh=f"各行分别补齐：{layout.why.zh}")
    tokens = longest_pack(layout.budget)
    alone = Text(
        en=f"no two rows of a step fit into one pack of {tokens} tokens",
        zh=f"一个 {tokens} 个词元的包放不下同一步的两行",
    )
    return _CHEAPEST if several else alone


def laid_out(layout: Mapping[str, Any]) -> Text | None:
    """Which layout was used, why, and what it computes (see `Plan.layout`); None where nothing was laid out."""
    if not layout:
        return None
    kind, computed = str(layout["kind"]), float(layout["computed"])
    why_zh = layout.get("why_zh", layout["why"])  # plans of an earlier version have the reason in English only
    return Text(
        en=f"layout: {kind}, {computed:.2f} tokens computed per token of the rows ({layout['why']})",
        zh=f"布局：{_KIND_ZH[kind]}，数据每个词元平均计算 {computed:.2f} 个词元（{why_zh}）",
    )
