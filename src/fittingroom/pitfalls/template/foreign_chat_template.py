"""The template is that of another model.

What goes wrong
    The folder of a DeepSeek model holds the chat template of the model it was distilled from, or of another family:
    Llama's headers, Qwen's im_start, instruction and response.
Why it hurts
    Training here does not use it, but it travels with the model: another program that serves the bundle fills it in
    and asks in a format that was never trained.
How it is detected
    The template is filled in: marks of other families in what it writes, and rows whose prompt is another than the
    renderer's up to where the answer is asked for (system text is folded and marks in texts are made harmless on
    purpose, both left out).
What the remedy does
    Advises to take chat_template from the deepseek-ai repository of this model.
Not detected
    A folder without a template (`no-chat-template`), marks in another width (`half-width-marks`), what the template
    does with tools.
Source
    LLaMA-Factory issue 6853 (Llama's template on a distilled model); model cards of the R1 distilled models.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice
from fittingroom.types import Finding, Frozen, Page, Pitfall, Plan, Severity, Text


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.0, ge=0, lt=1)
    """Share of the compared prompts that may differ."""


def detect(plan: Plan, settings: Settings) -> Iterator[Finding]:
    """Fires on marks of another family and on prompts that differ."""
    found = plan.preflight.get("template", {})
    if not found.get("there") or found["half_width"]:
        return
    share = found["differ"] / max(1.0, found["prompts"])
    if share <= settings.share and not found["foreign"]:
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"the chat template of the base model writes {share:.0%} of {found['prompts']:.0f} prompts "
            "otherwise than "
            f"DeepSeek's format, with {found['foreign']:.0f} marks of other families",
            zh=f"基座模型的对话模板写出的 {found['prompts']:.0f} 条提示中有 {share:.0%} 与 DeepSeek 的格式不同，"
            f"含其他系列的标记 {found['foreign']:.0f} 种",
        ),
        measured={"differ_share": share, "foreign": found["foreign"]},
        limits={"differ_share": settings.share},
        examples=tuple(plan.examples.get("template", ())),
        strength=max(share, float(found["foreign"] > 0)) / max(settings.share, 1e-3),
    )


remedy = advice(
    "Take chat_template from the deepseek-ai repository of this model",
    "使用该模型在 deepseek-ai 仓库中的 chat_template",
)


ZH = Page(
    title="对话模板属于别的模型",
    what_goes_wrong="DeepSeek 模型的文件夹里放着蒸馏前模型或其他系列的对话模板：Llama 的 header、Qwen 的 "
    "im_start、Instru"
    "ction 与 Response。",
    why_it_hurts="本工具训练时不用它，但它随模型一起走：其他程序提供服务时会填充它，用从未训练过的格式提问。",
    how_it_is_detected="填充模板：写出的内容中其他系列的标记，以及到请求回答之前与渲染器不同的提示（有意为之的"
    "系统文本折叠与"
    "文本标记无害化不计）。",
    what_the_remedy_does="建议使用该模型在 deepseek-ai 仓库中的 chat_template。",
    not_detected="没有模板的文件夹（`no-chat-template`）；全半角不对的标记（`half-width-marks`）；模板对工具的处理。",
    source="LLaMA-Factory issue 6853（蒸馏模型用了 Llama 模板）；R1 蒸馏模型的模型卡。",
)

PITFALL = Pitfall("foreign-chat-template", "configure", Settings(), detect, remedy, ZH, rank=12)
