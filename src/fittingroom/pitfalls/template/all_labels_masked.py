"""Rows have no token to learn from.

What goes wrong
    Only the answer carries loss, and in the tokens that a row may have there is no room for it: the instruction, the
    list of labels and the message fill them all.
Why it hurts
    Such a row teaches nothing. If all are like that the loss is zero or not a number, training seems to run, and the
    model that comes out is the one that went in.
How it is detected
    On the rendered training rows: the share of rows in which no token carries loss. More than one in a hundred ends the
    attempt before money is spent on training.
What the remedy does
    Allows rows twice as long, up to 8192 tokens and what the base model reads; there it advises a shorter instruction.
Not detected
    Messages that are cut at their end although the answer fits: how many is told beside this finding, and in the plan.
Source
    Practice with masked labels (-100) in supervised fine-tuning; TRL, SFTTrainer, `assistant_only_loss`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.types import Finding, Frozen, Page, Pitfall, Plan, Remedy, Safety, Severity, Text

LONGEST = 8192


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.01, ge=0, lt=1)
    """Share of the training rows that may be without loss."""


def detect(plan: Plan, settings: Settings) -> Iterator[Finding]:
    """Fires on rows whose answer did not fit."""
    tokens = plan.tokens
    rows, masked = tokens.get("rows", 0.0), tokens.get("all_masked", 0.0)
    if not rows or masked / rows <= settings.share:
        return
    share = masked / rows
    yield Finding(
        severity=Severity.BLOCK,
        summary=Text(
            en=f"{masked:.0f} of {rows:.0f} training rows ({share:.1%}) have no room for their answer: no token is "
            "left to learn from",
            zh=f"{rows:.0f} 行训练数据中有 {masked:.0f} 行（{share:.1%}）没有可学的词元：答案放不下",
        ),
        measured={"masked_share": share, "truncated_share": tokens.get("truncated", 0.0) / rows},
        limits={"masked_share": settings.share, "longest": min(LONGEST, tokens.get("reads", LONGEST))},
        examples=tuple(plan.examples.get("masked", ())),
        strength=share / max(settings.share, 1e-3),
    )


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """More room, within bounds."""
    now = int(used["train"]["max_length"])
    wanted = min(2 * now, int(finding.limits["longest"]))
    if wanted <= now:
        return Remedy(
            title=Text(
                en="Shorten `task.instruction`, or leave the labels out of it (`task.list_labels`)",
                zh="缩短 `task.instruction`，或不在其中列出标签（`task.list_labels`）",
            ),
            safety=Safety.ADVICE,
        )
    return Remedy(
        title=Text(en=f"Longest row {now} -> {wanted} tokens", zh=f"单行最长 {now} -> {wanted} 个词元"),
        safety=Safety.AUTOMATIC,
        patch={"train.max_length": wanted},
        expectation=Text(en="every training row has an answer to learn from", zh="每行训练数据都有可学的答案"),
    )


ZH = Page(
    title="没有可学的词元",
    what_goes_wrong="只有答案计入损失，而允许的词元数里放不下答案：指令、标签清单和消息已经占满。",
    why_it_hurts="这样的行什么也教不了。若全部如此，损失为零或非数字，训练看似在跑，出来的还是原来的模型。",
    how_it_is_detected="在渲染后的训练数据上统计没有任何词元计入损失的行。超过百分之一就在花钱训练之前终止本次尝试。",
    what_the_remedy_does="单行最长词元数加倍，上限为 8192 和基座模型的上下文长度；到上限后建议缩短指令。",
    not_detected="答案放得下但消息末尾被截断的行：有多少会随本诊断和计划一起说明。",
    source="监督微调中标签遮盖（-100）的实践；TRL，SFTTrainer，`assistant_only_loss`。",
)

PITFALL = Pitfall("all-labels-masked", "configure", Settings(), detect, remedy, ZH, rank=20)
