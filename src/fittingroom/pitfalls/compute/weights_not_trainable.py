"""Weights are stored too narrow to be trained.

What goes wrong
    DeepSeek publishes its large models in FP8, and the experts of the newest in FP4. Such weights can be computed with;
    a step of training cannot be written into them, and through FP4 no gradient passes at all.
Why it hurts
    transformers ends with "do not support training", or a kernel raises in the first backward pass, on a machine with
    eight cards.
How it is detected
    The types of the weights as they were loaded, and of those in the folder's files. All weights trained while some are
    in 8 or 4 bit floating point, or adapters beside 4-bit ones, ends the attempt. Where files hold 8 bits, the numbers
    in memory are compared with the codes in the files (of eight tensors): equal ones were loaded without their scales,
    hundreds of times too large, which ends it with any method. Weights that the loader turned into 16 or 32 bit with
    their scales are fine. (Folders in FP4 or with codes that `config.json` does not explain, and models that only run
    by their own code, `auto_map`, are refused by the loader before.)
What the remedy does
    Trains adapters beside frozen FP8 weights. For FP4, and for codes without scales, it advises a version of the model
    in 16 bit.
Not detected
    Loss of quality by the narrow type itself; 4-bit weights of bitsandbytes, which adapters train beside; scales left
    out of fused experts alone.
Source
    transformers pull request 41516; transformers documentation, fine-grained FP8; ms-swift issue 4737 (remote code).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.types import Finding, Frozen, Page, Pitfall, Plan, Remedy, Safety, Severity, Text


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.0, ge=0, lt=1)
    """Share of the bytes of the weights that may be in a type that cannot be trained."""


def detect(plan: Plan, settings: Settings) -> Iterator[Finding]:
    """Fires on narrow weights that would have to learn, or to pass a gradient on, and on codes without scales."""
    found = plan.preflight.get("stored", {})
    eight, four, files = found.get("loaded_8", 0.0), found.get("loaded_4", 0.0), found.get("files_8", 0.0)
    raw = files * found.get("raw", 0.0)
    learns = eight + four if plan.method == "full" else four
    narrow = max(learns, raw)
    if narrow <= settings.share:
        return
    yield Finding(
        severity=Severity.BLOCK,
        summary=_raw(raw) if raw >= learns else _narrow(narrow, "4" if four else "8"),
        measured={"narrow": narrow, "raw": raw, "loaded_8": eight, "loaded_4": four, "files_8": files},
        limits={"narrow": settings.share},
        strength=1.0 + narrow,
    )


def _raw(share: float) -> Text:
    return Text(
        en=f"{share:.0%} of the bytes of the files are 8-bit codes whose scales were not applied when they were loaded",
        zh=f"文件中 {share:.0%} 的字节是 8 位编码，加载时没有乘以缩放系数",
    )


def _narrow(share: float, bits: str) -> Text:
    return Text(
        en=f"{share:.0%} of the bytes of the weights are in {bits}-bit floating point, which this training cannot go "
        "through",
        zh=f"{share:.0%} 的权重字节是 {bits} 位浮点数，这种训练无法进行",
    )


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """Adapters beside FP8; another file for FP4, and for codes without scales."""
    if finding.measured["raw"] or finding.measured["loaded_4"] or used["train"]["method"] != "full":
        return Remedy(
            title=Text(
                en="Use a version of the base model in bfloat16 (dequantise it once, and name that folder in "
                "`model.base`)",
                zh="使用 bfloat16 版本的基座模型（先反量化一次，再在 `model.base` 中填写该文件夹）",
            ),
            safety=Safety.ADVICE,
        )
    return Remedy(
        title=Text(en="Adapters beside the frozen weights (`lora`)", zh="冻结权重，只训练适配器（`lora`）"),
        safety=Safety.AUTOMATIC,
        patch={"train.method": "lora"},
        expectation=Text(en="training starts; FP8 weights stay as they are", zh="训练能够开始；FP8 权重保持不变"),
    )


ZH = Page(
    title="权重的存储类型太窄，无法训练",
    what_goes_wrong="DeepSeek 的大模型以 FP8 发布，最新模型的专家是 FP4。这样的权重能用来计算，却写不进一步训练；"
    "FP4 连梯度都无法通过。",
    why_it_hurts="transformers 报“不支持训练”，或内核在第一次反向计算时报错，而八卡机器正在计费。",
    how_it_is_detected="加载后权重的类型，以及文件夹中文件的类型。训练全部权重而其中有 8 位或 4 位浮点数，"
    "或在 4 位权重旁训练适配器，都会终止本次尝试。文件为 8 位时，还会把内存中的数值与文件中的编码比较（八个张量）："
    "相同就说明没有乘以缩放系数，数值大了数百倍，任何方法都会终止。加载时带缩放系数转换为 16 或 32 位的没有问题。"
    "（FP4 的文件夹、`config.json` 未说明的编码，以及只能靠自带代码 `auto_map` 运行的模型，加载时就已拒绝。）",
    what_the_remedy_does="FP8：冻结权重，训练适配器。FP4 或缺少缩放系数的编码：建议使用 16 位版本的模型。",
    not_detected="窄类型本身造成的质量损失；bitsandbytes 的 4 位权重，适配器可以在其旁训练；"
    "仅合并后的专家缺少缩放系数。",
    source="transformers 41516；transformers 文档（细粒度 FP8）；ms-swift 4737（远程代码）。",
)

PITFALL = Pitfall("weights-not-trainable", "configure", Settings(), detect, remedy, ZH, rank=11)
