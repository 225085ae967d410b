"""The label can be read from a template.

What goes wrong
    Each kind of case was written down with its own greeting, signature or reply of the shop: what tells the label is
    the form, not what the customer said.
Why it hurts
    The model learns the form. It scores well on rows that carry it and knows nothing of the customer's own words, which
    is all that it gets in service.
How it is detected
    Sentences of some length that stand word for word in many training rows, beside other text, are templates. A linear
    model is trained on them alone (on which of them a row holds, nothing else; at most 5,000 rows) and asked about dev
    and calibration: it is better than the most frequent label by more than 2 points, with the lower end of a 95 %
    interval.
What the remedy does
    Advises to cut the templates out with rules of the shop's own (`prepare.clean.rules`) or to name whole texts as
    boilerplate (`prepare.clean.phrases`).
Not detected
    Templates with a name or number inside every sentence, and templates that are the whole text (those are copies).
Source
    Gururangan et al., Annotation Artifacts in Natural Language Inference Data, arXiv 1803.02324.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from pydantic import Field

from fittingroom.pitfalls.rows import advice, examples, gain_over_majority, sample, targets, texts
from fittingroom.statistics.linear import fit_linear
from fittingroom.types import Finding, Frozen, Page, Pitfall, Severity, Splits, Text

_END = re.compile(r"[\n。！？!?；;，,、~～|]+|(?<=[a-z])\.(?=\s|$)")
_HAN = re.compile(r"[\u3400-\u9fff]")
_MOST_ROWS = 5_000


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.02, gt=0, lt=1)
    """Share of the training rows in which a sentence must stand to be a template."""
    least: int = Field(default=10, ge=2)
    """Rows in which it must stand at least."""
    characters: int = Field(default=8, ge=1)
    """Chinese characters of a template at least; shorter ones are wording that everybody uses."""
    words: int = Field(default=5, ge=1)
    """The same for words of other scripts."""
    gain: float = Field(default=0.02, ge=0, lt=1)
    """By how much (lower end of the 95 % interval) the templates alone may beat the most frequent label."""


def detect(splits: Splits, settings: Settings) -> Iterator[Finding]:
    """Fires when templates alone tell the label of rows that were held out."""
    train = sample(splits.train, _MOST_ROWS)
    cut = [sentences(text, settings.characters, settings.words) for text in texts(train)]
    standing = Counter(one for found in cut for one, alone in found.items() if not alone)
    enough = max(settings.least, settings.share * train.rows)
    frequent = sorted(one for one, rows in standing.items() if rows >= enough)
    names = {one: f"t{place}" for place, one in enumerate(frequent)}
    labels = targets(train)
    if not names or len(set(labels)) < 2 or len(labels) < 2 * len(set(labels)):
        return
    right, shown = [], []
    for part in (splits.dev, splits.calibration):
        held = sample(part, _MOST_ROWS)
        right += targets(held)
        found = [sentences(text, settings.characters, settings.words) for text in texts(held)]
        shown += [_signs(one, names) for one in found]
    model = fit_linear([_signs(found, names) for found in cut], labels, seed=7)
    said = model.predict(shown) if shown else []
    accuracy, usual, proven = gain_over_majority(labels, said, right)
    if proven <= settings.gain:
        return
    holders = [place for place, found in enumerate(cut) if names.keys() & found]
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"{len(names)} sentences that stand word for word in many rows tell the label: "
            f"{accuracy:.0%} right from them "
            f"alone, {usual:.0%} by the most frequent label",
            zh=f"{len(names)} 个在许多行里逐字重复的句子就能说出标签：仅凭它们答对 {accuracy:.0%}，"
            f"按最常见标签为 {usual:.0%}",
        ),
        measured={"gain": proven, "accuracy": accuracy, "majority": usual, "templates": float(len(names))},
        limits={"gain": settings.gain},
        examples=examples(train, holders),
        strength=max(1.0, proven / max(settings.gain, 1e-3)),
    )


def sentences(text: str, characters: int, words: int) -> dict[str, bool]:
    """Sentences of so many Chinese characters, or words of other scripts -> whether each is the whole text."""
    found = {}
    for piece in _END.split(text):
        one = piece.strip().casefold()
        if len(_HAN.findall(one)) >= characters or len(one.split()) >= words:
            found[one] = len(one) >= 0.9 * len(text.strip())
    return found


def _signs(found: Mapping[str, bool], names: Mapping[str, str]) -> str:
    """Which templates a text holds, as words for the linear model; `none` without any."""
    return " ".join(names[one] for one in found if one in names) or "none"


remedy = advice(
    "Cut the templates out (`prepare.clean.rules`, `action: replace`), or name them in `prepare.clean.phrases`",
    "用 `prepare.clean.rules`（`action: replace`）去掉模板，或列入 `prepare.clean.phrases`",
)


ZH = Page(
    title="从模板就能读出标签",
    what_goes_wrong="每类工单都用自己的问候语、签名或商家回复写成：透露标签的是格式，而不是顾客的话。",
    why_it_hurts="模型学到的是格式。带格式的行得分很高，而上线后只有顾客自己的话，它一无所知。",
    how_it_is_detected="较长的句子在许多训练行里逐字重复出现，且行内还有其他内容，即为模板。只用“含有哪些模板”训"
    "练一个线性模型（最多 5,000 行），在开发集与校准集上测试：比最常见标签高出 2 个百分点以上"
    "（95% 区间下限）。",
    what_the_remedy_does="建议用自定义规则（`prepare.clean.rules`）去掉模板，或把整段文本列为套话（`prepare.clean."
    "phrases`）。",
    not_detected="每句都嵌有姓名或数字的模板；整条文本就是模板的情况（那是重复）。",
    source="Gururangan 等，arXiv 1803.02324。",
)

PITFALL = Pitfall("template-leakage", "split", Settings(), detect, remedy, ZH, rank=6)
