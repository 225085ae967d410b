"""Customers' texts hold the model's own tokens.

What goes wrong
    A text holds what the chat template is made of, typed by a joker or an attacker or left by an export: the beginning
    of a turn, the end of a sentence, a tag of thought.
Why it hurts
    The tokenizer reads them as real turns: the customer speaks with the voice of the shop, in training and in service.
How it is detected
    Signs of the form of a control token, with the ASCII or the full-width bar, and tags of thought and of tools, in
    inputs or answers. One row is enough.
What the remedy does
    Turns on the cleaning that makes them harmless but readable.
Not detected
    Instructions in plain words.
Source
    OWASP Top 10 for LLM applications, LLM01 prompt injection; DeepSeek-V3 tokenizer configuration.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.pitfalls.rows import matching, shared
from fittingroom.types import Finding, Frozen, Page, Pitfall, Remedy, Rows, Safety, Text

_LEFT = (
    r"(?i)[<＜]\s{0,3}/?[|｜][^<>|｜\n]{1,60}[|｜]\s{0,3}[>＞]"
    r"|[<＜]/?\s?(?:think|thinking|tool_calls?|tool_outputs?)\s?[>＞]"
)


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.0, ge=0, lt=1)
    """Share of the rows that may hold one."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires on what cleaning left."""
    found = sorted({*matching(rows.kept, _LEFT), *matching(rows.kept, _LEFT, "target")})
    yield from shared(
        "left_share", found, rows.kept.rows, settings.share,
        Text(
            en="{found} of {rows} rows ({share}) hold tokens of a chat template",
            zh="{rows} 行中有 {found} 行（{share}）含有对话模板的标记",
        ),
    )  # fmt: skip


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """The rule of cleaning that is off."""
    if used["prepare"]["clean"]["control_tokens"]:
        return None
    return Remedy(
        title=Text(en="Make control tokens harmless", zh="使控制标记无害"),
        safety=Safety.AUTOMATIC,
        patch={"prepare.clean.control_tokens": True},
        expectation=Text(
            en="no row holds a token that a tokenizer takes for a turn", zh="文本中不再有分词器会当真的标记"
        ),
    )


ZH = Page(
    title="顾客文本里有模型的控制标记",
    what_goes_wrong="文本里有对话模板的组成部分，可能是恶作剧、攻击，或导出时留下：轮次的开头、句子的结束、思考标签。",
    why_it_hurts="分词器把它们当真：顾客以店铺的口吻说话，训练时如此，上线后也如此。",
    how_it_is_detected="输入或答案中出现控制标记形式的符号（ASCII 或全角竖线），以及思考与工具标签。有一行即为发现。",
    what_the_remedy_does="打开清洗，使其无害而仍可读。",
    not_detected="用普通文字写的指令。",
    source="OWASP LLM 应用十大风险 LLM01；DeepSeek-V3 分词器配置。",
)

PITFALL = Pitfall("control-tokens-in-text", "prepare", Settings(), detect, remedy, ZH, rank=2)
