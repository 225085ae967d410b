"""One label begins with another.

What goes wrong
    The tokens of one label are the beginning of another's, as refund and refund status; or most labels share their
    first token with another one.
Why it hurts
    Nothing here: labels are scored whole, with their end mark. A program that takes the first token for the answer,
    or stops early, mistakes one for the other.
How it is detected
    All labels are encoded as answers: pairs of which one begins with the whole other, and the share of labels whose
    first token another one has, too.
What the remedy does
    Advises to keep scoring whole labels, and to use short codes where another program reads the first token only.
Not detected
    Labels of the same tokens throughout (`labels-of-the-same-tokens`).
Source
    Model card banking77-llama-1b (labels scored by prefix); practice.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice
from fittingroom.types import Finding, Frozen, Page, Pitfall, Plan, Severity, Text


class Settings(Frozen):
    """Limits."""

    pairs: int = Field(default=0, ge=0)
    """Pairs of which one may begin with the other."""
    first: float = Field(default=0.8, ge=0, le=1)
    """Share of the labels that may share their first token with another one."""


def detect(plan: Plan, settings: Settings) -> Iterator[Finding]:
    """Tells of labels that begin alike."""
    found = plan.preflight.get("labels", {})
    if not found:
        return
    share = found["first"] / found["labels"]
    if found["heads"] <= settings.pairs and share <= settings.first:
        return
    named = "; ".join(plan.examples.get("labels", [])[:5]) if found["heads"] and not found["same"] else ""
    yield Finding(
        severity=Severity.INFO,
        summary=Text(
            en=f"{found['heads']:.0f} labels begin with a whole other label, {share:.0%} share their first "
            "token with one" + (f": {named}" if named else ""),
            zh=f"{found['heads']:.0f} 个标签以另一个完整标签开头，{share:.0%} 的标签与别的标签首词元相同"
            + (f"：{named}" if named else ""),
        ),
        measured={"pairs": found["heads"], "first": share},
        limits={"pairs": float(settings.pairs), "first": settings.first},
        strength=max(1.0, found["heads"] / max(float(settings.pairs), 1.0)),
    )


remedy = advice(
    "Score whole labels with their end mark (as here); give short codes to programs that read one token only",
    "像这里一样连同结束标记评分整个标签；若其他程序只读一个词元，请改用短代码",
)


ZH = Page(
    title="一个标签以另一个标签开头",
    what_goes_wrong="一个标签的词元是另一个的开头，例如 refund 与 refund status；或大多数标签与别的标签首词元相同。",
    why_it_hurts="在本工具中无害：标签连同结束标记整体评分。只看第一个词元或提前停下的程序会把两者弄混。",
    how_it_is_detected="把全部标签按答案编码：一个以另一个完整开头的标签对，以及首词元与别的标签相同的比例。",
    what_the_remedy_does="建议继续整体评分；其他程序只读首词元时改用短代码。",
    not_detected="词元完全相同的标签（`labels-of-the-same-tokens`）。",
    source="模型卡 banking77-llama-1b（按前缀评分标签）；实践。",
)

PITFALL = Pitfall("labels-with-one-beginning", "configure", Settings(), detect, remedy, ZH, rank=62)
