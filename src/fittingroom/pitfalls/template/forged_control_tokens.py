"""A customer's text became a mark of the template.

What goes wrong
    A text that spells a mark of the template was encoded as the mark itself: the turn of the shop, the end of the
    sentence, a thought.
Why it hurts
    The customer speaks with the voice of the shop. In training the model learns that such turns come from
    customers; in service one message is enough to put words into its mouth.
How it is detected
    On the rendered ids, not on the texts: the marks in the prompt of up to 200 rows are counted and compared with
    those that the template puts around an empty text. One row is enough.
What the remedy does
    Advises to encode texts by a tokenizer that knows no marks, as the renderer does, and to turn on the cleaning
    (`prepare.clean.control_tokens`).
Not detected
    Instructions in plain words.
Source
    OWASP Top 10 for LLM applications, LLM01; own measurement (DeepSeek marks the tokens of roles and thoughts as
    not special, so switches for special tokens leave them).
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice
from fittingroom.types import Finding, Frozen, Page, Pitfall, Plan, Severity, Text


class Settings(Frozen):
    """Limits."""

    rows: float = Field(default=0.0, ge=0, lt=1)
    """Share of the rows that may be so."""


def detect(plan: Plan, settings: Settings) -> Iterator[Finding]:
    """Fires on marks that the template did not put."""
    found = plan.preflight.get("controls", {})
    rows = found.get("rows", 0.0)
    bad = found.get("forged", 0.0)
    if not rows or bad / rows <= settings.rows:
        return
    yield Finding(
        severity=Severity.BLOCK,
        summary=Text(
            en=f"{bad:.0f} of {rows:.0f} rendered prompts hold marks of the template that come from a customer's text",
            zh=f"{rows:.0f} 条渲染后的提示中有 {bad:.0f} 条含有来自顾客文本的模板标记",
        ),
        measured={"forged_share": bad / rows, "rows": bad},
        limits={"forged_share": settings.rows},
        examples=tuple(plan.examples.get("controls", ())),
        strength=bad / rows / max(settings.rows, 1e-3),
    )


remedy = advice(
    "Encode texts without added tokens, and turn on `prepare.clean.control_tokens`",
    "编码文本时不使用附加词元，并打开 `prepare.clean.control_tokens`",
)


ZH = Page(
    title="顾客的文本变成了模板标记",
    what_goes_wrong="拼出模板标记的文本被编码成标记本身：店铺的轮次、句子的结束、一段思考。",
    why_it_hurts="顾客以店铺的口吻说话。训练时模型学到这种轮次来自顾客；上线后一条消息就能替它说话。",
    how_it_is_detected="在渲染后的编号上而不是文本上：统计最多 200 行提示中的标记，与模板围绕空文本写出的标记比"
    "较。有一行多"
    "出即为发现。",
    what_the_remedy_does="建议像渲染器那样用不认识标记的分词器编码文本，并打开清洗（`prepare.clean.control_tokens`）。",
    not_detected="用普通文字写的指令。",
    source="OWASP LLM 应用十大风险 LLM01；自行测量（DeepSeek 把角色与思考词元标为非特殊，只处理特殊词元的开关对"
    "其无效）。",
)

PITFALL = Pitfall("forged-control-tokens", "configure", Settings(), detect, remedy, ZH, rank=9)
