"""Answers end without the end mark.

What goes wrong
    The answer of a training row does not end with the end mark, or the mark carries no loss: often the padding
    token is the end mark, and masking the padding masks both.
Why it hurts
    The model never learns where an answer ends. In service it talks on until the limit; a label with something
    behind it is no label.
How it is detected
    On the rendered training rows: answers whose last token is not the end mark. And of a batch as it goes into the
    loss: end marks among the targets, one for each row.
What the remedy does
    Advises to mask by length, not by the token's id, and to end every answer with the end mark.
Not detected
    A model that was trained elsewhere and does not stop: its answers show that.
Source
    TRL issue 6357; unsloth issue 416; own measurement.
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
    """Fires on rows whose end is not learnt."""
    found = plan.preflight.get("end", {})
    rows, batch = found.get("rows", 0.0), found.get("batch", 0.0)
    if not rows or not batch:
        return
    missing, unlearnt = found["missing"] / rows, found["unlearnt"] / batch
    if max(missing, unlearnt) <= settings.rows:
        return
    same = bool(found["also_padding"])
    yield Finding(
        severity=Severity.BLOCK,
        summary=Text(
            en=f"{missing:.1%} of {rows:.0f} answers do not end with the end mark, and {unlearnt:.1%} of a "
            "batch's end marks "
            "carry no loss" + (" (the padding token is the end mark)" if same else ""),
            zh=f"{rows:.0f} 条答案中有 {missing:.1%} 不以结束标记结尾，一个批次中有 {unlearnt:.1%} 的结束标记不计入损失"
            + ("（填充词元与结束标记相同）" if same else ""),
        ),
        measured={"unlearnt_share": max(missing, unlearnt), "also_padding": found["also_padding"]},
        limits={"unlearnt_share": settings.rows},
        examples=tuple(plan.examples.get("end", ())),
        strength=max(missing, unlearnt) / max(settings.rows, 1e-3),
    )


remedy = advice(
    "End every answer with the end mark, and mask the padding by its place, not by its id",
    "让每条答案以结束标记结尾，并按位置而不是按编号遮盖填充",
)


ZH = Page(
    title="答案没有结束标记",
    what_goes_wrong="训练行的答案不以结束标记结尾，或该标记不计入损失：常见的是填充词元就是结束标记，遮盖填充时"
    "一并遮掉。",
    why_it_hurts="模型学不会在哪里结束。上线后一直说到上限；标签后面多出内容就不再是标签。",
    how_it_is_detected="在渲染后的训练数据上：最后一个词元不是结束标记的答案；以及真正进入损失的一个批次：目标"
    "中的结束标记应"
    "当每行一个。",
    what_the_remedy_does="建议按位置而不是按编号遮盖填充，并让每条答案以结束标记结尾。",
    not_detected="在别处训练、停不下来的模型：从其回答可以看出。",
    source="TRL issue 6357；unsloth issue 416；自行测量。",
)

PITFALL = Pitfall("missing-end-mark", "configure", Settings(), detect, remedy, ZH, rank=13)
