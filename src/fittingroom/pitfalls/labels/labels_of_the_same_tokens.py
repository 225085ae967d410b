"""Two labels are the same to the model.

What goes wrong
    Two labels of the task become the same token ids: they differ only in a sign that the tokenizer normalises, or
    in reasoning that is left out. Or nothing of a label is left.
Why it hurts
    No model can tell them apart: each row of one is an error for the other, and the two always get the same
    probability.
How it is detected
    All labels are encoded as the answers that training and service use, and compared id by id.
What the remedy does
    Advises to unite them by `task.aliases`, or to rename one.
Not detected
    Labels that mean the same in other words (see `conflicting-labels`).
Source
    Own measurement (tokenizers made from Qwen's compose accents); practice.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice
from fittingroom.types import Finding, Frozen, Page, Pitfall, Plan, Severity, Text


class Settings(Frozen):
    """Limits."""

    pairs: int = Field(default=0, ge=0)
    """Pairs of labels that may be the same."""


def detect(plan: Plan, settings: Settings) -> Iterator[Finding]:
    """Fires on labels that cannot be told apart."""
    found = plan.preflight.get("labels", {})
    pairs = found.get("same", 0.0) + found.get("empty", 0.0)
    if pairs <= settings.pairs:
        return
    named = "; ".join(plan.examples.get("labels", [])[:5])
    yield Finding(
        severity=Severity.BLOCK,
        summary=Text(
            en=f"{found['same']:.0f} pairs of {found['labels']:.0f} labels are the same tokens, "
            f"{found['empty']:.0f} labels "
            f"are none at all: {named}",
            zh=f"{found['labels']:.0f} 个标签中有 {found['same']:.0f} 对的词元完全相同，{found['empty']:.0f} 个"
            f"没有词元：{named}",
        ),
        measured={"pairs": pairs, "empty": found["empty"]},
        limits={"pairs": float(settings.pairs)},
        strength=pairs / max(float(settings.pairs), 1.0),
    )


remedy = advice(
    "Unite these labels by `task.aliases`, or rename one of them in the sources",
    "用 `task.aliases` 合并这些标签，或在数据源中改名",
)


ZH = Page(
    title="两个标签对模型来说相同",
    what_goes_wrong="任务的两个标签变成相同的词元：差别只在会被分词器归一化的符号，或在被略去的思考内容；或标签"
    "什么都没剩"
    "下。",
    why_it_hurts="任何模型都分不开它们：一个的每行都是另一个的错误，两者的概率永远相同。",
    how_it_is_detected="把全部标签按训练与服务所用的答案编码，逐词元比较。",
    what_the_remedy_does="建议用 `task.aliases` 合并，或给其中一个改名。",
    not_detected="用不同文字表达同一意思的标签（见 `conflicting-labels`）。",
    source="自行测量（由 Qwen 而来的分词器会组合重音）；实践。",
)

PITFALL = Pitfall("labels-of-the-same-tokens", "configure", Settings(), detect, remedy, ZH, rank=8)
