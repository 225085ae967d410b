"""There are too few rows to decide.

What goes wrong
    The score may be good enough and may not: the part that is judged is too small to tell, and training goes on as if
    the model were at fault.
Why it hurts
    Each further training is paid for, and the best of several is chosen by luck.
How it is detected
    A condition of the gate is open: its limit lies inside the interval of what was measured, or a slice has fewer rows
    than the gate asks for.
What the remedy does
    Advises to add labelled rows, and says how many it would take if the value stays where it is. The loop trains again
    only where another training has proven a cause.
Not detected
    Where the value sits right on its limit: there a better model, not more rows, would decide.
Source
    Card et al., With Little Power Comes Great Responsibility, arXiv 2010.06595.
"""

from __future__ import annotations

from collections.abc import Iterator

from fittingroom.pitfalls.refusal import AFTER, Refused, lacks_rows
from fittingroom.pitfalls.rows import advice
from fittingroom.types import Check, Finding, Frozen, Page, Pitfall, Severity, Text


class Settings(Frozen):
    """The limits are the gate's own."""


def detect(refused: Refused, settings: Settings) -> Iterator[Finding]:
    """One finding for all open conditions; the one that is farthest from an answer is told."""
    still_open = [check for check in refused.checks if lacks_rows(check)]
    if not still_open:
        return
    worst = max(still_open, key=lambda check: (_width(check), check.name))
    more = Text(en=f" (and {len(still_open) - 1} others)", zh=f"（另有 {len(still_open) - 1} 项）")
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=worst.reason.en + (more.en if len(still_open) > 1 else ""),
            zh=worst.reason.zh + (more.zh if len(still_open) > 1 else ""),
        ),
        measured={"open": float(len(still_open)), "width": _width(worst), **worst.measured},
        limits={"open": 0.0, "value": worst.limit},
    )


def _width(check: Check) -> float:
    return check.measured.get("high", 1.0) - check.measured.get("low", 0.0)


remedy = advice(
    "Add labelled rows to the part that is judged (`split.dev`, `split.test`, or new rows); the reason says how many",
    "请为评测部分补充带标签的数据（`split.dev`、`split.test`，或新数据）；需要多少见原因",
)


ZH = Page(
    title="数据太少，无法判定",
    what_goes_wrong="分数可能够好，也可能不够：评测部分太小，说不清，训练却像模型有错那样继续下去。",
    why_it_hurts="每多训练一次都要付费，而几次中最好的一次是靠运气选出来的。",
    how_it_is_detected="门禁有一项没有定论：限值落在测量区间之内，或某个切片的数据少于门禁的要求。",
    what_the_remedy_does="建议补充带标签的数据，并说明若测得的值不变还需多少。只有对照训练证明了原因时，循环才会再训练。",
    not_detected="测得的值正好在限值上：那时需要更好的模型，而不是更多数据。",
    source="Card 等，arXiv 2010.06595。",
)

PITFALL = Pitfall(
    "too-few-rows-to-decide",
    AFTER,
    Settings(),
    detect,
    remedy,
    ZH,
    rank=49,
    moves=("score", "forgetting"),
)
