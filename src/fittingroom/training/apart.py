"""What cannot be done in several processes, said before anything is loaded."""

from __future__ import annotations

from fittingroom.errors import RecipeError


def refuse_apart(*, method: str, device: str, sharding: str) -> None:
    """RecipeError for a training that several processes cannot share."""
    if device == "mps":
        raise RecipeError(
            "several processes train on processors or NVIDIA GPUs: set engine.processes to 1 on an Apple GPU",
            "多进程训练只支持处理器或 NVIDIA 显卡：在 Apple 显卡上请把 engine.processes 设为 1",
            place="engine.processes",
        )
    if sharding == "full" and method == "qlora":
        raise RecipeError(
            "weights in 4 bits cannot be sharded, as bitsandbytes keeps their scales beside them: set engine.sharding "
            "to none, or train.method to lora",
            "4 位权重不能分片，因为 bitsandbytes 另存其缩放系数：请把 engine.sharding 设为 none，"
            "或把 train.method 设为 lora",
            place="engine.sharding",
        )
    if sharding == "tensor" and method != "full":
        raise RecipeError(
            f"engine.sharding tensor is for train.method full: with {method} the adapters or chosen experts would not "
            "fit to matrices that are cut; set it to full (FSDP2), which takes them",
            f"engine.sharding: tensor 只用于 train.method: full；{method} 的适配器或所选专家与切开的矩阵不相配，"
            "请改为 full（FSDP2）",
            place="engine.sharding",
        )
