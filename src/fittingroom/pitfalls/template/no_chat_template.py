"""The model has no chat template.

What goes wrong
    The base model is published without a Jinja template: base models, and V3.2 and V4, whose format is Python code
    beside the weights.
Why it hurts
    Training and service here write the format themselves, so nothing is wrong with them. Another program that
    serves the bundle refuses to chat, or takes a template of its own.
How it is detected
    The tokenizer of the base model names no chat template.
What the remedy does
    Advises how to serve such a bundle elsewhere: through this service, or with prompts rendered by it.
Not detected
    A template that is there and wrong (`foreign-chat-template`).
Source
    Model cards of DeepSeek-V3.2 and V4 (folder `encoding`).
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice
from fittingroom.types import Finding, Frozen, Page, Pitfall, Plan, Severity, Text


class Settings(Frozen):
    """Limits."""

    there: int = Field(default=1, ge=0, le=1)
    """0 lets a missing template pass."""


def detect(plan: Plan, settings: Settings) -> Iterator[Finding]:
    """Tells that there is none."""
    found = plan.preflight.get("template", {})
    if found.get("there", 1.0) >= settings.there:
        return
    yield Finding(
        severity=Severity.INFO,
        summary=Text(
            en="the base model has no chat template: this service writes DeepSeek's format itself, others cannot",
            zh="基座模型没有对话模板：本服务自行按 DeepSeek 的格式书写，其他程序则不能",
        ),
        measured={"there": found["there"]},
        limits={"there": float(settings.there)},
    )


remedy = advice(
    "Serve the bundle by `fittingroom serve`, or give other programs the rendered prompt instead of messages",
    "用 `fittingroom serve` 提供服务，或把渲染好的提示而不是消息交给其他程序",
)


ZH = Page(
    title="模型没有对话模板",
    what_goes_wrong="基座模型发布时没有 Jinja 模板：如基础模型，以及 V3.2 与 V4（格式是权重旁边的 Python 代码）。",
    why_it_hurts="本工具的训练与服务自行书写格式，没有问题。其他程序提供服务时会拒绝对话，或用上自带的模板。",
    how_it_is_detected="基座模型的分词器没有对话模板。",
    what_the_remedy_does="说明在别处提供服务的办法：通过本服务，或使用由它渲染的提示。",
    not_detected="有模板但不对（`foreign-chat-template`）。",
    source="DeepSeek-V3.2 与 V4 的模型卡（`encoding` 文件夹）。",
)

PITFALL = Pitfall("no-chat-template", "configure", Settings(), detect, remedy, ZH, rank=60)
