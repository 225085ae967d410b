"""Texts hold the turns of another chat template.

What goes wrong
    Whole conversations were written into one field, with the marks of the format they came from: instruction and
    response, user and assistant, brackets of another model.
Why it hurts
    The row gets a second template around the first. The model learns both the wrong marks and to go on with the
    customer's next turn.
How it is detected
    Inputs and answers that hold the mark of a question and that of an answer, in that order, in one text: more than 1 %
    of the rows.
What the remedy does
    Advises to read such a file as conversations (`kind: chat`), which takes the turns apart.
Not detected
    Conversations written as prose, and templates of a shop's own.
Source
    Transformers documentation, chat templates (one template, applied once); LLaMA-Factory, data formats.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice, matching, shared
from fittingroom.types import Finding, Frozen, Page, Pitfall, Rows, Text

_TURNS = (
    r"(?is)(?:^|\n)\s*(?:human|user|question|customer|instruction|用户|问|顾客|买家)\s?[:：].*\n\s*(?:assistant|bot|answer|agent|response"
    r"|助手|答|客服|卖家)\s?[:：]"
    r"|### ?(?:instruction|human|user|input).*### ?(?:response|assistant|output)|\[INST\].*\[/INST\]|<<SYS>>"
    r"|(?:im_start|start_of_turn)\S{0,3}\s?user.*(?:im_start|start_of_turn)\S{0,3}\s?(?:assistant|model)|〈\|?User\|?〉.*〈\|?Assistant\|?〉"
)


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.01, ge=0, lt=1)
    """Share of the rows that may hold turns; a customer who copies a chat is one in a thousand."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires on texts with turns in them."""
    found = sorted({*matching(rows.kept, _TURNS), *matching(rows.kept, _TURNS, "target")})
    yield from shared(
        "turns_share", found, rows.kept.rows, settings.share,
        Text(
            en="{found} of {rows} rows ({share}) hold the turns of another chat template in one text",
            zh="{rows} 行中有 {found} 行（{share}）在一条文本里套着别的对话模板",
        ),
    )  # fmt: skip


remedy = advice(
    "Read the file as conversations (`kind: chat`), or take the turns apart before",
    "按对话读取该文件（`kind: chat`），或事先拆开各轮",
)


ZH = Page(
    title="文本里套着别的对话模板",
    what_goes_wrong="整段对话写进了一个字段，带着来源格式的记号：指令与回答、用户与助手、别的模型的括号。",
    why_it_hurts="这一行的模板外面又套了一层模板。模型既学到错误的记号，也学会替顾客接着说下一句。",
    how_it_is_detected="输入或答案在同一文本中先有提问的记号、后有回答的记号：超过 1% 的行。",
    what_the_remedy_does="建议按对话读取这种文件（`kind: chat`），由它拆开各轮。",
    not_detected="写成散文的对话；店铺自定的模板。",
    source="Transformers 文档（对话模板只套一次）；LLaMA-Factory 数据格式。",
)

PITFALL = Pitfall("wrong-chat-template", "prepare", Settings(), detect, remedy, ZH, rank=3)
