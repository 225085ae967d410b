"""Placeholders are learnt as style.

What goes wrong
    Redaction put `[NAME]` and `[ORDER_…]` where personal data stood. They stand in so many answers, or go with one
    label so closely, that they are what is learnt.
Why it hurts
    A model writes `[NAME]` to customers, or tells the label from the trace of redaction; where the texts in service are
    redacted otherwise, that is gone.
How it is detected
    For answers that are sentences: more than 20 % of them hold a placeholder. For labels: the set of placeholders that
    a text holds, and nothing else, tells the label of dev and calibration more than 10 points better than the most
    frequent label (lower end of the 95 % interval).
What the remedy does
    Advises to fill placeholders in answers with invented values or to rewrite the answers; for labels, to unite the
    kinds or to take placeholders out of the texts by a rule.
Not detected
    Placeholders of other tools (see `foreign-placeholders`).
Source
    Lukas et al., Analyzing Leakage of Personally Identifiable Information in Language Models, arXiv 2302.00539
    (scrubbing and its price).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import (
    advice,
    gain_over_majority,
    matching,
    sample,
    shared,
    targets,
    texts,
    writes_sentences,
)
from fittingroom.types import Finding, Frozen, Page, Pitfall, Severity, Splits, Text

_PLACEHOLDER = re.compile(r"\[([A-Z]{2,}(?:_[A-Z]+)*)(?:_[a-p]{16})?\]")
_RE2 = r"\[[A-Z]{2,}(?:_[A-Z]+)*(?:_[a-p]{16})?\]"
_ADDRESS = "URL"
"""What cleaning leaves of a web address: no trace of redaction."""


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.2, gt=0, lt=1)
    """Share of the answers (sentences) that may hold a placeholder."""
    gain: float = Field(default=0.1, gt=0, lt=1)
    """By how much the placeholders alone may beat the most frequent label. Who writes of a parcel gives its number, so
    some of it is true; the sample shop has 0.03."""


def detect(splits: Splits, settings: Settings) -> Iterator[Finding]:
    """Fires on answers full of placeholders, and on labels that they tell."""
    if writes_sentences(splits.train):
        yield from shared(
            "placeholder_share", matching(splits.train, _RE2, "target"), splits.train.rows, settings.share,
            Text(
                en="{found} of {rows} answers ({share}) hold a placeholder of redaction",
                zh="{rows} 条答案中有 {found} 条（{share}）含有脱敏占位符",
            ),
        )  # fmt: skip
        return
    train = sample(splits.train)
    votes: dict[str, Counter[str]] = {}
    labels = targets(train)
    for text, label in zip(texts(train), labels, strict=True):
        votes.setdefault(_signs(text), Counter())[label] += 1
    if len(votes) < 2:
        return
    answers = {sign: min(found.items(), key=lambda item: (-item[1], item[0]))[0] for sign, found in votes.items()}
    right, said = [], []
    for part in (splits.dev, splits.calibration):
        held = sample(part)
        right += targets(held)
        said += [answers.get(_signs(text), answers.get("", "")) for text in texts(held)]
    accuracy, usual, proven = gain_over_majority(labels, said, right)
    if proven <= settings.gain:
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"the placeholders of a text alone tell the label: {accuracy:.0%} right, {usual:.0%} by the "
            "most frequent label",
            zh=f"仅凭文本中的占位符就能说出标签：答对 {accuracy:.0%}，按最常见标签为 {usual:.0%}",
        ),
        measured={"gain": proven, "accuracy": accuracy, "majority": usual},
        limits={"gain": settings.gain},
        strength=proven / settings.gain,
    )


def _signs(text: str) -> str:
    return " ".join(sorted(set(_PLACEHOLDER.findall(text)) - {_ADDRESS}))


remedy = advice(
    "Fill placeholders in answers with invented values; for labels, take placeholders out of the texts by a rule",
    "用虚构的值填充答案中的占位符；对标签任务，用规则去掉文本中的占位符",
)


ZH = Page(
    title="占位符被当作文风学去",
    what_goes_wrong="脱敏把个人信息换成 `[NAME]`、`[ORDER_…]`。它们在答案里太多，或与某个标签绑得太紧，学到的"
    "就成了它们。",
    why_it_hurts="模型会对顾客写出 `[NAME]`，或凭脱敏的痕迹判断标签；上线后脱敏方式一变，就失灵了。",
    how_it_is_detected="对成句的答案：超过 20% 含有占位符。对标签：只看文本含有哪些占位符，就能在开发集与校准集"
    "上比最常见标签高出 10 个百分点以上（95% 区间下限）。",
    what_the_remedy_does="建议用虚构的值填充答案中的占位符或改写答案；对标签任务，统一各类占位符，或用规则去掉。",
    not_detected="其他工具的占位符（见 `foreign-placeholders`）。",
    source="Lukas 等，arXiv 2302.00539。",
)

PITFALL = Pitfall("placeholders-as-style", "split", Settings(), detect, remedy, ZH, rank=6)
