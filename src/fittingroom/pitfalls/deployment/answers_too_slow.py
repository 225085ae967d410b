"""An answer takes too long.

What goes wrong
    The base model is too large for the machine that serves it, prompts are long, or answers are: each token of an
    answer is a pass through the whole model.
Why it hurts
    Customers wait, or the request is given up; no training makes the same model faster.
How it is detected
    The gate's condition on the time of an answer failed. The half of the answers that came soonest tells which it is:
    where that half lies within the limit, only the long ones are slow; where it does not, all are.
What the remedy does
    Asks for the next smaller base model where the recipe names some (`adapt.bases`). Else advises: a smaller base or a
    faster machine where all answers are slow; shorter inputs and answers where only the long ones are.
Not detected
    Waiting in a queue, or slow answers under load: answers are asked for one at a time.
Source
    Practice; Pope et al., Efficiently Scaling Transformer Inference, arXiv 2211.05102 (what a token costs).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fittingroom.pitfalls.bases import asked_for, smaller
from fittingroom.pitfalls.refusal import AFTER, Refused
from fittingroom.types import Finding, Frozen, Page, Pitfall, Remedy, Safety, Severity, Text


class Settings(Frozen):
    """The limit is the gate's own."""


def detect(refused: Refused, settings: Settings) -> Iterator[Finding]:
    """Fires on the failed condition."""
    for check in refused.failed("latency_ms"):
        half = check.measured["p50_ms"]
        some = half <= check.limit
        prompt, answer = (refused.tokens.get(name, 0.0) for name in ("mean", "answer_tokens"))
        yield Finding(
            severity=Severity.WARN,
            summary=Text(
                en=f"95 of 100 answers took {check.measured['p95_ms']:.0f} ms, half of them {half:.0f} ms, where "
                f"{check.limit:.0f} are allowed: " + ("only the long ones are slow" if some else "all are slow"),
                zh=f"95% 的回答用时不超过 {check.measured['p95_ms']:.0f} 毫秒，一半不超过 {half:.0f} 毫秒，"
                f"限度为 {check.limit:.0f} 毫秒：" + ("只有长的慢" if some else "全都慢"),
            ),
            measured={**check.measured, "prompt_tokens": prompt, "answer_tokens": answer},
            limits={"p95_ms": check.limit},
            strength=max(1.0, check.measured["p95_ms"] / check.limit),
        )


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """A smaller base where one is named; else what people can do."""
    if (base := smaller(used)) is not None:
        expectation = Text(en="answers come within the limit", zh="回答时间在限度以内")
        return asked_for(used, base, expectation, change=-0.05)
    if finding.measured["p50_ms"] <= finding.limits["p95_ms"]:
        title = Text(
            en="Shorten the longest inputs and answers (`train.max_length`, `task`), or allow more time",
            zh="请缩短最长的输入与答案（`train.max_length`、`task`），或放宽时间限度",
        )
    else:
        title = Text(
            en="Choose a smaller base model (`model.base`; candidates in `adapt.bases`) or a faster machine",
            zh="请换更小的基座模型（`model.base`；候选写在 `adapt.bases`）或更快的机器",
        )
    return Remedy(title=title, safety=Safety.ADVICE)


ZH = Page(
    title="回答太慢",
    what_goes_wrong="基座模型对服务它的机器来说太大，或提示、答案太长：答案的每个词元都要走一遍整个模型。",
    why_it_hurts="顾客在等，或请求被放弃；再训练一次，同一个模型也不会变快。",
    how_it_is_detected="门禁中关于回答时间的条件未通过。较快的一半说明是哪种情况：这一半在限度以内，则只有长的慢；"
    "不在，则全都慢。",
    what_the_remedy_does="配方写有候选基座（`adapt.bases`）时，请人批准换用小一级的。否则给出建议："
    "全都慢时换更小的基座或更快的机器；只有长的慢时缩短输入与答案。",
    not_detected="排队等待，或高负载下的变慢：测量时逐条询问。",
    source="实践；Pope 等，arXiv 2211.05102（一个词元的代价）。",
)

PITFALL = Pitfall("answers-too-slow", AFTER, Settings(), detect, remedy, ZH, rank=43, moves=("latency",))
