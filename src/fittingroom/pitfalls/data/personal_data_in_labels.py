"""Personal data stands beside the texts.

What goes wrong
    The texts are redacted, and the customer's name or number stands beside them: in what an annotator wrote as a label,
    in the key of a row, in the name of a file or source, in a column of goods or events.
Why it hurts
    These places are stored, shown in reports and sent to labellers like the texts, and nobody looks there when a
    customer asks to be forgotten.
How it is detected
    The labels of annotators, the names of sources, the names of files of rejected rows, a sample of the row keys and
    the side tables (columns of text but for the session and what the reader of a log says of a request) are searched
    for values that name a person. Values that the recipe names as public do not count. One is enough: the attempt ends
    here.
What the remedy does
    Puts the kind back into the redaction where it was taken out of it; a name of a file, a source or a key it advises
    to change at the source.
Not detected
    Bare names without a word beside them, and personal data that comes about only by joining tables outside the shop.
Source
    Personal Information Protection Law of the PRC, articles 6 and 47; GDPR, articles 5 and 17; Sweeney, k-anonymity,
    2002 (joins name people).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.pitfalls.data.personal_data import IN_CHINESE
from fittingroom.pitfalls.rows import column, sample
from fittingroom.tables import Table
from fittingroom.text.redact import KINDS, Kind, RedactConfig, find_personal
from fittingroom.types import Finding, Frozen, Page, Pitfall, Remedy, Rows, Safety, Severity, Text

_OURS = {"session", "kind", "method", "status"}
_REMEMBERED = 200_000
"""Values of a column that are looked at once only; beyond that the memory of them begins anew."""


class Settings(Frozen):
    """Limits."""

    kinds: list[Kind] = Field(
        default=["email", "id_card", "bank_card", "mobile", "phone", "landline", "passport", "wechat", "qq"]
    )
    """Kinds that are searched for. Names and addresses are left out: titles of goods are full of words like them, and
    numbers of orders may stand in keys."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires on the first such value."""
    config = RedactConfig(kinds=settings.kinds, keep=list(rows.facts.get("public", [])))
    places: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for place, value in _beside(rows):
        found = {kind for kind, _, _ in find_personal(value, config)}
        places[place] += bool(found)
        kinds.update(found)
    total = places.total()
    if not total:
        return
    told_en = ", ".join(f"{place} {count}" for place, count in sorted(places.items()) if count)
    told_zh = "、".join(IN_CHINESE.get(kind, kind) for kind in sorted(kinds))
    yield Finding(
        severity=Severity.BLOCK,
        summary=Text(
            en=f"{total} values beside the texts name a person: {told_en} ({', '.join(sorted(kinds))})",
            zh=f"文本之外有 {total} 个值指认个人：{told_en}（{told_zh}）",
        ),
        measured={"values": float(total), **{kind: float(count) for kind, count in sorted(kinds.items())}},
        limits={"values": 0.0},
        strength=float(total),
    )


def _beside(rows: Rows) -> Iterator[tuple[str, str]]:
    """Every distinct value that stands beside the texts, with the place it stands in."""
    kept = rows.kept.lazy()
    labels = kept.select("annotations").explode("annotations").unnest("annotations").select("label").unique()
    for value in labels.collect()["label"].drop_nulls().sort():
        yield "annotations", value
    for value in kept.select("source").unique().collect()["source"].drop_nulls().sort():
        yield "source", value
    for key in column(sample(rows.kept), "row_key"):
        yield "row_key", key or ""
    if rows.rejected is not None:
        for value in sorted({value or "" for value in column(rows.rejected, "file")}):
            yield "file", value
    for name, table in sorted(rows.tables.items()):
        heads = {"id", "source", "row_key", "group", "time"} | _OURS
        texts = ("string", "large_string", "string_view")
        columns = [one.name for one in table.schema if one.name not in heads and str(one.type) in texts]
        for column_name, value in _distinct(table, columns):
            yield f"{name}.{column_name}", value


def _distinct(table: Table, names: list[str]) -> Iterator[tuple[str, str]]:
    """(column, value), each once, batch by batch: the paths of a year's requests need not be held."""
    seen: dict[str, set[str]] = {name: set() for name in names}
    for batch in table.batches():
        for name in names:
            fresh = {value for value in batch.column(name).unique().to_pylist() if value} - seen[name]
            seen[name] = fresh if len(seen[name]) > _REMEMBERED else seen[name] | fresh
            for value in sorted(fresh):
                yield name, value


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """Kinds that are not redacted are; else people change what carries the value."""
    redacted = list(used["prepare"]["redact"]["kinds"])
    missing = [kind for kind in KINDS if kind in finding.measured and kind not in redacted]
    if not missing:
        return Remedy(
            title=Text(
                en="Rename the file or source, or choose another key, so that it names no person",
                zh="给文件或数据源改名，或换一个主键，使其不指认个人",
            ),
            safety=Safety.ADVICE,
        )
    return Remedy(
        title=Text(en=f"Redact {', '.join(missing)}", zh=f"脱敏 {'、'.join(IN_CHINESE[kind] for kind in missing)}"),
        safety=Safety.AUTOMATIC,
        patch={"prepare.redact.kinds": [kind for kind in KINDS if kind in redacted or kind in missing]},
        expectation=Text(en="no value beside the texts names a person", zh="文本之外不再有指认个人的值"),
    )


ZH = Page(
    title="文本之外还有个人信息",
    what_goes_wrong="文本已脱敏，而顾客的姓名或号码就在旁边：标注人写进标签的内容、行的主键、文件名或数据源名、"
    "商品或事件表的某一列。",
    why_it_hurts="这些地方和文本一样被存储、写进报告、发给标注人，而顾客要求删除时没有人会去那里找。",
    how_it_is_detected="在标注人的标签、数据源名称、拒收行的文件名、抽样的行主键，以及商品与事件表的文本列"
    "（会话及日志读取器自己给出的列除外）中，查找能指认个人的值。配方中声明为公开的值不算。发现一处即终"
    "止本次尝试。",
    what_the_remedy_does="若该类信息被移出了脱敏范围，则重新纳入；若在文件名、数据源名或主键中，建议在来源处修改。",
    not_detected="旁边没有提示词的姓名；只有与店外数据合并才会出现的个人信息。",
    source="《个人信息保护法》第六条、第四十七条；GDPR 第 5、17 条；Sweeney，k-anonymity，2002。",
)

PITFALL = Pitfall("personal-data-in-labels", "prepare", Settings(), detect, remedy, ZH, rank=1, guards=True)
