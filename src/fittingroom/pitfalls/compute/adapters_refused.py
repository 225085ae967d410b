"""Adapters cannot be put on.

What goes wrong
    peft refuses a combination: dropout before the adapters of fused experts, a layer of a kind it does not know, a
    target that matches nothing.
Why it hurts
    The error comes when training starts: after the data were prepared, on the machine that is paid by the hour.
How it is detected
    The adapters of the recipe are put on the model before training, and taken off again. A refusal ends the attempt.
What the remedy does
    Sets `train.dropout` to 0 where one was given; else it advises to train all weights, or another model.
Not detected
    Adapters that are accepted and sit in the wrong places: see `adapters-misplaced`.
Source
    peft, `ParamWrapper` (lora_dropout must be 0 for parameters of fused experts).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.types import Finding, Frozen, Page, Pitfall, Plan, Remedy, Safety, Severity, Text


class Settings(Frozen):
    """Limits."""

    refused: int = Field(default=0, ge=0, le=1)
    """1 lets a refusal pass, and training fail."""


def detect(plan: Plan, settings: Settings) -> Iterator[Finding]:
    """Fires when peft raised."""
    refused = plan.preflight.get("adapters", {}).get("refused", 0.0)
    if refused <= settings.refused:
        return
    yield Finding(
        severity=Severity.BLOCK,
        summary=Text(
            en="the adapters of the recipe cannot be put on this model: training would end at once",
            zh="配方中的适配器无法装到这个模型上：训练一开始就会失败",
        ),
        measured={"refused": refused},
        limits={"refused": float(settings.refused)},
    )


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """Without dropout; else only people can choose."""
    if float(used["train"]["dropout"]) > 0:
        return Remedy(
            title=Text(en="No dropout before the adapters", zh="适配器之前不用 dropout"),
            safety=Safety.AUTOMATIC,
            patch={"train.dropout": 0.0},
            expectation=Text(en="the adapters can be put on, and training starts", zh="适配器可以装上，训练能够开始"),
        )
    return Remedy(
        title=Text(
            en="Set `train.method` to full, or choose a base model of another family",
            zh="把 `train.method` 设为 full，或改用其他系列的基座模型",
        ),
        safety=Safety.ADVICE,
    )


ZH = Page(
    title="适配器装不上",
    what_goes_wrong="peft 拒绝某种组合：在融合专家的适配器之前用 dropout、遇到它不认识的层、目标一个也没匹配到。",
    why_it_hurts="错误在训练开始时才出现：数据已经准备完毕，机器正按小时计费。",
    how_it_is_detected="训练之前按配方把适配器装到模型上，再拆下。装不上就终止本次尝试。",
    what_the_remedy_does="配方给了 dropout 时把 `train.dropout` 设为 0；否则建议训练全部权重或更换模型。",
    not_detected="装得上但装错地方的适配器：见 `adapters-misplaced`。",
    source="peft 的 `ParamWrapper`（融合专家的参数要求 lora_dropout 为 0）。",
)

PITFALL = Pitfall("adapters-refused", "configure", Settings(), detect, remedy, ZH, rank=10)
