"""The recipe that `fittingroom init DIR --source …` drafts: what was found, what it seems to be for, with samples.

Samples are cleaned and redacted before they are written, and only columns that hold running text or a few values that
come again show any: a bare name in some other column could not be recognised.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence

from fittingroom.config import parse
from fittingroom.errors import SourceError
from fittingroom.sources.guess import Column, annotations_of, named_like_label
from fittingroom.sources.rows import conversation_column, joining_column
from fittingroom.sources.survey import Surveyed
from fittingroom.text.clean import CleanConfig
from fittingroom.text.redact import RedactConfig
from fittingroom.text.wash import wash

_SHOWN_CHARS = 60
_PARTS = {
    "key": "primary key / 主键",
    "group": "customer or conversation / 客户或会话",
    "time": "time / 时间",
    "text": "text / 文本",
    "label": "label / 标签",
    "annotator": "who labelled / 标注人",
    "personal": "personal data / 个人信息",
    "": "-",
}
_GOODS = ("goods", "product", "item", "sku", "catalog", "商品", "货品")


def draft(where: str, found: Sequence[Surveyed]) -> str:
    """The text of a commented recipe. Raises SourceError when no table has both text and rows."""
    readable = [one for one in found if one.columns and one.rows]
    examples = max(readable, key=_fitness, default=None)
    if examples is None or examples.part("text") is None:
        names = ", ".join(one.name for one in readable)
        raise SourceError(
            f"no table has a column of text that a model could read ({names}); `fittingroom init DIR` writes a recipe "
            "that you fill in",
            f"没有找到含文本列的表（{names}）；请手写配方：fittingroom init DIR",
            place=where,
        )
    text = "\n".join([*_head(examples), *_sources(examples, readable), *_tail(found)]) + "\n"
    import yaml

    parse(yaml.safe_load(text), place="recipe.yaml")  # a draft that does not load would be our fault: say so at once
    return text


def _fitness(one: Surveyed) -> tuple[bool, bool, int]:
    return one.part("text") is not None and one.values["kind"] != "weblog", one.part("label") is not None, one.rows


def _head(examples: Surveyed) -> Iterator[str]:
    label = examples.part("label")
    yield "# A draft, made from the names and the first rows of your data. Look at every line that says `guess`."
    yield "# 根据您的数据的列名与前几行起草。凡标有 guess（猜测）的行都请核对。"
    yield "# Then / 然后：fittingroom check"
    yield "name: my-shop"
    yield "seed: 7"
    yield ""
    yield "task:"
    yield "  kind: classify            # one label out of a closed set / 在固定标签集中选一个"
    yield "  input: [text]             # what the model reads / 模型看到的字段"
    if label is None:
        yield "  target: label             # NO COLUMN LOOKS LIKE A LABEL: name one under `fields`"
        yield "                            # 没有像标签的列：请在 fields 里指定"
    else:
        yield "  target: label             # the wanted answer / 期望的答案字段"
    yield ""


def _sources(examples: Surveyed, readable: Sequence[Surveyed]) -> Iterator[str]:
    yield "sources:"
    yield from _entry(examples, "examples", "  ")
    yield from _annotations(examples)
    for one in readable:
        if one is examples:
            continue
        role = "events" if one.values["kind"] == "weblog" else "goods" if _is_goods(one) else "examples"
        # Side tables are used; a second table of examples would need a person's word on what it means.
        yield from _entry(one, role, "  " if (role != "examples" and one.part("key")) or role == "events" else "  # ")
    yield ""


def _annotations(examples: Surveyed) -> Iterator[str]:
    """How the same table could be read as labels by people, when each of its rows is one."""
    found = annotations_of(examples.columns, examples.rows)
    annotator = examples.part("annotator")
    if found is None or annotator is None:
        return
    about, given = (dumped(one.name) for one in found)
    yield "  # guess: each row is one person's label. To weigh them against each other, give the examples as a table"
    yield f"  # with one row for each {about} (and `key: {about}`), and this one as their annotations:"
    yield f"  # 猜测：每行是一个人的标注。若要综合多人意见，请另备一张每个 {about} 只有一行的样本表（并写 key），"
    yield "  # 本表则作为标注："
    yield f"  # - kind: {examples.values['kind']}"
    for name, value in examples.values.items():
        if name != "kind":
            yield f"  #   {name}: {dumped(value)}"
    yield "  #   role: annotations"
    yield f"  #   key: {about}"
    yield f"  #   annotator: {dumped(annotator.name)}"
    yield f"  #   label: {given}"


def _is_goods(one: Surveyed) -> bool:
    return any(word in one.name.lower() for word in _GOODS) and one.part("key") is not None


def _entry(one: Surveyed, role: str, indent: str) -> Iterator[str]:
    yield f"{indent}- kind: {one.values['kind']}"
    for name, value in one.values.items():
        if name != "kind":
            yield f"{indent}  {name}: {dumped(value)}"
    if role != "examples":
        yield f"{indent}  role: {role}"
    if one.values["kind"] == "weblog":
        return
    for part in ("key", "group", "time"):
        column = one.part(part)
        if column is not None and not (part == "group" and column.name == "thread"):
            named = _groups(one, column.name) if part == "group" else column.name
            yield f"{indent}  {part}: {dumped(named)}    # guess: {_PARTS[part]}"
    if role == "examples":
        fields = {part: column.name for part in ("text", "label") if (column := one.part(part)) is not None}
        inside = ", ".join(f"{part}: {dumped(name)}" for part, name in fields.items())
        yield f"{indent}  fields: {{{inside}}}    # guess: our name -> your column / 我们的名字 -> 您的列"


def _groups(one: Surveyed, first: str) -> str | list[str]:
    """The column guessed as the group; with others that name customers or conversations, the customers' first."""
    more = [column.name for column in one.columns if not column.part and column.filled and column.distinct > 1]
    found = [name for name in (first, *more) if joining_column(name) == "customer" or conversation_column(name)]
    several = sorted(dict.fromkeys([first, *found]), key=conversation_column)
    return several if len(several) > 1 else first


def _tail(found: Sequence[Surveyed]) -> Iterator[str]:
    yield "prepare: {clean: {}, redact: {}}"
    yield "split: {dev: 0.1, calibration: 0.05, test: 0.15}"
    yield "model: {base: nano}         # nano | a local folder | a hub id | modelscope:org/name"
    yield "train: {method: full, learning_rate: auto, batch_size: auto, epochs: auto}"
    yield "evaluate: {baselines: [majority, tfidf, untuned]}"
    yield "gate: {metric: macro_f1, at_least: 0.8, better_than: [majority, untuned]}"
    yield "adapt: {max_attempts: 4, max_minutes: 60}"
    yield ""
    yield "# What was found, by the first rows of each table; samples are redacted."
    yield "# 以下为各表前若干行的概况，样例已脱敏。"
    for one in found:
        yield "#"
        if one.fault:
            yield f"# {one.name}: cannot be read / 无法读取: {' '.join(one.fault.split())[:200]}"
            continue
        torn = f", {one.rejected} unreadable / 行无法读取" if one.rejected else ""
        yield f"# {one.name}: {one.rows} rows looked at / 行{torn}"
        for column in one.columns:
            counts = f"{column.filled} filled, {column.distinct} distinct"
            yield f"#   {' '.join(column.name.split())}: {_PARTS[column.part]}; {counts}{_shown(column)}"


def _shown(column: Column) -> str:
    """Redacted samples of a column that may show any."""
    few = column.distinct <= 12 and column.filled >= 5 * column.distinct
    # Of a column that comes in few values, but by its name is no label, the values may be names of people.
    harmless = named_like_label(column) or column.numbers > 0.9
    if harmless and (column.part == "label" or (not column.part and few)):
        safe = _safe(column, [value for value, _ in column.common])
        values = [f"{value} ×{count}" for value, (_, count) in zip(safe, column.common, strict=True)]
    elif column.part in ("text", "time"):
        values = [f"“{value}”" for value in _safe(column, column.first)]
    else:
        return ""
    return "; " + ", ".join(values) if values else ""


def _safe(column: Column, values: Sequence[str]) -> list[str]:
    """Cleaned, redacted, then cut (a cut through a number would hide it). The key is thrown away afterwards."""
    if not values:
        return []
    washed = wash(list(values), CleanConfig(), RedactConfig(), secrets.token_bytes(32), kind=column.personal)
    return [" ".join(one.text.split())[:_SHOWN_CHARS] for one in washed]


def dumped(value: str | list[str]) -> str:
    """A value as YAML reads it in one line, whatever is in it."""
    return json.dumps(value, ensure_ascii=False)
