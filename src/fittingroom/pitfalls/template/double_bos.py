"""The mark of the beginning stands twice, or not at all.

What goes wrong
    The chat template writes the mark of the beginning and the tokenizer adds one more, or neither does.
Why it hurts
    The model was never shown such a beginning. Answers get worse by a little, without an error, and worse again
    when training and service disagree about it.
How it is detected
    On the rendered training rows: rows that do not begin with the mark, and rows that hold it more than once. One
    row is enough.
What the remedy does
    Advises to write the mark in one place: the template's text is encoded without special tokens
    (`add_special_tokens=False`).
Not detected
    Models whose tokenizer names no such mark.
Source
    DeepSeek-LLM README; transformers documentation, chat templates (special tokens are in the template already).
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
    """Fires on rows with none or several."""
    found = plan.preflight.get("beginning", {})
    rows = found.get("rows", 0.0)
    bad = found.get("none", 0.0) + found.get("several", 0.0)
    if not rows or bad / rows <= settings.rows:
        return
    yield Finding(
        severity=Severity.BLOCK,
        summary=Text(
            en=f"of {rows:.0f} rendered rows {found['none']:.0f} do not begin with the mark of the beginning, and "
            f"{found['several']:.0f} hold it more than once",
            zh=f"{rows:.0f} 行渲染后的数据中，{found['none']:.0f} 行不以起始标记开头，{found['several']:.0f} 行"
            "含有多个起始标记",
        ),
        measured={"wrong_share": bad / rows, "rows": bad},
        limits={"wrong_share": settings.rows},
        examples=tuple(plan.examples.get("beginning", ())),
        strength=bad / rows / max(settings.rows, 1e-3),
    )


remedy = advice(
    "Let one place write the mark: encode the template's text with `add_special_tokens=False`",
    "只在一处写入起始标记：对模板文本编码时使用 `add_special_tokens=False`",
)


ZH = Page(
    title="起始标记出现两次或一次也没有",
    what_goes_wrong="对话模板写了起始标记，分词器又加了一个；或两者都没有写。",
    why_it_hurts="模型从未见过这样的开头。回答会略微变差而不报错；训练与服务不一致时更差。",
    how_it_is_detected="在渲染后的训练数据上：不以起始标记开头的行，以及含有多个起始标记的行。有一行即为发现。",
    what_the_remedy_does="建议只在一处写入起始标记：模板文本以 `add_special_tokens=False` 编码。",
    not_detected="分词器没有起始标记的模型。",
    source="DeepSeek-LLM README；transformers 文档（对话模板中已包含特殊词元）。",
)

PITFALL = Pitfall("double-bos", "configure", Settings(), detect, remedy, ZH, rank=11)
