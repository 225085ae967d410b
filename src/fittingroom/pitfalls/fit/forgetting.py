"""The model forgets what it could do before.

What goes wrong
    Fine-tuning overwrites general abilities: plain language, other topics, other languages.
Why it hurts
    The model does its one job and fails at everything beside it: the friendly sentence, the question that is not in the
    list. In a service dialogue customers notice at once.
How it is detected
    The mean loss on a fixed set of general texts, before and after training: the lower end of its rise lies above 0.1
    nats per token.
What the remedy does
    Trains adapters instead of all weights; where it does already, lowers the rate to a third, down to 1e-6; then
    advises to learn general rows beside the shop's (`train.replay`).
Not detected
    Abilities that the general texts do not ask for. A model that only ever classifies may forget without harm.
Source
    Biderman et al., LoRA Learns Less and Forgets Less, arXiv 2405.09673.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.types import EvalReport, Expected, Finding, Frozen, Page, Pitfall, Remedy, Safety, Severity, Text

LOWEST = 1e-6


class Settings(Frozen):
    """Limits."""

    rise: float = Field(default=0.1, gt=0)
    """Nats per token by which the loss on general texts may rise."""


def detect(report: EvalReport, settings: Settings) -> Iterator[Finding]:
    """Fires on a loss on general texts that rose beyond doubt."""
    told = report.facts.get("forgetting", {})
    if "low" not in told or told["low"] <= settings.rise:
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"the loss on {told['texts']} general texts rose from {told['before']:.2f} to {told['after']:.2f} nats "
            "per token",
            zh=f"{told['texts']} 段通用文本上的损失从每词元 {told['before']:.2f} 升到 {told['after']:.2f} nat",
        ),
        measured={"rise": float(told["low"]), "mean_rise": float(told["rise"])},
        limits={"rise": settings.rise},
        strength=float(told["low"]) / settings.rise,
    )


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """Adapters, then a lower rate, then general rows."""
    train = used["train"]
    expectation = Text(en="the loss on general texts rises less", zh="通用文本上的损失上升得更少")
    rate = max(LOWEST, float(train["learning_rate"]) / 3)
    if train["method"] in ("full", "experts"):
        title = Text(en="Train adapters instead of all weights", zh="改为训练适配器，不动全部权重")
        patch: dict[str, Any] = {"train.method": "lora"}
    elif rate < float(train["learning_rate"]) and finding.strength > 2:
        title, patch = (
            Text(en=f"Learning rate to {rate:.3g}", zh=f"学习率降到 {rate:.3g}"),
            {"train.learning_rate": float(f"{rate:.6g}")},
        )
    else:
        return Remedy(
            title=Text(en="Learn general rows beside the shop's (`train.replay`)",
                       zh="与本店数据一起学习通用数据（`train.replay`）"),
            safety=Safety.ADVICE,
        )  # fmt: skip
    # The score itself is not helped by it: it must only not suffer much.
    return Remedy(title=title, safety=Safety.ASK, patch=patch, expectation=expectation, expected=Expected(change=-0.02))


ZH = Page(
    title="遗忘原有能力",
    what_goes_wrong="微调覆盖了通用能力：日常语言、其他话题、其他语种。",
    why_it_hurts="模型只会这一件事，旁边的都做不好：一句客气话、清单外的问题。客服对话里顾客马上能察觉。",
    how_it_is_detected="在一组固定的通用文本上比较训练前后的平均损失：升幅区间的下端超过每词元 0.1 nat。",
    what_the_remedy_does="改为训练适配器；已是适配器则学习率降到三分之一（下限 1e-6）；再建议与本店数据一起学习通用数据"
    "（`train.replay`）。",
    not_detected="通用文本没有考到的能力。只做分类的模型，遗忘未必有害。",
    source="Biderman 等，arXiv 2405.09673。",
)

PITFALL = Pitfall("forgetting", "evaluate", Settings(), detect, remedy, ZH, rank=45, moves=("forgetting",))
