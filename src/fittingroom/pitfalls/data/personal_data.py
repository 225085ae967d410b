"""Personal data is still in the rows.

What goes wrong
    Customers write their phone number, address or card into a review; a kind of personal data was taken out of the
    redaction because it "hardly occurs here". Everything that is stored from here on holds it.
Why it hurts
    A generating model can be made to say what it read in training, so names and numbers leave with the weights. They
    also lie in every stored table, report and log, where the law wants them found and erased on request.
How it is detected
    All texts that `prepare` puts out (kept, dropped and rejected rows, inputs and answers) are searched again for every
    kind of personal data. Values that the recipe names as public (`prepare.redact.keep`) do not count. One find is
    enough: the attempt ends here.
What the remedy does
    Puts the kinds that were found back into the redaction.
Not detected
    What no recogniser knows: a name without a word beside it, a number in words, a story that names its author to those
    who know them.
Source
    Carlini et al., Extracting Training Data from Large Language Models, arXiv 2012.07805; Personal Information
    Protection Law of the PRC, articles 6 and 47; GDPR, articles 5 and 17.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.pitfalls.rows import MOST_EXAMPLES, column, fields, pieces
from fittingroom.text.redact import KINDS, Kind, RedactConfig, find_personal
from fittingroom.types import Finding, Frozen, Page, Pitfall, Remedy, Rows, Safety, Severity, Text

IN_CHINESE = {
    "email": "邮箱",
    "id_card": "身份证号",
    "bank_card": "银行卡号",
    "mobile": "手机号",
    "phone": "电话",
    "landline": "固定电话",
    "passport": "护照号",
    "plate": "车牌",
    "wechat": "微信号",
    "qq": "QQ 号",
    "address": "地址",
    "name": "姓名",
    "ip": "IP 地址",
    "secret": "密码",
    "order": "订单号",
}


_REMEMBERED = 200_000
"""Texts whose kinds are known already: default reviews stand in a table a thousand times."""


class Settings(Frozen):
    """Limits."""

    kinds: list[Kind] = Field(default_factory=lambda: list(KINDS))
    """Kinds that are searched for; a shop that may keep a kind takes it out here and in `prepare.redact.kinds`."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires on the first value of personal data; says how many rows hold which kinds."""
    config = RedactConfig(kinds=settings.kinds, keep=list(rows.facts.get("public", [])))
    seen: dict[str, frozenset[str]] = {}
    found: Counter[str] = Counter()
    holders: list[str] = []
    for place, texts in _texts(rows):
        if len(seen) > _REMEMBERED:
            seen.clear()
        kinds: set[str] = set()
        for text in texts:
            if text not in seen:
                seen[text] = frozenset(kind for kind, _, _ in find_personal(text, config))
            kinds |= seen[text]
        found.update(kinds)
        holders += [place] if kinds else []
    if not holders:
        return
    counts = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    told_en = ", ".join(f"{kind} {count}" for kind, count in counts)
    told_zh = "、".join(f"{IN_CHINESE.get(kind, kind)} {count}" for kind, count in counts)
    yield Finding(
        severity=Severity.BLOCK,
        summary=Text(
            en=f"{len(holders)} rows still hold personal data ({told_en})",
            zh=f"{len(holders)} 行仍含个人信息（{told_zh}）",
        ),
        measured={"rows": float(len(holders)), **{kind: float(count) for kind, count in sorted(found.items())}},
        limits={"rows": 0.0},
        examples=tuple(holders[:MOST_EXAMPLES]),
        strength=float(len(holders)),
    )


def _texts(rows: Rows) -> Iterator[tuple[str, list[str]]]:
    """For each row that is stored where it is found, and its texts, field by field: redaction works on fields."""
    for part in (batch for table in (rows.kept, rows.dropped) for batch in pieces(table)):
        for name, *texts in zip(column(part, "id"), *fields(part, "input"), *fields(part, "target"), strict=True):
            yield name or "", [text for text in texts if text]
    for part in pieces(rows.rejected) if rows.rejected is not None else ():
        places = zip(*(part.column(name).to_pylist() for name in ("file", "line", "text")), strict=True)
        for file, line, text in places:
            yield f"{file}:{line}", [text] if text else []


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """The kinds found are redacted too."""
    redacted = list(used["prepare"]["redact"]["kinds"])
    missing = [kind for kind in KINDS if kind in finding.measured and kind not in redacted]
    if not missing:
        return None
    in_chinese = "、".join(IN_CHINESE.get(kind, kind) for kind in missing)
    return Remedy(
        title=Text(en=f"Redact {', '.join(missing)}", zh=f"脱敏 {in_chinese}"),
        safety=Safety.AUTOMATIC,
        patch={"prepare.redact.kinds": [kind for kind in KINDS if kind in redacted or kind in missing]},
        expectation=Text(en="no row holds personal data", zh="没有任何一行含个人信息"),
    )


ZH = Page(
    title="数据中仍有个人信息",
    what_goes_wrong="顾客把电话、地址或卡号写进评论；某类个人信息因“这里很少出现”而被移出脱敏范围。此后存储的一切都带着它。",
    why_it_hurts="生成模型可能被诱导说出训练中读到的内容，姓名与号码随权重流出。"
    "它们还留在每一份存储的表、报告和日志里，而法律要求能查到并按请求删除。",
    how_it_is_detected="对 `prepare` 产出的全部文本（保留、去掉和拒收的行，输入和答案）重新搜索各类个人信息。"
    "配方中声明为公开的值（`prepare.redact.keep`）不算。发现一处即终止本次尝试。",
    what_the_remedy_does="把发现的类别重新纳入脱敏。",
    not_detected="识别器不认识的：旁边没有提示词的姓名、用文字写的号码、熟人能认出作者的故事。",
    source="Carlini 等，arXiv 2012.07805;《个人信息保护法》第六条、第四十七条；GDPR 第 5、17 条。",
)

PITFALL = Pitfall("personal-data", "prepare", Settings(), detect, remedy, ZH, rank=1, guards=True)
