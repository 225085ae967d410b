"""Chinese punctuation was flattened.

What goes wrong
    A tool of normalisation turned every Chinese comma, question mark and bracket into its ASCII sign.
Why it hurts
    The model writes and reads Chinese as nobody writes it. In service the signs are full-width again, their tokens are
    others, and sentences are cut at other places.
How it is detected
    In a sample of at most 20,000 texts: where a Chinese character stands before a comma, exclamation mark, question
    mark or semicolon, more than 99 % of these signs are ASCII, over at least 200 signs. People who type half-width
    signs are many, but never all.
What the remedy does
    Advises to read the texts from before that tool.
Not detected
    Flattening of a part of the rows, and of full-width letters and digits.
Source
    Measured: ftfy with its defaults turned all 41,281 Chinese reviews of a set; three sets of reviews and dialogues as
    they are hold 2, 8 and 30 % ASCII signs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice, sample, texts
from fittingroom.types import Finding, Frozen, Page, Pitfall, Rows, Severity, Text

_HALF = re.compile(r"[\u4e00-\u9fff][,!?;]")
_FULL = re.compile(r"[\u4e00-\u9fff][，！？；]")


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.99, gt=0.5, lt=1)
    """Share of the signs behind Chinese characters that may be ASCII."""
    least: int = Field(default=200, ge=20)
    """Signs from which on the share says something."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires when hardly a full-width sign is left."""
    said = texts(sample(rows.kept))
    half = sum(len(_HALF.findall(text)) for text in said)
    total = half + sum(len(_FULL.findall(text)) for text in said)
    if total < settings.least or half / total <= settings.share:
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"{half} of {total} punctuation marks behind Chinese characters ({half / total:.1%}) are "
            "ASCII: a tool turned them",
            zh=f"汉字之后的 {total} 个标点中有 {half} 个（{half / total:.1%}）是 ASCII：被某个工具改过",
        ),
        measured={"ascii_share": half / total},
        limits={"ascii_share": settings.share},
        strength=half / total / settings.share,
    )


remedy = advice(
    "Read the texts from before the tool that normalised them (NFKC, or ftfy with its defaults)",
    "读取规范化（NFKC 或默认设置的 ftfy）之前的文本",
)


ZH = Page(
    title="中文标点被改成了半角",
    what_goes_wrong="某个规范化工具把所有中文逗号、问号、括号都改成了 ASCII 符号。",
    why_it_hurts="模型读写的中文成了没人那样写的中文。上线后标点又是全角，词元不同，断句也不同。",
    how_it_is_detected="抽样最多 20,000 条文本：汉字之后的逗号、感叹号、问号、分号中，超过 99% 是 ASCII，且总数"
    "不少于 200。打半角标点的人很多，但绝不会是所有人。",
    what_the_remedy_does="建议读取该工具处理之前的文本。",
    not_detected="只有部分行被改动；全角字母与数字被改动。",
    source="实测：ftfy 默认设置改动了一个数据集的全部 41,281 条中文评论；三个原样的评论与对话数据集"
    "中 ASCII 标点占 2%、8% 和 30%。",
)

PITFALL = Pitfall("flattened-punctuation", "prepare", Settings(), detect, remedy, ZH, rank=3)
