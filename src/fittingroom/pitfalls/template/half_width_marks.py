"""The template's marks are written in another width.

What goes wrong
    The chat template in the model's folder was typed again with ASCII bars and underscores. DeepSeek's marks have
    full-width bars and a block for the blank; what looks the same is eight ordinary tokens.
Why it hurts
    Whoever fills in that template, in another serving program or another training, gives the model a conversation
    without turns. It answers all the same, and worse.
How it is detected
    The template is filled in, and every sign of the form of a mark is looked up among the tokenizer's tokens: those
    that are none, but would be one in the other width.
What the remedy does
    Advises to take chat_template from the publisher's tokenizer_config.json.
Not detected
    Such marks in instructions or texts (see `control-tokens-in-text`).
Source
    Own measurement: `<|User|>` is 8 tokens, the true mark is one.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice
from fittingroom.types import Finding, Frozen, Page, Pitfall, Plan, Severity, Text


class Settings(Frozen):
    """Limits."""

    marks: int = Field(default=0, ge=0)
    """Marks that may be written so."""


def detect(plan: Plan, settings: Settings) -> Iterator[Finding]:
    """Fires on marks in another width."""
    half = plan.preflight.get("template", {}).get("half_width", 0.0)
    if half <= settings.marks:
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"the chat template of the base model writes {half:.0f} marks in another width: they are no tokens",
            zh=f"基座模型的对话模板中有 {half:.0f} 个标记全半角不对：它们不是词元",
        ),
        measured={"marks": half},
        limits={"marks": float(settings.marks)},
        strength=half / max(float(settings.marks), 1.0),
    )


remedy = advice(
    "Take chat_template from the publisher's tokenizer_config.json; the marks have full-width bars",
    "使用发布者 tokenizer_config.json 中的 chat_template；标记用的是全角竖线",
)


ZH = Page(
    title="模板标记的全半角不对",
    what_goes_wrong="模型文件夹中的对话模板被人用 ASCII 竖线和下划线重新键入。DeepSeek 的标记用的是全角竖线和代"
    "表空格的方"
    "块；看起来一样的写法其实是八个普通词元。",
    why_it_hurts="其他服务程序或其他训练若使用该模板，给模型的就是没有轮次的对话。它照样回答，只是更差。",
    how_it_is_detected="填充模板，把每个形似标记的符号拿到分词器的词元中查找：不是词元、但换一种宽度就是的。",
    what_the_remedy_does="建议使用发布者 tokenizer_config.json 中的 chat_template。",
    not_detected="指令或文本中的这种标记（见 `control-tokens-in-text`）。",
    source="自行测量：`<|User|>` 是 8 个词元，真正的标记是 1 个。",
)

PITFALL = Pitfall("half-width-marks", "configure", Settings(), detect, remedy, ZH, rank=12)
