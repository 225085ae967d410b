"""A sentence of the system stands in many rows.

What goes wrong
    The greeting of the service, the notice under every mail, the text that a form puts before the customer's own: one
    sentence in a tenth of the rows.
Why it hurts
    It takes the place of words, makes rows look like copies of each other, and is learnt as if customers said it.
How it is detected
    In a sample of at most 20,000 rows: a sentence of at least eight Chinese characters or five words stands word for
    word in 10 % of the rows and more, beside other text.
What the remedy does
    Advises a rule that cuts it out.
Not detected
    Sentences that hold a name or a number, and phrases that are the whole text (`default-reviews`, `mostly-copies`).
Source
    Lee et al., arXiv 2107.06499 (repeated substrings); Gururangan et al., arXiv 1803.02324.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.data.template_leakage import sentences
from fittingroom.pitfalls.rows import advice, column, sample, shared, texts
from fittingroom.types import Finding, Frozen, Page, Pitfall, Rows, Text


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.1, gt=0, lt=1)
    """Share of the rows in which one sentence may stand; no sentence of real reviews comes to 1 %."""
    characters: int = Field(default=8, ge=1)
    """Chinese characters of a sentence at least."""
    words: int = Field(default=5, ge=1)
    """The same for words of other scripts."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires on the sentence that stands most often."""
    drawn = sample(rows.kept)
    if drawn.rows < 20:
        return
    cut = [sentences(text, settings.characters, settings.words) for text in texts(drawn)]
    standing = Counter(one for found in cut for one, alone in found.items() if not alone)
    if not standing:
        return
    most = min(standing, key=lambda one: (-standing[one], one))
    holders = [name or "" for name, found in zip(column(drawn, "id"), cut, strict=True) if found.get(most) is False]
    yield from shared(
        "phrase_share", holders, drawn.rows, settings.share,
        Text(
            en="{found} of {rows} rows ({share}) hold one and the same sentence beside their own text",
            zh="{rows} 行中有 {found} 行（{share}）除自身内容外含有同一句话",
        ),
    )  # fmt: skip


remedy = advice(
    "Cut the sentence out with a rule (`prepare.clean.rules`, `action: replace`)",
    "用规则去掉这句话（`prepare.clean.rules`，`action: replace`）",
)


ZH = Page(
    title="许多行里有同一句系统用语",
    what_goes_wrong="客服的问候语、每封邮件下的声明、表单加在顾客内容之前的文字：一句话出现在十分之一的行里。",
    why_it_hurts="它占了正文的位置，使各行看起来像彼此的复制，还会被当成顾客的话学去。",
    how_it_is_detected="抽样最多 20,000 行：至少八个汉字或五个词的句子，在 10% 以上的行里逐字出现，且行内还有其"
    "他内容。",
    what_the_remedy_does="建议用规则去掉。",
    not_detected="嵌有姓名或数字的句子；整条文本就是它的情况（`default-reviews`、`mostly-copies`）。",
    source="Lee 等，arXiv 2107.06499；Gururangan 等，arXiv 1803.02324。",
)

PITFALL = Pitfall("system-phrases", "prepare", Settings(), detect, remedy, ZH, rank=6)
