"""Texts were written by a machine.

What goes wrong
    Answers were made by another model, or customers' messages were invented by one: refusals, leaked thoughts and its
    way to open a sentence stand among the examples.
Why it hurts
    The model learns to refuse, to think aloud before customers, and the style of its teacher instead of the shop's.
    Invented messages are easier than real ones, so scores are too high.
How it is detected
    All inputs and answers are searched for what machines say of themselves (a language model, a cut-off of knowledge),
    refusals and leaked tags of thought: more than 1 % of the rows. For answers that are sentences also one style: more
    than half of them open with the same words.
What the remedy does
    Advises to take these rows out, or to have people write the answers.
Not detected
    Machine-made text without such marks.
Source
    Shumailov et al., The Curse of Recursion, arXiv 2305.17493; Gudibande et al., The False Promise of Imitating
    Proprietary LLMs, arXiv 2305.15717.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice, column, matching, sample, shared, targets, writes_sentences
from fittingroom.types import Finding, Frozen, Page, Pitfall, Rows, Text

_MARKS = (
    r"(?i)作为(?:一[个名])?(?:AI|人工智能|大?语言模型)|我(?:只)?是一[个名]?(?:AI|人工智能|大?语言模型)|我的知识截止"
    r"|as an? (?:AI|artificial intelligence|large language|language) (?:language )?(?:model|assistant)"
    r"|i(?:'|’)?m sorry, but i (?:can't|can’t|cannot|am unable)|i am an ai\b"
    r"|my knowledge cut-?off|as of my last (?:update|knowledge)"
    r"|[<〈]/?think(?:ing)?[>〉]|[<〈]\|?/?(?:im_start|im_end)\|?[>〉]assistant"
)


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.01, gt=0, lt=1)
    """Share of the rows that may carry such marks; of 55,000 real reviews and turns of dialogues none does."""
    one_style: float = Field(default=0.5, gt=0, lt=1)
    """Share of the answers that may open with the same words."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires on marks of machines, and on answers of one style."""
    found = sorted({*matching(rows.kept, _MARKS), *matching(rows.kept, _MARKS, "target")})
    marked = list(
        shared(
            "marked_share", found, rows.kept.rows, settings.share,
            Text(
                en="{found} of {rows} rows ({share}) hold what machines say: refusals, leaked thoughts, a "
                "model's name for itself",
                zh="{rows} 行中有 {found} 行（{share}）带有机器的话：拒答、泄漏的思考、模型的自称",
            ),
        )
    )  # fmt: skip
    yield from marked
    if marked or not writes_sentences(rows.kept):
        return
    drawn = sample(rows.kept)
    openings = [_opening(text) for text in targets(drawn)]
    most = Counter(one for one in openings if one).most_common(1)[0][0]
    alike = [name or "" for name, one in zip(column(drawn, "id"), openings, strict=True) if one == most]
    yield from shared(
        "one_style", alike, drawn.rows, settings.one_style,
        Text(
            en="{found} of {rows} answers ({share}) open with the same words",
            zh="{rows} 条答案中有 {found} 条（{share}）以同样的词开头",
        ),
    )  # fmt: skip


def _opening(text: str) -> str:
    """The first words of a text, or the first characters of a Chinese one."""
    return " ".join(text.split()[:3]).casefold() if text[:3].isascii() else text[:6]


remedy = advice(
    "Take these rows out at the source, or have people write the answers; a rule of `prepare.clean.rules` drops them",
    "在来源处去掉这些行，或请人撰写答案；可用 `prepare.clean.rules` 的规则去掉",
)


ZH = Page(
    title="文本由机器写成",
    what_goes_wrong="答案由另一个模型生成，或顾客消息由模型编造：拒答、泄漏的思考过程和它惯用的开头混在样例里。",
    why_it_hurts="模型学会拒答、把思考说给顾客听，学到的是老师的腔调而不是店铺的。编造的消息比真实的容易，"
    "分数因此虚高。",
    how_it_is_detected="在全部输入与答案中查找机器的自称（语言模型、知识截止日期）、拒答和泄漏的思考标签：超过 1"
    "% 的行。对成句的答案另查单一风格：一半以上以同样的词开头。",
    what_the_remedy_does="建议去掉这些行，或请人撰写答案。",
    not_detected="没有这些痕迹的机器文本。",
    source="Shumailov 等，arXiv 2305.17493；Gudibande 等，arXiv 2305.15717。",
)

PITFALL = Pitfall("machine-made-answers", "prepare", Settings(), detect, remedy, ZH, rank=3)
