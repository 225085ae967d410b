"""Personal data hides where redaction cannot see it.

What goes wrong
    A number has a tag, a zero-width character or an escape between its digits, or is written in full-width digits.
    Redaction that looks before the text is cleaned does not see it.
Why it hurts
    What it overlooked is stored. Whoever cleans the text later, the labeller's browser or the training, has the number
    in plain sight.
How it is detected
    Kept and dropped texts that hold a tag, an entity, an invisible character or an escape are cleaned as a browser
    would show them and searched again: personal data comes to light that was not found in the text as it is. One row is
    enough: the attempt ends here.
What the remedy does
    Turns the cleaning of markup on, so that it comes before redaction; what is hidden in another way it advises to mend
    at the source.
Not detected
    Numbers in pictures, in words, or spread over several messages.
Source
    Measured: with the markup left in place a mobile number inside tags passes every recogniser; Unicode Technical
    Report 36, section 3.5 (deletion of code points hides text from filters).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from pydantic import Field

from fittingroom.pitfalls.rows import MOST_EXAMPLES, column, fields, matching
from fittingroom.text.clean import CleanConfig, clean_text
from fittingroom.text.redact import RedactConfig, find_personal
from fittingroom.types import Finding, Frozen, Page, Pitfall, Remedy, Rows, Safety, Severity, Text

_MAY_HIDE = r"[<&]|[\x{ad}\x{200b}-\x{200f}\x{2060}-\x{206f}\x{feff}]|%[0-9A-Fa-f]{2}|\\u[0-9a-fA-F]{4}"
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_SHOWN = CleanConfig(urls="keep", spam=False, boilerplate=False, max_repeat=0)


class Settings(Frozen):
    """Limits."""

    rows: int = Field(default=0, ge=0)
    """Rows in which personal data may come to light."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires on the first value that only a cleaned text shows."""
    config = RedactConfig(keep=list(rows.facts.get("public", [])))
    found: list[str] = []
    for table in (rows.kept, rows.dropped):
        for struct in ("input", "target"):
            doubtful = set(matching(table, _MAY_HIDE, struct))
            if doubtful:
                every = zip(column(table, "id"), *fields(table, struct), strict=True)
                found += [
                    name for name, *said in every if name in doubtful and any(_hides(one, config) for one in said)
                ]
    if len(found) <= settings.rows:
        return
    yield Finding(
        severity=Severity.BLOCK,
        summary=Text(
            en=f"in {len(found)} rows personal data comes to light when the text is cleaned",
            zh=f"有 {len(found)} 行在清洗后露出个人信息",
        ),
        measured={"rows": float(len(found))},
        limits={"rows": float(settings.rows)},
        examples=tuple(found[:MOST_EXAMPLES]),
        strength=float(len(found)),
    )


def _hides(text: str, config: RedactConfig) -> bool:
    """Whether the text as people see it holds more personal data than the text as it is stored."""
    shown = clean_text(_ESCAPE.sub(lambda found: chr(int(found.group(1), 16)), unquote(text)), _SHOWN).text
    return shown != text and len(find_personal(shown, config)) > len(find_personal(text, config))


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """Markup is cleaned before redaction."""
    if used["prepare"]["clean"]["markup"]:
        return Remedy(
            title=Text(
                en="Decode these texts at the source; personal data hides in escapes",
                zh="请在来源处解码：个人信息藏在转义里",
            ),
            safety=Safety.ADVICE,
        )
    return Remedy(
        title=Text(en="Clean markup before redaction", zh="先清洗标记再脱敏"),
        safety=Safety.AUTOMATIC,
        patch={"prepare.clean.markup": True},
        expectation=Text(en="no personal data comes to light by cleaning", zh="清洗后不再露出个人信息"),
    )


ZH = Page(
    title="个人信息藏在脱敏看不到的地方",
    what_goes_wrong="号码的数字之间夹着标签、零宽字符或转义，或写成全角数字。先脱敏后清洗，就看不见它。",
    why_it_hurts="漏掉的被存了下来。之后不论谁清洗这段文本，标注人的浏览器也好，训练也好，号码就在眼前。",
    how_it_is_detected="对保留与去掉的文本中含有标签、实体、不可见字符或转义的，按浏览器显示的样子清洗后再查一遍："
    "出现了原文里没有查到的个人信息。有一行即终止本次尝试。",
    what_the_remedy_does="打开标记清洗，使其先于脱敏；以其他方式隐藏的，建议在来源处修正。",
    not_detected="图片里的号码、用文字写的号码，或拆在几条消息里的号码。",
    source="实测：保留标记时，夹在标签里的手机号能躲过所有识别器；Unicode 技术报告 36 第 3.5 节。",
)

PITFALL = Pitfall("redacted-too-late", "prepare", Settings(), detect, remedy, ZH, rank=1, guards=True)
