"""The model forgets more than the gate allows.

What goes wrong
    Fine-tuning overwrites general abilities, by more than the recipe's own limit (`gate.forgetting`), which may be
    stricter than what is usually worth a word.
Why it hurts
    Whoever set the limit needs these abilities: the friendly sentence, the question that is not in the list.
How it is detected
    The gate's condition on forgetting failed: the interval of the rise of the loss on general texts lies above the
    limit.
What the remedy does
    What that of `forgetting` does: adapters instead of all weights, then a lower rate, then general rows beside the
    shop's (`train.replay`).
Not detected
    Abilities that the general texts do not ask for.
Source
    Biderman et al., LoRA Learns Less and Forgets Less, arXiv 2405.09673.
"""

from __future__ import annotations

from collections.abc import Iterator

from fittingroom.pitfalls.fit.forgetting import remedy
from fittingroom.pitfalls.refusal import AFTER, Refused
from fittingroom.types import Finding, Frozen, Page, Pitfall, Severity


class Settings(Frozen):
    """The limit is the gate's own."""


def detect(refused: Refused, settings: Settings) -> Iterator[Finding]:
    """Fires on the failed condition."""
    for check in refused.failed("forgetting"):
        rise = check.measured["rise"]
        yield Finding(
            severity=Severity.WARN,
            summary=check.reason,
            measured=dict(check.measured),
            limits={"rise": check.limit},
            strength=max(1.0, rise / check.limit) if check.limit else 10.0,
        )


ZH = Page(
    title="遗忘超过门禁的限度",
    what_goes_wrong="微调覆盖了通用能力，超过了配方自己的限度（`gate.forgetting`），它可能比通常值得一提的更严格。",
    why_it_hurts="设下这个限度的人需要这些能力：一句客气话、清单外的问题。",
    how_it_is_detected="门禁中关于遗忘的条件未通过：通用文本上损失升幅的区间高于限度。",
    what_the_remedy_does="与 `forgetting` 相同：改为训练适配器，再降低学习率，再与本店数据一起学习通用数据"
    "（`train.replay`）。",
    not_detected="通用文本没有考到的能力。",
    source="Biderman 等，arXiv 2405.09673。",
)

PITFALL = Pitfall("forgetting-beyond-the-limit", AFTER, Settings(), detect, remedy, ZH, rank=46, moves=("forgetting",))
