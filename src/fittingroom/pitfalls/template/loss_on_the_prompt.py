"""The question is learnt as well.

What goes wrong
    More tokens carry loss than the answer has: the whole row, or the instruction in front of the answer.
Why it hurts
    An answer of three tokens behind a prompt of four hundred is under one percent of the loss. The model learns to
    write the shop's instruction and its customers' messages, personal habits of customers among them, and hardly
    the answer.
How it is detected
    On the rendered training rows: rows with more loss than the tokens of their answer. And on a batch as it goes
    into the loss: the share of its targets that belongs to no answer.
What the remedy does
    Advises to put the loss on the answer only.
Not detected
    An answer that repeats the question.
Source
    TRL documentation, completion-only loss; own measurement.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice
from fittingroom.types import Finding, Frozen, Page, Pitfall, Plan, Severity, Text


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.0, ge=0, lt=1)
    """Share of the rows, or of the targets of a batch, that may be so."""


def detect(plan: Plan, settings: Settings) -> Iterator[Finding]:
    """Fires on loss beside the answers."""
    found = plan.preflight.get("loss", {})
    rows = plan.preflight.get("end", {}).get("rows", 0.0)
    if not found or not rows:
        return
    share = max(found["beyond"] / rows, found["beside"])
    if share <= settings.share:
        return
    learnt = found["learnt"] / max(1.0, found["tokens"])
    yield Finding(
        severity=Severity.BLOCK,
        summary=Text(
            en=f"{found['beyond']:.0f} of {rows:.0f} rows carry loss beyond their answer ({learnt:.1%} of all "
            "tokens are "
            f"learnt), and {found['beside']:.1%} of a batch's targets belong to no answer",
            zh=f"{rows:.0f} 行中有 {found['beyond']:.0f} 行的损失超出答案（全部词元中有 {learnt:.1%} 计入损失），"
            f"一个批次的目标中有 {found['beside']:.1%} 不属于任何答案",
        ),
        measured={"share": share, "learnt_share": learnt},
        limits={"share": settings.share},
        examples=tuple(plan.examples.get("loss", ())),
        strength=share / max(settings.share, 1e-3),
    )


remedy = advice(
    "Put the loss on the answer only (`answer_start` of the rendered row)",
    "只让答案计入损失（渲染结果的 `answer_start`）",
)


ZH = Page(
    title="连提问也在学",
    what_goes_wrong="计入损失的词元多于答案：整行，或答案前面的指令。",
    why_it_hurts="四百个词元的提示后面只有三个词元的答案，答案不到损失的百分之一。模型学会的是写店铺的指令和顾客的消息"
    "，包括顾客的个人习惯，几乎学不到答案。",
    how_it_is_detected="在渲染后的训练数据上：损失词元多于答案的行；以及真正进入损失的一个批次：目标中不属于任"
    "何答案的比例。",
    what_the_remedy_does="建议只让答案计入损失。",
    not_detected="重复提问内容的答案。",
    source="TRL 文档（只对回答计损失）；自行测量。",
)

PITFALL = Pitfall("loss-on-the-prompt", "configure", Settings(), detect, remedy, ZH, rank=13)
