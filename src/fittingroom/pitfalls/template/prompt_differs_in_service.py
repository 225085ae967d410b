"""Training reads another prompt than service will write.

What goes wrong
    The prompt in front of an answer is not the one that the service writes for the same message: a mark of thought
    stands in one of them only, text was joined before it was encoded and a token spans the border, or the cut is at
    another place.
Why it hurts
    Every score before the release was measured on prompts that the service never writes. A model that met its
    answer behind one mark gives it less often behind another.
How it is detected
    Some rows, spread over all, are rendered again by the way of the service: the prompt must be an exact prefix of
    the training row, and the answer must be one of those that the service scores, token by token. One row is
    enough.
What the remedy does
    Advises to render both by the one renderer, and to join ids, never texts.
Not detected
    Another program that serves the weights with a template of its own (see `foreign-chat-template`,
    `half-width-marks`).
Source
    LLaMA-Factory issue 6987; TRL, prompt and completion tokenised apart; own measurement.
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
    """Fires on rows that service would render otherwise."""
    found = plan.preflight.get("prompt", {})
    rows = found.get("rows", 0.0)
    bad = max(found.get("differ", 0.0), found.get("answers_differ", 0.0))
    if not rows or bad / rows <= settings.rows:
        return
    yield Finding(
        severity=Severity.BLOCK,
        summary=Text(
            en=f"of {rows:.0f} rows looked at, {found['differ']:.0f} have another prompt than service writes, and "
            f"{found['answers_differ']:.0f} another answer than it scores",
            zh=f"查看的 {rows:.0f} 行中，{found['differ']:.0f} 行的提示与服务时不同，"
            f"{found['answers_differ']:.0f} 行的答案与服务时评分的不同",
        ),
        measured={"differ_share": bad / rows, "rows": bad},
        limits={"differ_share": settings.rows},
        examples=tuple(plan.examples.get("prompt", ())),
        strength=bad / rows / max(settings.rows, 1e-3),
    )


remedy = advice(
    "Render training and service by the one renderer with one `model.think`, and join token ids, never texts",
    "训练与服务使用同一渲染器和同一 `model.think`，拼接词元编号而不是文本",
)


ZH = Page(
    title="训练时的提示与上线后不同",
    what_goes_wrong="答案前面的提示与服务为同一消息写出的不同：思考标记只在一边有；先拼接文本再编码，使一个词元"
    "跨过边界；"
    "或截断位置不同。",
    why_it_hurts="上线前的每个分数都是在服务从不写出的提示上测得的。在一种标记之后学会的答案，换一种标记就说得少了。",
    how_it_is_detected="取若干行（均匀分布）按服务的方式重新渲染：提示必须恰为训练行的前缀，答案必须逐词元等于"
    "服务评分的答案"
    "。有一行不同即为发现。",
    what_the_remedy_does="建议两边使用同一渲染器，拼接编号而不是文本。",
    not_detected="用自带模板提供服务的其他程序（见 `foreign-chat-template`、`half-width-marks`）。",
    source="LLaMA-Factory issue 6987；TRL（提示与回答分开编码）；自行测量。",
)

PITFALL = Pitfall("prompt-differs-in-service", "configure", Settings(), detect, remedy, ZH, rank=14)
