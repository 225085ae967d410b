"""Training rows do not fit.

What goes wrong
    The longest row allowed in training is shorter than many rows: their messages are cut at the end, where customers
    say what they want.
Why it hurts
    The model learns answers to questions that it was not shown. Serving cuts at the same place, so dev and test are cut
    too and the score shows only the loss.
How it is detected
    On the rendered training rows: the share whose message was cut. More than 5 %.
What the remedy does
    Allows rows twice as long, up to 8192 tokens and what the base model reads; there it advises shorter inputs.
Not detected
    Texts that were cut before they were read (see `truncated-answers`), and answers without room (`all-labels-masked`).
Source
    Transformers documentation, padding and truncation; TRL, SFTConfig.max_length (silent by default).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.types import Finding, Frozen, Page, Pitfall, Plan, Remedy, Safety, Severity, Text

LONGEST = 8192


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.05, ge=0, lt=1)
    """Share of the training rows whose message may be cut."""


def detect(plan: Plan, settings: Settings) -> Iterator[Finding]:
    """Fires on cut messages."""
    tokens = plan.tokens
    rows, cut = tokens.get("rows", 0.0), tokens.get("truncated", 0.0)
    if not rows or cut / rows <= settings.share:
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"{cut:.0f} of {rows:.0f} training rows ({cut / rows:.1%}) are cut at {plan.max_length} tokens",
            zh=f"{rows:.0f} 行训练数据中有 {cut:.0f} 行（{cut / rows:.1%}）在 {plan.max_length} 个词元处被截断",
        ),
        measured={"cut_share": cut / rows},
        limits={"cut_share": settings.share, "longest": min(LONGEST, tokens.get("reads", LONGEST))},
        strength=cut / rows / max(settings.share, 1e-3),
    )


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """More room, within bounds."""
    now = int(used["train"]["max_length"])
    wanted = min(2 * now, int(finding.limits["longest"]))
    if wanted <= now:
        return Remedy(
            title=Text(
                en="Give the model fewer or shorter fields (`task.input`)", zh="减少或缩短输入字段（`task.input`）"
            ),
            safety=Safety.ADVICE,
        )
    return Remedy(
        title=Text(en=f"Longest row {now} -> {wanted} tokens", zh=f"单行最长 {now} -> {wanted} 个词元"),
        safety=Safety.AUTOMATIC,
        patch={"train.max_length": wanted},
        expectation=Text(en="fewer than one row in twenty is cut", zh="被截断的行少于二十分之一"),
    )


ZH = Page(
    title="训练数据放不下",
    what_goes_wrong="训练允许的最长行比许多行都短：它们的消息在末尾被截断，而顾客往往在末尾才说想要什么。",
    why_it_hurts="模型学到的是对没看全的问题的回答。上线时在同一处截断，开发集和测试集也一样，分数只反映损"
    "失之后的水平。",
    how_it_is_detected="在渲染后的训练数据上：消息被截断的行所占比例。超过 5%。",
    what_the_remedy_does="单行最长词元数加倍，上限为 8192 和基座模型的上下文长度；到上限后建议缩短输入。",
    not_detected="读取之前就被截断的文本（见 `truncated-answers`）；没有空间放答案的行（`all-labels-masked`）。",
    source="Transformers 文档（填充与截断）；TRL 的 SFTConfig.max_length。",
)

PITFALL = Pitfall("truncated-rows", "configure", Settings(), detect, remedy, ZH, rank=21)
