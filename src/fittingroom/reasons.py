"""Why a row was dropped or rejected, in Chinese: tables hold the reason in English, as what it is counted by."""

from __future__ import annotations

import re


def in_chinese(reason: str) -> str:
    """The reason in Chinese; one that is not known here (of a plugin, say) stands for itself."""
    found = ((re.fullmatch(pattern, reason), said) for pattern, said in _SENTENCES)
    return _WORDS.get(reason) or next((match.expand(said) for match, said in found if match), reason)


_WORDS = {
    "too short": "过短",
    "spam": "垃圾信息",
    "too long": "过长",
    "empty": "空文本",
    "garbled": "乱码",
    "boilerplate": "套话",
    "other language": "其他语言",
    "irrelevant": "与业务无关",
    "probably wrong": "标签很可能有误",
    "no key": "没有主键",
    "no label": "没有标签",
    "no annotator": "没有标注人",
    "no row has this key": "没有这个主键的行",
    "the key stands twice": "主键重复",
    "the key was turned into a rounded number by a spreadsheet": "主键被表格软件改成了舍入的数字",
    "a quote is not closed": "引号没有闭合",
    "a quote inside a quoted field is not doubled": "引号内的引号没有写成两个",
    "not a JSON object": "不是 JSON 对象",
    "a reply is no JSON object": "回复不是 JSON 对象",
    "the time cannot be read": "无法读取时间",
    "the customer is to be forgotten": "该客户已要求遗忘",
    "older than the retention of its source": "超过数据源的保留期限",
    "no time by which the retention could be kept": "没有可用于判断保留期限的时间",
    "unknown label": "未知标签",
}
_SENTENCES = (
    (r"(\d+) fields where the header has (\d+)", r"有 \1 列，而表头有 \2 列"),
    (r"values beyond the (\d+) named columns", r"超出了有列名的 \1 列"),
    (r"not a line of (.+)", r"不是 \1 格式的行"),
    (r"not JSON: .* at column (\d+)", r"不是 JSON，第 \1 列起有误"),
    (r"bytes that are no text in column (.+)", r"列 \1 中有不是文本的字节"),
    (r"replies nested deeper than (\d+)", r"回复嵌套超过 \1 层"),
)
"""English -> Chinese, with what the groups found."""
