"""Embeddings and head came apart.

What goes wrong
    In many small models the table that reads words and the one that predicts them are one tensor. Adapters that save
    whole modules beside them (`modules_to_save`) copy one of the two, and a loader can miss the tie.
Why it hurts
    Only the copy learns. After merging, the file holds one table again, and half of what was learnt is lost or lands in
    the wrong half: training looks good and the served model is worse.
How it is detected
    The model's settings say that the two are one. Before and after the adapters are put on, their memory is compared.
What the remedy does
    Advises to train without `modules_to_save`, or with tied weights kept (`ensure_weight_tying`).
Not detected
    Tables that were apart when the model was published; its settings say so.
Source
    PEFT documentation, `modules_to_save` and `ensure_weight_tying`; own measurement.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice
from fittingroom.types import Finding, Frozen, Page, Pitfall, Plan, Severity, Text


class Settings(Frozen):
    """Limits."""

    lost: int = Field(default=0, ge=0, le=1)
    """1 lets tables come apart."""


def detect(plan: Plan, settings: Settings) -> Iterator[Finding]:
    """Fires when one tensor became two."""
    lost = plan.preflight.get("tying", {}).get("lost", 0.0)
    if lost <= settings.lost:
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en="embeddings and head should be one tensor and are two once training is set up",
            zh="词嵌入与输出层应为同一个张量，训练准备好后却成了两个",
        ),
        measured={"lost": lost},
        limits={"lost": float(settings.lost)},
    )


remedy = advice(
    "Train without `modules_to_save`, or keep the tie (`ensure_weight_tying` of peft)",
    "不使用 `modules_to_save`，或保持共享（peft 的 `ensure_weight_tying`）",
)


ZH = Page(
    title="词嵌入与输出层分了家",
    what_goes_wrong="许多小模型读词和预测词用的是同一个张量。随适配器保存整个模块（`modules_to_save`）会复制其中一个，"
    "加载器也可能漏掉共享。",
    why_it_hurts="只有副本在学。合并之后文件里又只有一张表，学到的东西丢失一半或落错地方：训练看起来很好，上线的模型却更差。",
    how_it_is_detected="模型设置写明两者共享。在装上适配器之前和之后比较它们的内存地址。",
    what_the_remedy_does="建议不使用 `modules_to_save`，或保持共享（`ensure_weight_tying`）。",
    not_detected="发布时本来就分开的两张表；模型设置里写明了。",
    source="PEFT 文档 `modules_to_save` 与 `ensure_weight_tying`；自行测量。",
)

PITFALL = Pitfall("tied-embeddings-untied", "configure", Settings(), detect, remedy, ZH, rank=17)
