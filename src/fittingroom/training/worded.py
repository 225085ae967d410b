"""How a plan lays rows out, as a sentence for people, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fittingroom.types import Text

_WHY_ZH = {
    "shared-prefix": "各行以相同的词元开头，一个包内只计算一次",
    "isolated": "各行共同之处太少；并排打包比补齐到同一长度更省",
    "padded": "各行分别补齐：打包并不更省，或一个包放不下同一步的两行，或者已关闭，或者该模型的注意力不接受自定义掩码",
}
_KIND_ZH = {"shared-prefix": "共享前缀打包", "isolated": "互相隔离的打包", "padded": "补齐"}


def laid_out(layout: Mapping[str, Any]) -> Text | None:
    """Which layout was used, why, and what it computes (see `Plan.layout`); None where nothing was laid out."""
    if not layout:
        return None
    kind, computed = str(layout["kind"]), float(layout["computed"])
    return Text(
        en=f"layout: {kind}, {computed:.2f} tokens computed per token of the rows ({layout['why']})",
        zh=f"布局：{_KIND_ZH[kind]}，数据每个词元平均计算 {computed:.2f} 个词元（{_WHY_ZH[kind]}）",
    )
