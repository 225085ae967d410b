"""What is wrong with a value of the recipe, in both languages: pydantic says it in English only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fittingroom.types import Text

_KINDS = {
    "int_parsing": "应为整数",
    "int_type": "应为整数",
    "int_from_float": "应为整数，不能带小数",
    "float_parsing": "应为数字",
    "float_type": "应为数字",
    "finite_number": "应为有限的数字",
    "bool_parsing": "应为 true 或 false",
    "bool_type": "应为 true 或 false",
    "string_type": "应为文本",
    "list_type": "应为列表",
    "dict_type": "应为键值对",
    "model_type": "应为一节配置（键值对）",
    "model_attributes_type": "应为一节配置（键值对）",
    "greater_than": "应大于 {gt}",
    "greater_than_equal": "应不小于 {ge}",
    "less_than": "应小于 {lt}",
    "less_than_equal": "应不大于 {le}",
    "literal_error": "应为 {expected} 之一",
    "enum": "应为 {expected} 之一",
    "string_pattern_mismatch": "应符合 {pattern}",
    "string_too_short": "至少 {min_length} 个字符",
    "string_too_long": "至多 {max_length} 个字符",
    "too_short": "至少要有 {min_length} 项",
    "too_long": "至多 {max_length} 项",
}
"""Type of pydantic's error -> in Chinese, with what its context holds."""

_OURS = (
    (r"a list of columns names each once, and at least one", "列名列表至少一项，且不能重复"),
    (r"annotations go with the rows they speak of: set `retention` there",
     "标注随其所属的行：请在那个数据源设置 `retention`"),
    (r"`retention` needs `time`: the column that says how old a row is", "`retention` 需要 `time`：说明一行有多旧的列"),
    (r"a password must not stand in a recipe; .*", "密码不能写在配方里；请写 ${NAME}，并在环境变量中设置 NAME"),
    (r"a key must not stand in a recipe; .*", "密钥不能写在配方里；请写 ${NAME}，并在环境变量中设置 NAME"),
    (r"(.+): not a regular expression: (.*)", r"\1：不是正则表达式：\2"),
    (r"not a regular expression: (.*)", r"不是正则表达式：\1"),
    (r"(.+): a group is named item or terms, not (.*)", r"\1：命名组只能是 item 或 terms，而不是 \2"),
    (r"dev, calibration and test together must leave .*", "dev、calibration、test 之和必须小于 1，给 train 留出份额"),
    (r"the same (?:baseline|field) stands twice", "同一项出现了两次"),
    (r"at_least: 1 can never be met .*", "decide: bound 时 at_least 不能为 1，下限永远达不到 1；请调低"),
    (r"`previous` follows from the moves of `champion`.*", "`previous` 随 `champion` 而动，不能单独移动"),
    (r"input holds the target (.+): .*", r"input 中含有目标字段 \1：等于把答案告诉模型"),
    (r"a rule needs keywords, regex or where", "规则需要 keywords、regex 或 where"),
    (r"an empty keyword would hold everywhere", "空关键词会处处命中"),
    (r"(.+): a kind is lower-case letters and _, .*", r"\1：类型名只能用小写字母和 _，且不能是内置类型"),
    (r"(.+): the pattern matches nothing at all, .*", r"\1：该模式会匹配空文本或它自己的占位符"),
    (r"with level (.+) the content signal needs permutations: (.+) or more",
     r"level 为 \1 时，内容信号至少需要 \2 次置换"),
    (r"gate\.better_than asks for (.+), which evaluate\.baselines .*",
     r"gate.better_than 要求 \1，但 evaluate.baselines 中没有：请加上"),
)  # fmt: skip
"""What our own checks say."""


def wrong(problem: Mapping[str, Any]) -> Text:
    """One entry of `ValidationError.errors()` in words; what is in neither table stays in English."""
    message = str(problem["msg"]).removeprefix("Value error, ")
    form = _KINDS.get(str(problem["type"]))
    if form is not None:
        context = {name: str(value).replace(" or ", "、").replace(", ", "、") if name == "expected" else value
                   for name, value in (problem.get("ctx") or {}).items()}  # fmt: skip
        return Text(en=message, zh=form.format(**context))
    for pattern, said in _OURS:
        if found := re.fullmatch(pattern, message):
            return Text(en=message, zh=found.expand(said))
    return Text(en=message, zh=message)
