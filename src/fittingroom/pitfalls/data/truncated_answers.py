"""Texts are cut off.

What goes wrong
    A column of 255 characters, an export with a limit, a collector that stopped in the middle: texts end where the room
    ended, not where the sentence did.
Why it hurts
    A model that learns from cut answers stops in the middle of a sentence itself. In inputs the end is missing, where
    customers say what they want.
How it is detected
    For inputs, and for answers that are sentences (a sample of at most 20,000 rows): 1 % of the texts or more have
    exactly the greatest length there is, it is at least 50 characters, three times as many as have any other length of
    the upper half, and most of them end without a sign that ends a sentence. For answers also: more than 5 % leave a
    bracket, a quotation or a block of code open.
What the remedy does
    Advises to read the texts whole, or to leave the cut rows out.
Not detected
    Texts that were cut at the end of a sentence, and a limit in tokens or bytes when the lengths in characters differ
    (rows that do not fit into training are `truncated-rows`).
Source
    MySQL reference manual, silent truncation without strict SQL mode; practice of LIMA, arXiv 2305.11206 (few whole
    answers beat many).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from pydantic import Field

from fittingroom.pitfalls.rows import advice, column, fields, sample, shared, writes_sentences
from fittingroom.types import Finding, Frozen, Page, Pitfall, Rows, Text

_ENDS = tuple("。！？!?.…~～；;”\"'』」）)】]》>")
_HEAP = 3
"""How many times as many texts must have the greatest length as any length of the upper half."""
_OPEN = ("（）", "()", "【】", "[]", "“”", "「」", "《》", "{}")


class Settings(Frozen):
    """Limits."""

    characters: int = Field(default=50, ge=1)
    """Greatest length from which on equal lengths are no chance."""
    at_end: float = Field(default=0.01, gt=0, lt=1)
    """Share of the texts that may have exactly that length. In free text the longest is nearly alone."""
    unclosed: float = Field(default=0.05, gt=0, lt=1)
    """Share of the answers that may leave something open; people forget a bracket in one of a hundred."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires on texts of one greatest length, and on answers that leave something open."""
    drawn = sample(rows.kept)
    ids = [name or "" for name in column(drawn, "id")]
    columns = fields(drawn, "input")
    answers = fields(drawn, "target") if writes_sentences(rows.kept) else []
    cut = {place for one in (*columns, *answers) for place in _at_the_end(one, settings)}
    if cut:
        yield from shared(
            "cut_share", [ids[place] for place in sorted(cut)], drawn.rows, 0.0,
            Text(
                en="{found} of {rows} texts ({share}) have exactly the greatest length and end in the "
                "middle of a sentence",
                zh="{rows} 条文本中有 {found} 条（{share}）恰为最大长度，且句子没有说完",
            ),
        )  # fmt: skip
        return
    left = [place for one in answers for place, text in enumerate(one) if _is_open(text)]
    yield from shared(
        "unclosed_share", [ids[place] for place in left], drawn.rows, settings.unclosed,
        Text(
            en="{found} of {rows} answers ({share}) leave a bracket, a quotation or a block of code open",
            zh="{rows} 条答案中有 {found} 条（{share}）的括号、引号或代码块没有闭合",
        ),
        least=3,
    )  # fmt: skip


def _at_the_end(said: Sequence[str], settings: Settings) -> list[int]:
    """Places of the texts that have the greatest length, when they are too many and most do not end."""
    filled = [len(text) for text in said if text]
    longest = max(filled, default=0)
    if longest < settings.characters:
        return []
    places = [place for place, text in enumerate(said) if len(text) == longest]
    unended = [place for place in places if not said[place].endswith(_ENDS)]
    below = max(Counter(size for size in filled if 0.5 * longest <= size < longest).values(), default=0)
    # Where most texts are equally long it is a form with fields of fixed width, not a limit.
    many = max(3.0, settings.at_end * len(filled), _HEAP * below) <= len(places) <= len(filled) / 2
    return unended if many and 2 * len(unended) > len(places) else []


def _is_open(text: str) -> bool:
    return text.count("```") % 2 == 1 or any(text.count(pair[0]) > text.count(pair[1]) for pair in _OPEN)


remedy = advice(
    "Read the texts whole: widen the column, lift the limit of the export, or leave the cut rows out",
    "读取完整文本：加宽该列、取消导出的长度上限，或去掉被截断的行",
)


ZH = Page(
    title="文本被截断",
    what_goes_wrong="255 个字符的列、有上限的导出、中途停下的采集：文本断在放不下的地方，而不是句子结束处。",
    why_it_hurts="从截断的答案里学习，模型自己也会说到一半停下。输入被截断时，丢掉的往往是顾客真正的诉求。",
    how_it_is_detected="对输入，以及成句的答案（最多抽样 20,000 行）：1% 以上的文本恰好是最大长度，该长度不少于 "
    "50 个字符，是上半段其他任一长度的三倍以上，且其中多数没有句末标点。对答案另查：超过 5% "
    "的括号、引号或代码块没有闭合。",
    what_the_remedy_does="建议读取完整文本，或去掉被截断的行。",
    not_detected="正好断在句末的文本；按词元或字节截断而字符长度各异的情况（训练时放不下的行见 `truncated-rows`）。",
    source="MySQL 手册（非严格模式下静默截断）；LIMA，arXiv 2305.11206。",
)

PITFALL = Pitfall("truncated-answers", "prepare", Settings(), detect, remedy, ZH, rank=3)
