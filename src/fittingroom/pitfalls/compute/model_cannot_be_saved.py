"""What is trained cannot be saved.

What goes wrong
    transformers checks the generation settings when a model is saved. Published DeepSeek models hold a temperature;
    with greedy decoding set and the temperature left, saving raises.
Why it hurts
    The error comes when training is over: the hours are paid, and the weights are gone with the process.
How it is detected
    Before training the generation settings are validated, and the settings of model and generation are saved into a
    temporary folder by the very function that will save the model, without its weights. A failure ends the attempt.
    The stored generation_config.json is validated as well: the loader sets greedy decoding without a temperature, so a
    contradiction in the file does no harm here, and is told for those who use the folder with other tools.
What the remedy does
    Advises to take `temperature`, `top_p` and `top_k` out of the base model's generation_config.json, or to say
    `do_sample: true` there.
Not detected
    A disk that fills up in the meantime.
Source
    transformers, `GenerationConfig.validate` and `save_pretrained`; own measurement.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice
from fittingroom.types import Finding, Frozen, Page, Pitfall, Plan, Severity, Text


class Settings(Frozen):
    """Limits."""

    fails: int = Field(default=0, ge=0, le=1)
    """1 lets it pass, and saving fail."""


def detect(plan: Plan, settings: Settings) -> Iterator[Finding]:
    """Fires when a trial save failed."""
    found = plan.preflight.get("saving", {})
    if found.get("fails", 0.0) <= settings.fails:
        if found.get("contradict"):
            yield _mended()
        return
    yield Finding(
        severity=Severity.BLOCK,
        summary=Text(
            en="the model could not be saved after training: its generation settings contradict each other",
            zh="训练后将无法保存模型：其生成设置自相矛盾",
        )
        if not found["valid"]
        else Text(
            en="the model could not be saved after training: a trial of saving its settings failed",
            zh="训练后将无法保存模型：试存其设置失败",
        ),
        measured={name: found[name] for name in ("fails", "valid", "saved")},
        limits={"fails": float(settings.fails)},
    )


def _mended() -> Finding:
    """The file contradicts itself; what was loaded does not."""
    return Finding(
        severity=Severity.INFO,
        summary=Text(
            en="the base model's generation_config.json contradicts itself (sampling settings without sampling); they "
            "were left out while loading, here and in the release",
            zh="基座模型的 generation_config.json 自相矛盾（有采样参数却不采样）；"
            "加载时已去掉，训练和发布的版本都不受影响",
        ),
        measured={"contradict": 1.0},
        limits={"contradict": 0.0},
    )


remedy = advice(
    "Take temperature, top_p and top_k out of the base model's generation_config.json, or set do_sample to true there",
    "从基座模型的 generation_config.json 中去掉 temperature、top_p 和 top_k，或在其中把 do_sample 设为 true",
)


ZH = Page(
    title="训练出来的模型存不了",
    what_goes_wrong="transformers 在保存模型时检查生成设置。已发布的 DeepSeek 模型带有温度；"
    "若设为贪心解码而温度还在，保存就会报错。",
    why_it_hurts="错误在训练结束时才出现：钱已经花了，权重随进程一起丢失。",
    how_it_is_detected="训练之前先校验生成设置，再用将来保存模型的同一函数把模型设置和生成设置存入临时文件夹，不写权重。"
    "失败即终止本次尝试。文件中的 generation_config.json 也会校验：加载时改为不带温度的贪心解码，"
    "所以文件中的矛盾在这里无害，只作说明，以提醒用其他工具读取该文件夹的人。",
    what_the_remedy_does="建议从基座模型的 generation_config.json 中去掉 `temperature`、`top_p` 和 `top_k`，"
    "或在其中写明 `do_sample: true`。",
    not_detected="在此期间写满的磁盘。",
    source="transformers 的 `GenerationConfig.validate` 与 `save_pretrained`；自行测量。",
)

PITFALL = Pitfall("model-cannot-be-saved", "configure", Settings(), detect, remedy, ZH, rank=15)
