"""What the columns of a table are for, guessed from their names and from a sample of their values.

A guess is a draft for a person to correct, so it is made from few, readable rules; what stands behind each is said in
`Column.because`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from fittingroom.sources.own_names import are_people, may_name_people
from fittingroom.sources.rows import personal_column
from fittingroom.sources.times import parse_time

Part = Literal["key", "group", "time", "text", "label", "annotator", "personal", ""]

_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
_KEY = re.compile(
    r"(?:.*[_.])?(?:id|key|no|number|uuid|guid|code)|.*[a-z]I[dD]|.*(?:编号|主键|单号|序号)|id", re.IGNORECASE
)
_GROUP = re.compile(
    r"(?:.*[_.])?(?:customer|user|buyer|member|client|account|openid|conversation|session|thread|dialog(?:ue)?|ticket|visitor)"
    r"(?:_?(?:id|no|key|uid))?|uid|.*(?:客户|会员|买家|用户|顾客|会话|工单)(?:编号|号|ID|id)?",
    re.IGNORECASE,
)
_CUSTOMER = re.compile(
    r".*(?:customer|user|buyer|member|client|account|openid|uid|客户|会员|买家|用户|顾客).*", re.IGNORECASE
)
_TIME = re.compile(r"(?:.*[_.])?(?:time|date|at|on|day|timestamp|ts|created|updated)|.*(?:时间|日期)", re.IGNORECASE)
_TEXT = re.compile(
    r"(?:.*[_.])?(?:text|review|comment|content|message|msg|body|question|query|feedback|remark|note|description|desc|title|"
    r"prompt|first|utterance|sentence)s?|.*(?:评论|评价|内容|留言|描述|正文|咨询|问题|反馈|标题|文本)",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"(?:.*[_.])?(?:label|category|class|type|tag|sentiment|intent|topic|truth|gold|rating|stars?|score|polarity|reason|cat)s?(?:_?name)?"
    r"|.*(?:标签|类别|分类|类型|意图|情感|评分|星级|原因|主题)",
    re.IGNORECASE,
)
_ANNOTATOR = re.compile(
    r"(?:.*[_.])?(?:annotator|worker|labell?er|rater|assessor|turker)(?:_?(?:id|no|key|number|name))?"
    r"|.*(?:标注|质检|审核)(?:人|员|者)(?:编号|号|ID|id|姓名)?",
    re.IGNORECASE,
)
_GIVEN = re.compile(
    r"(?:.*[_.])?(?:answer|given|vote|choice|annotation|judge?ment)s?|.*(?:标注|判断|选择)(?:结果)?", re.IGNORECASE
)
_MEASURE = re.compile(
    r"(?:.*[_.])?(?:seconds?|secs?|ms|milliseconds?|minutes?|duration|elapsed|latency|price|amount|cost|weight|length|size|counts?"
    r"|total|score|share|ratio)|.*(?:时长|用时|耗时|秒数?|价格|金额|数量|重量|长度)",
    re.IGNORECASE,
)
_CODE = re.compile(r"(?!\d+[.,]\d+$)\S{1,64}")
_MOST_LABELS = 200


@dataclass
class Column:
    """One column, by a sample of its values."""

    name: str
    filled: int
    distinct: int
    length: float
    """Mean number of characters."""
    numbers: float
    """Share of the values that are numbers."""
    times: float
    """Share of the values that can be read as a time."""
    codes: float
    """Share of the values that are of one piece, and no decimal number."""
    common: list[tuple[str, int]]
    """The most frequent values. Not redacted."""
    first: list[str]
    """The first distinct values. Not redacted."""
    personal: str
    """Kind of personal data that a column of this name holds."""
    part: Part = ""
    because: str = ""


def column(name: str, values: Sequence[str | None]) -> Column:
    """What a sample says of a column."""
    given = [value.strip() for value in values if value and value.strip()]
    counts = Counter(given)
    some = list(counts)[:200]
    return Column(
        name=name,
        filled=len(given),
        distinct=len(counts),
        length=sum(map(len, given)) / len(given) if given else 0.0,
        numbers=sum(1 for value in some if _NUMBER.fullmatch(value)) / len(some) if some else 0.0,
        times=sum(1 for value in some if parse_time(value)) / len(some) if some else 0.0,
        codes=sum(1 for value in some if _CODE.fullmatch(value)) / len(some) if some else 0.0,
        common=sorted(counts.most_common(12), key=lambda pair: (-pair[1], pair[0])),
        first=some[:3],
        personal=personal_column(name),
    )


def assign(columns: Sequence[Column], rows: int) -> None:
    """Say which column is what: at most one each of key, annotator, group, time, text and label."""
    called = [one.name for one in columns]
    named = may_name_people(called)
    for one in columns:
        if one.name in named and are_people(called, [*one.first, *(value for value, _ in one.common)]):
            one.personal = "name"
        if one.personal:
            _take(one, "personal", f"named like {one.personal}")
    _best(columns, "time", lambda one: (one.times >= 0.9) * (3.0 * _named(_TIME, one) + (one.numbers < 0.5)))
    _best(columns, "key", lambda one: _key_score(one, rows))
    _best(columns, "annotator", lambda one: 1.0 * _named(_ANNOTATOR, one) * (one.distinct > 1))
    _best(columns, "group", lambda one: (2.0 + _named(_CUSTOMER, one)) * _named(_GROUP, one) * (one.distinct > 1))
    _best(columns, "text", lambda one: _text_score(one, rows))
    _best(columns, "label", lambda one: _label_score(one, rows))


def named_like_label(one: Column) -> bool:
    """Whether a column is a label by its name."""
    return _named(_LABEL, one)


def annotations_of(columns: Sequence[Column], rows: int) -> tuple[Column, Column] | None:
    """Of a table with one row per annotation: the column that says which text was labelled, and the one of the label
    given; None where there is no annotator, or nothing comes again."""
    text = next((one for one in columns if one.part == "text"), None)
    if text is None or not any(one.part == "annotator" for one in columns) or text.distinct > 0.9 * rows:
        return None
    about = [one for one in columns if not one.part and one.codes > 0.9 and one.filled == rows]
    about = [one for one in about if abs(one.distinct - text.distinct) <= 0.1 * text.distinct]
    scored = [(_label_score(one, rows) + 2.0 * _named(_GIVEN, one), -place) for place, one in enumerate(columns)]
    given = [
        (score, place)
        for score, place in scored
        if score > 0
        and (columns[-place].part == "label" or (not columns[-place].part and _named(_GIVEN, columns[-place])))
    ]
    free = [entry for entry in given if not columns[-entry[1]].part]  # beside an answer, the label is the truth
    return (about[0], columns[-max(free or given)[1]]) if about and given else None


def _best(columns: Sequence[Column], part: Part, score: object) -> None:
    assert callable(score)
    scored = [(score(one), -place, one) for place, one in enumerate(columns) if not one.part and one.filled]
    best = max(scored, key=lambda entry: entry[:2], default=None)
    if best and best[0] > 0:
        one = best[2]
        _take(one, part, f"{one.distinct} distinct of {one.filled}, {one.length:.0f} characters on average")


def _take(one: Column, part: Part, because: str) -> None:
    one.part, one.because = part, because


def _named(pattern: re.Pattern[str], one: Column) -> bool:
    return pattern.fullmatch(one.name) is not None


def _key_score(one: Column, rows: int) -> float:
    """Unique and never empty; its name helps; a customer's number is none even where each came once, nor is what was
    measured: two of a whole table may be equal where those of its first rows are not."""
    if one.filled < rows or one.distinct < rows or one.length > 64 or _named(_GROUP, one) or _named(_MEASURE, one):
        return 0.0
    if one.codes < 0.9 and not _named(_KEY, one):
        return 0.0
    exact = one.name.lower() in ("id", "key", "编号", "主键")
    return 4.0 * exact + 2.0 * _named(_KEY, one) + (0.5 if one.length <= 40 and not _named(_TEXT, one) else 0.0)


def _text_score(one: Column, rows: int) -> float:
    """Longer, and nearly every value another one; its name helps."""
    if one.numbers > 0.3 or one.times > 0.5 or one.distinct < min(5, rows) or _named(_MEASURE, one):
        return 0.0
    named = _named(_TEXT, one)
    varied = one.distinct / max(one.filled, 1)
    if not named and (varied < 0.5 or one.length < 8 or _named(_KEY, one)):
        return 0.0
    headline = one.name.lower().endswith(("title", "标题"))
    return 3.0 * named - headline + varied + min(one.length, 100) / 50


def _label_score(one: Column, rows: int) -> float:
    """Few short values that come again and again; its name helps."""
    few = 2 <= one.distinct <= min(_MOST_LABELS, max(2, rows // 3))
    if not few or one.length > 40 or one.times > 0.9 or one.numbers > 0.9 > one.filled / max(rows, 1):
        return 0.0
    named = _named(_LABEL, one)
    exact = one.name.lower().rpartition(".")[2] in (
        "label",
        "intent",
        "sentiment",
        "category",
        "truth",
        "标签",
        "意图",
        "情感",
        "类别",
        "分类",
    )
    if not named and (one.numbers > 0.5 or _named(_KEY, one)):
        return 0.0
    return 2.0 * exact + 2.0 * named + 0.5 * (one.numbers < 0.5) + 0.5 * one.filled / max(rows, 1)
