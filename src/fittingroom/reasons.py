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
    "not JSON: nested too deeply": "不是 JSON：嵌套过深",
    "no turn in the conversation": "对话中没有任何一轮",
    "alpaca holds question and answer in turn, no other order": "alpaca 只能存一问一答交替的对话",
    "alpaca holds no empty question or answer": "alpaca 不能存空的提问或回答",
    "prompt and completion need a question and its answer": "prompt/completion 需要一问一答",
    "a reply is no JSON object": "回复不是 JSON 对象",
    "the time cannot be read": "无法读取时间",
    "the customer is to be forgotten": "该客户已要求遗忘",
    "older than the retention of its source": "超过数据源的保留期限",
    "no time by which the retention could be kept": "没有可用于判断保留期限的时间",
    "unknown label": "未知标签",
    # of answers that an endpoint gave
    "blank": "空白回答",
    "thought only": "只有思考",
    "cut off": "被截断",
    "filtered": "被过滤",
    "no text": "没有文本",
    "no JSON": "不是 JSON",
    "no label in it": "其中没有标签",
    "outside the set": "不在标签集中",
    "none of these": "都不是",
    "no verdict": "没有评判",
}
_SENTENCES = (
    (r"(\d+) fields where the header has (\d+)", r"有 \1 列，而表头有 \2 列"),
    (r"values beyond the (\d+) named columns", r"超出了有列名的 \1 列"),
    (r"not a line of (.+)", r"不是 \1 格式的行"),
    (r"not JSON: .* at column (\d+)", r"不是 JSON，第 \1 列起有误"),
    (r"turn (\d+) is no object", r"第 \1 轮不是 JSON 对象"),
    (r"turn (\d+) is by nobody known .*", r"第 \1 轮的发言者未知（已知的有 user、assistant、system）"),
    (r"turn (\d+): the system speaks in the middle", r"第 \1 轮：system 在对话中间发言"),
    (r"turn (\d+) holds something else than text", r"第 \1 轮含有文本以外的内容"),
    (r"(.+) is no list of pairs", r"\1 不是一问一答的列表"),
    (r"(.+) is no list of turns", r"\1 不是对话轮次的列表"),
    (r"(.+) is no text", r"\1 不是文本"),
    (r"no (\S+)", r"没有 \1"),
    (r"bytes that are no text in column (.+)", r"列 \1 中有不是文本的字节"),
    (r"replies nested deeper than (\d+)", r"回复嵌套超过 \1 层"),
)
"""English -> Chinese, with what the groups found."""
